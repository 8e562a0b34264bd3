/*
 * The end of a request's life: its answer, and what is counted of it.
 *
 * #syscalls ioctl(IOCTL_EVTCHN_NOTIFY)
 */
#include "backends/blk/io.h"

#include <string.h>

#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/stamp.h"
#include "transport/xen/teststep.h"
#include "transport/xen/worker_loop.h"

static void list_push(struct io_list *l, struct io_req *r)
{
    r->next = l->head;
    l->head = r;
    if (!r->next)
        l->tail = &r->next;
}

static void put(struct blk_queue *q, const struct blkif_rsp *rsp)
{
    uint8_t slot[STAMP_SLOT] = {0};

    if (!q->stamps) {
        ring_back_put(&q->ring, rsp, sizeof(*rsp));
        return;
    }
    memcpy(slot, rsp, sizeof(*rsp));
    stamp_put(slot, ticks_now());
    ring_back_put(&q->ring, slot, sizeof(slot));
}

void io_answer(struct blk_queue *q, struct io_req *r, int16_t status)
{
    struct blkif_rsp rsp = {.id = r->plan.id, .op = r->plan.rsp_op, .status = status};

    set_state(r, IO_ANSWERED);
    r->status = status;
    rmw_leave(q, r);
    data_release(q, r);
    if (q->barrier == r) {
        q->barrier = NULL;
        q->barrier_begun = false;
    }
    if (!q->ring_dead) {
        journal_answer(&q->journal, index_of(q, r), q->ring.prod, status);
        put(q, &rsp);
        teststep(STEP_ANSWERED);
    }
    io_list_add(&q->answered, r);
}

/* Time stamps of two processors may differ by a little. */
static uint64_t since(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

/* What one push adds to the device's counts, which its queues share. */
struct tally {
    uint64_t ops[STAT_OPS], bytes[STAT_OPS], errors[STAT_OPS];
};

static void count(struct blk_queue *q, const struct io_req *r, uint64_t now, struct tally *t)
{
    enum stat_op op = r->plan.action == REQ_READ    ? STAT_READ
                      : r->plan.action == REQ_WRITE ? STAT_WRITE
                                                    : STAT_OTHER;
    struct hist *h = q->stats->stage[op];
    uint64_t ready;

    t->ops[op]++;
    if (r->status != BLKIF_OKAY) {
        t->errors[op]++;
        return;
    }
    t->bytes[op] += r->len;
    if (!STAGES || !r->taken_ns)
        return;
    if (r->disk_ns) {
        ready = r->copied_ns ? r->copied_ns : r->done_ns;
        hist_add_shared(&h[STAGE_GRANT], since(r->taken_ns, r->disk_ns) + since(r->done_ns, ready),
                        1);
        hist_add_shared(&h[STAGE_DEVICE], since(r->disk_ns, r->done_ns), 1);
        hist_add_shared(&h[STAGE_ANSWER], since(ready, now), 1);
    }
    hist_add_shared(&h[STAGE_TOTAL], since(r->taken_ns, now), 1);
}

static void publish(struct dev_stats *s, const struct tally *t)
{
    for (unsigned op = 0; op < STAT_OPS; op++) {
        stats_add(&s->ops[op], t->ops[op]);
        stats_add(&s->bytes[op], t->bytes[op]);
        stats_add(&s->errors[op], t->errors[op]);
    }
}

static void tell_first_answer(struct blk_queue *q)
{
    log_info("first answer %llu us after the loss%s",
             (unsigned long long)(clock_ns() - q->lost_ns) / 1000,
             q->awaited ? "" : ", asked for after it was served again");
    q->lost_ns = 0;
    if (q->awaited)
        worker_lower_priority();
}

void io_push(struct blk_queue *q)
{
    struct tally t = {{0}, {0}, {0}};
    struct io_req *r;
    int rc;

    if (!q->answered.head)
        return;
    /* Before the guest is woken: on a shared processor it would run now, on our account. */
    q->now_ns = stage_clock_ns(q);
    if (!q->ring_dead && ring_back_push(&q->ring)) {
        teststep(STEP_BEFORE_NOTIFY);
        stats_add(&q->stats->notifies, 1);
        rc = evtchn_notify(&q->ev, q->port);
        if (rc)
            blk_queue_fault(q, rc, "event channel lost: %s", strerror(-rc));
        teststep(STEP_AFTER_NOTIFY);
    }
    if (q->lost_ns)
        tell_first_answer(q);
    while ((r = list_take(&q->answered))) {
        count(q, r, q->now_ns, &t);
        journal_free(&q->journal, index_of(q, r));
        set_state(r, IO_FREE);
        q->timed -= r->taken_ns != 0;
        list_push(&q->free, r); /* the last used is still in the cache */
        q->in_flight--;
    }
    publish(q->stats, &t);
    stats_cpu(q->stats, &q->cpu, q->now_ns);
}
