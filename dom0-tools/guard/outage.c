/*
 * How long the guests of a driver domain that died had no answers, part by part: measured by what
 * its blackbox and its drvdomd show, so that each part can be made shorter.
 */
#include <stdio.h>

#include "dom0-tools/guard/guard.h"
#include "schema/driver-domain.h"
#include "transport/base/log.h"

enum { POLL_MS = 5 };
/* With guests that ask for nothing there is no first answer. */
static const uint64_t PATIENCE_NS = UINT64_C(30000000000);

/* Answers of all devices together; the counts were written by the driver domain, and only their
 * change is looked at. */
static uint64_t answers(const struct domain *d)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < BB_SLOTS; i++) {
        const uint64_t *ops = d->memory.slot[i].stats.ops;

        for (unsigned op = 0; op < STAT_OPS; op++)
            n += __atomic_load_n(&ops[op], __ATOMIC_RELAXED);
    }
    return n;
}

static unsigned ms(uint64_t from, uint64_t to)
{
    return (unsigned)((to - from) / 1000000);
}

static void report(const struct domain *d, uint64_t now)
{
    const struct outage *o = &d->outage;
    char first[48] = "no guest asked for anything";

    if (now)
        snprintf(first, sizeof(first), "first answer %u ms", ms(o->ready_ns, now));
    log_info("%s: outage of %u ms: gone %u ms, create %u ms, restore %u ms, boot %u ms, adopt %u "
             "ms, %s",
             d->name, ms(d->died_ns, now ? now : o->ready_ns), ms(d->died_ns, o->gone_ns),
             ms(o->gone_ns, o->created_ns), ms(o->created_ns, o->restored_ns),
             ms(o->restored_ns, o->started_ns), ms(o->started_ns, o->ready_ns), first);
}

static void poll_once(void *arg)
{
    struct domain *d = arg;
    struct outage *o = &d->outage;
    enum drvdom_state state;
    uint64_t now = clock_ns();
    char dir[STORE_PATH_MAX];

    (void)drvdom_dir_of(dir, sizeof(dir), d->domid);
    if (!o->ready_ns && drvdom_get_state(d->g->store, 0, dir, &state) == 0) {
        o->started_ns = o->started_ns ? o->started_ns : now;
        if (state == DRVDOM_STATE_READY)
            o->ready_ns = now;
    }
    if (answers(d) != o->answers_before) {
        /* Devices are adopted one by one: the first may answer before the last is there. */
        o->started_ns = o->started_ns ? o->started_ns : now;
        o->ready_ns = o->ready_ns ? o->ready_ns : now;
        report(d, now);
    } else if (now - o->restored_ns < PATIENCE_NS) {
        loop_timer_set(&d->g->loop, &o->timer, (uint64_t)POLL_MS * 1000000u);
    } else if (o->ready_ns) {
        report(d, 0);
    }
}

void outage_watch(struct domain *d, uint64_t gone_ns, uint64_t created_ns)
{
    d->outage = (struct outage){.timer = {.fn = poll_once, .arg = d},
                                .gone_ns = gone_ns,
                                .created_ns = created_ns,
                                .restored_ns = clock_ns(),
                                .answers_before = answers(d)};
    loop_timer_set(&d->g->loop, &d->outage.timer, (uint64_t)POLL_MS * 1000000u);
}

void outage_forget(struct domain *d)
{
    loop_timer_cancel(&d->g->loop, &d->outage.timer);
}
