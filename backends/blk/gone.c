/*
 * A disk that has gone while its guests use it.  `xl destroy` of a driver domain first takes its
 * PCI devices away, one by one, while the domain still runs: what is asked of them meanwhile fails,
 * and a stock guest never asks again for what was answered with an error.  So nothing is answered
 * then: the requests stay in the journal as they are, and this domain's successor, which has the
 * disk again, carries them out.  No successor comes for a disk that simply broke: after HOLD_NS the
 * guest gets its errors.
 */
#include "backends/blk/queue.h"
#include "transport/base/log.h"

static const uint64_t HOLD_NS = UINT64_C(30000000000);

void gone_start(struct blk_queue *q)
{
    io_list_init(&q->held);
    q->held_until_ns = 0;
    q->hold_no_more = false;
    if (!q->hold_ns)
        q->hold_ns = HOLD_NS;
}

bool gone_hold(struct blk_queue *q, struct io_req *r, int err)
{
    if (q->hold_no_more || q->stopping || !disk_is_gone(&q->disk))
        return false;
    if (!q->held_until_ns) {
        q->now_ns = ticks_ns(); /* that of this turn may be old */
        q->held_until_ns = q->now_ns + q->hold_ns;
        log_warn("the disk is gone: no request is answered for %u s, so that a successor of this "
                 "driver domain can carry them out",
                 (unsigned)(q->hold_ns / 1000000000u));
    }
    r->held_err = err;
    io_list_add(&q->held, r);
    return true;
}

void gone_sweep(struct blk_queue *q)
{
    struct io_req *r, *next;

    if (!q->held_until_ns || !(q->now_ns >= q->held_until_ns || q->stopping || q->ring_dead))
        return;
    q->held_until_ns = 0;
    q->hold_no_more = true;
    for (r = q->held.head; r; r = next) {
        next = r->next; /* answering puts it into another list */
        io_disk_failed(q, r, r->held_err);
    }
    io_list_init(&q->held);
}
