/* See spare.h. */
#include "driver-domain/drvdomd/spare.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-domain/drvdomd/device.h"
#include "driver-domain/drvdomd/spawn.h"
#include "driver-domain/drvdomd/watch.h"
#include "transport/base/log.h"

/* When so many have ended by themselves no more are started, until a worker serves. */
enum { LOST_MAX = 4, SPARE_NICE = 5 };
static const uint64_t NEXT_NS = UINT64_C(5000000);

/* DRVDOM_SPARES is for tests that look at every process. */
static unsigned wanted(void)
{
    const char *n = getenv("DRVDOM_SPARES");

    return n ? MIN((unsigned)strtoul(n, NULL, 10), (unsigned)SPARES) : (unsigned)SPARES;
}

static void end(struct spare *s)
{
    close(s->sock);
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
}

static bool is_alive(const struct spare *s)
{
    return s->pid && waitpid(s->pid, NULL, WNOHANG) == 0;
}

/* Is it there?  One that has ended by itself is waited for already. */
static bool look(struct drvdomd *d, struct spare *s)
{
    if (!s->pid || is_alive(s))
        return s->pid;
    close(s->sock);
    s->pid = 0;
    d->spares_lost++;
    return false;
}

static bool is_used(const struct drvdomd *d, const struct backend_class *class)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (d->dev[i] && d->dev[i]->class == class)
            return true;
    }
    return false;
}

/* drvdomd's own priority is above that of workers that serve (drvdom-init), and a worker has it
 * from its first task until its guest has an answer. One that is only being started in reserve has
 * less than those that serve: starting takes longer than taking up a ring, and neither who dies
 * meanwhile nor the guest that has just lost a worker is to wait for it. */
static void set_urgent(const struct spare *s, bool urgent)
{
    if (setpriority(PRIO_PROCESS, (id_t)s->pid, urgent ? getpriority(PRIO_PROCESS, 0) : SPARE_NICE))
        log_warn("%s: priority: %s", s->program, strerror(errno));
}

static bool start(struct drvdomd *d, struct spare *s, const struct backend_class *class)
{
    *s = (struct spare){.program = class->worker};
    s->pid = spawn_process(d, s->program, &s->sock);
    if (s->pid > 0)
        return true;
    log_warn("no %s in reserve: %s", s->program, strerror(-s->pid));
    s->pid = 0;
    return false;
}

/* At most one process at a time, so that a death in between finds us soon. */
static void refill(void *arg)
{
    struct drvdomd *d = arg;
    bool busy = device_any_taken_over(d);

    for (unsigned c = 0; c < CLASSES; c++) {
        bool used = is_used(d, watch_class(c));

        for (unsigned i = 0; i < SPARES; i++) {
            struct spare *s = &d->spare[c][i];

            if (look(d, s) && !used)
                end(s);
            if (s->pid || !used || i >= wanted() || busy || d->spares_lost >= LOST_MAX)
                continue;
            /* Refused, of memory or processes: the next worker that is needed asks again. */
            if (start(d, s, watch_class(c))) {
                set_urgent(s, false);
                spare_refill(d, NEXT_NS);
            }
            return;
        }
    }
    if (busy)
        spare_refill(d, NEXT_NS);
}

void spare_refill(struct drvdomd *d, uint64_t ns)
{
    d->refill.fn = refill;
    d->refill.arg = d;
    loop_timer_set(&d->loop, &d->refill, ns);
}

void spare_fill(struct drvdomd *d)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        for (unsigned i = 0; i < wanted(); i++) {
            /* The first one is waited for; the others are not to take its turn. */
            if (start(d, &d->spare[c][i], watch_class(c)))
                set_urgent(&d->spare[c][i], i == 0);
        }
    }
}

static void hear(struct spare *s)
{
    struct worker_msg m;

    s->waiting |= worker_recv(s->sock, &m, NULL, NULL) > 0 && m.type == WORKER_WAITING;
}

/* One that waits rather than one that is still on its way there. */
static struct spare *best(struct drvdomd *d, const char *program)
{
    struct spare *found = NULL;

    for (unsigned c = 0; c < CLASSES; c++) {
        for (unsigned i = 0; i < SPARES; i++) {
            struct spare *s = &d->spare[c][i];

            if (!look(d, s) || strcmp(s->program, program) != 0)
                continue;
            hear(s);
            if (!found || s->waiting)
                found = s;
        }
    }
    return found;
}

bool spare_take(struct drvdomd *d, const char *program, pid_t *pid, int *sock)
{
    struct spare *s = best(d, program);

    if (!s)
        return false;
    set_urgent(s, true);
    *pid = s->pid;
    *sock = s->sock;
    s->pid = 0;
    return true;
}

bool spare_is_waiting(struct drvdomd *d, const struct backend_class *class)
{
    bool none = true;

    for (unsigned c = 0; c < CLASSES; c++) {
        for (unsigned i = 0; i < SPARES && watch_class(c) == class; i++) {
            struct spare *s = &d->spare[c][i];

            if (!look(d, s))
                continue;
            none = false;
            hear(s);
            if (s->waiting)
                return true;
        }
    }
    return none && !d->refill.due_ns;
}

void spare_end(struct drvdomd *d)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        for (unsigned i = 0; i < SPARES; i++) {
            if (look(d, &d->spare[c][i]))
                end(&d->spare[c][i]);
        }
    }
}

unsigned spare_count(const struct drvdomd *d)
{
    unsigned n = 0;

    for (unsigned c = 0; c < CLASSES; c++) {
        for (unsigned i = 0; i < SPARES; i++)
            n += d->spare[c][i].pid != 0;
    }
    return n;
}
