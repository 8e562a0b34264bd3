/*
 * The life of a block request, from a slot of the ring to its answer.  The queue's thread calls
 * io_disk_done() for what has finished and io_sweep() for the rest, so that one sweep costs at most
 * one or two grant copies, one push and one notify however many requests it moves.
 *
 * #syscalls ioctl(IOCTL_EVTCHN_NOTIFY)
 */
#include "backends/blk/io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/stamp.h"
#include "transport/xen/teststep.h"

/* ---- lists ---- */

void io_list_init(struct io_list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

void io_list_add(struct io_list *l, struct io_req *r)
{
    r->next = NULL;
    *l->tail = r;
    l->tail = &r->next;
}

/* ---- the disk ---- */

void io_on_disk(struct io_req *r)
{
    set_state(r, IO_ON_DISK);
}

static void start_data(struct blk_queue *q, struct io_req *r)
{
    uint64_t off = r->plan.sector * BLKIF_SECTOR - r->lead + r->moved;
    uint8_t *at = r->data - r->lead + r->moved;

    set_state(r, IO_ON_DISK);
    if (r->plan.action == REQ_READ)
        disk_read(&q->disk, index_of(q, r), at, r->span - r->moved, off);
    else
        disk_write(&q->disk, index_of(q, r), at, r->span - r->moved, off);
}

/* False: the range holds no whole unit, and keeping data that may be discarded is allowed. */
static bool start_discard(struct blk_queue *q, struct io_req *r)
{
    if (r->plan.secure) {
        set_state(r, IO_ON_DISK);
        io_disk_done(
            q, index_of(q, r),
            disk_erase(&q->disk, r->plan.sector * BLKIF_SECTOR, r->plan.nr_sectors * BLKIF_SECTOR));
        return true;
    }
    if (!disk_discard(&q->disk, index_of(q, r), r->plan.sector * BLKIF_SECTOR,
                      r->plan.nr_sectors * BLKIF_SECTOR))
        return false;
    set_state(r, IO_ON_DISK);
    return true;
}

static bool start_flush(struct blk_queue *q, struct io_req *r)
{
    if (!disk_flush(&q->disk, index_of(q, r)))
        return false;
    set_state(r, IO_ON_DISK);
    return true;
}

/* A request's way over the disk: flush what came before, the data, flush it. */
enum step { STEP_PREFLUSH, STEP_DATA, STEP_POSTFLUSH, STEP_END };

/* Starts the next step that has something to do; after the last one the request is answered. */
static void advance(struct blk_queue *q, struct io_req *r)
{
    if (!r->disk_ns)
        r->disk_ns = q->now_ns;
    while (r->step < STEP_END) {
        switch ((enum step)r->step++) {
        case STEP_PREFLUSH:
            if (r->plan.preflush && start_flush(q, r))
                return;
            break;
        case STEP_DATA:
            if (r->plan.action == REQ_DISCARD && start_discard(q, r))
                return;
            if (r->plan.action == REQ_READ || r->plan.action == REQ_WRITE) {
                start_data(q, r);
                return;
            }
            break;
        case STEP_POSTFLUSH:
            if (r->plan.fua && start_flush(q, r))
                return;
            break;
        case STEP_END:
            break;
        }
    }
    io_answer(q, r, BLKIF_OKAY);
}

/* ---- copies ---- */

static void begin(struct blk_queue *q, struct io_req *r);

static void refuse(struct blk_queue *q, struct io_req *r, enum req_verdict v)
{
    log_peer("request refused: %s", req_reason(v));
    r->plan.action = REQ_NONE;
    io_answer(q, r, req_status(v));
}

/* The segments of an indirect request are here, in private memory, fetched once (B5). */
static void have_segments(struct blk_queue *q, struct io_req *r)
{
    enum req_verdict v = req_segments(r->indirect, &q->rules, &r->plan);

    if (v == REQ_GO)
        begin(q, r);
    else
        refuse(q, r, v);
}

/* Copying is over: a write may go to the disk, a read may be answered. */
static void go_on(struct blk_queue *q, struct io_req *r)
{
    teststep(STEP_COPIED);
    if (r->indirect_read) {
        r->indirect_read = false;
        if (r->state == IO_COPYING)
            set_state(r, IO_TAKEN);
        have_segments(q, r);
    } else if (r->plan.action == REQ_WRITE) {
        advance(q, r);
    } else {
        io_answer(q, r, BLKIF_OKAY);
    }
}

static void copy(struct blk_queue *q, struct io_req *r)
{
    bool done = r->indirect_read ? data_copy_indirect(q, r) : data_copy(q, r);

    if (done)
        go_on(q, r);
    else
        set_state(r, IO_COPYING);
}

/* A write of which any part could not be copied never reaches the disk (B18). */
void io_copied(struct blk_queue *q, struct io_req *r)
{
    if (r->plan.action == REQ_READ)
        r->copied_ns = q->now_ns;
    if (r->copied) {
        go_on(q, r);
        return;
    }
    log_peer("request refused: a granted page cannot be read or written");
    io_answer(q, r, BLKIF_ERROR);
}

/* ---- taking ---- */

void io_may_go(struct blk_queue *q, struct io_req *r)
{
    if (r->plan.action == REQ_WRITE)
        copy(q, r);
    else
        advance(q, r);
}

/* Its data has a place. */
static void go(struct blk_queue *q, struct io_req *r)
{
    if (r->plan.action == REQ_READ || rmw_enter(q, r))
        io_may_go(q, r);
}

/* A decoded request: on its way, or it waits until there is room for its data (in order). */
static void begin(struct blk_queue *q, struct io_req *r)
{
    quota_take(&q->iops, 1);
    if (r->plan.nr_seg == 0) {
        if (r->plan.action != REQ_DISCARD || rmw_enter(q, r))
            advance(q, r);
        return;
    }
    r->len = (uint32_t)(r->plan.nr_sectors * BLKIF_SECTOR);
    quota_take(&q->bytes, r->len);
    if (q->stalled.head || !data_place(q, r))
        io_list_add(&q->stalled, r);
    else
        go(q, r);
}

static void retry_stalled(struct blk_queue *q)
{
    while (q->stalled.head && data_place(q, q->stalled.head))
        go(q, list_take(&q->stalled));
}

static void take_in(struct blk_queue *q, struct io_req *r)
{
    *r = (struct io_req){.state = IO_FREE,
                         .seg = r->seg,
                         .plan.seg = r->seg,
                         .indirect = r->indirect,
                         .taken_ns = q->timing ? q->now_ns : 0};
    q->timed += q->timing;
    set_state(r, IO_TAKEN);
    q->in_flight++;
}

/* A stamp is the guest's word: what cannot be is not counted, and the rest counts for its own
 * device only. */
static void note_wake(struct blk_queue *q, const struct io_req *r, const union blkif_slot *raw)
{
    enum { LONGEST_S = 10 };
    enum stat_op op = r->plan.action == REQ_READ ? STAT_READ : STAT_WRITE;
    uint64_t then;

    if (!q->stamps || r->plan.nr_seg == 0 || r->plan.nr_seg > STAMP_SEGS)
        return;
    then = ticks_to_ns(stamp_get(raw->bytes));
    if (then && then <= q->now_ns && q->now_ns - then < LONGEST_S * UINT64_C(1000000000))
        hist_add_shared(&q->stats->stage[op][STAGE_WAKE], q->now_ns - then, 1);
}

static void take_one(struct blk_queue *q, struct io_req *r, const union blkif_slot *raw)
{
    enum req_verdict v;

    take_in(q, r);
    v = req_decode(raw, &q->rules, &r->plan);
    r->indirect_read = v == REQ_NEED_PAGES;
    if (r->indirect_read)
        copy(q, r);
    else if (v != REQ_GO)
        refuse(q, r, v);
    else
        note_wake(q, r, raw);
    if (v != REQ_GO)
        return;
    if (r->plan.drain)
        q->barrier = r; /* begins when it is alone: io_sweep() */
    else
        begin(q, r);
}

static bool has_no_room(const struct blk_queue *q)
{
    return !q->free.head || q->stalled.head || q->barrier;
}

bool io_is_full(const struct blk_queue *q)
{
    return has_no_room(q) || q->throttled_until_ns || q->held_until_ns;
}

/* Has the device used up what its limits allow?  What it may not have now stays in the ring. */
static bool is_throttled(struct blk_queue *q)
{
    uint64_t a = quota_wait_ns(&q->iops, q->now_ns), b = quota_wait_ns(&q->bytes, q->now_ns);

    q->throttled_until_ns = a || b ? q->now_ns + MAX(a, b) : 0;
    return q->throttled_until_ns;
}

/* A barrier that all before it have finished for. */
static bool barrier_is_due(const struct blk_queue *q)
{
    return q->barrier && q->barrier->state == IO_TAKEN && !q->barrier_begun && q->in_flight == 1;
}

/* Takes at most one ring's worth, so that commands and completions get their turn (R10). */
static bool take(struct blk_queue *q)
{
    union blkif_slot raw;

    for (uint32_t budget = q->ring.slots; budget > 0; budget--) {
        int rc;

        if (q->stopping || q->ring_dead || q->held_until_ns || has_no_room(q) || is_throttled(q))
            return false;
        rc = ring_back_take(&q->ring, &raw);
        if (rc < 0)
            blk_queue_fault(q, rc, "the frontend's request index is impossible");
        if (rc <= 0)
            return false;
        q->useful = true;
        resume_note(q, index_of(q, q->free.head), &raw);
        teststep(STEP_TAKEN);
        take_one(q, list_take(&q->free), &raw);
    }
    return true;
}

/* ---- called by the queue's thread ---- */

/* A request keeps its place in the table, which is that of its record in the journal.  Records that
 * were answered and not freed are freed: left alone for 2^31 answers one would look like new. */
static void rebuild_free(struct blk_queue *q)
{
    io_list_init(&q->free);
    for (uint32_t i = 0; i < q->nreqs; i++) {
        bool used = false;

        for (uint32_t k = 0; k < q->nreplay; k++)
            used |= q->replay[k].index == i;
        if (used)
            continue;
        journal_free(&q->journal, i);
        io_list_add(&q->free, &q->reqs[i]);
    }
}

/* The data of such a read is in the guest, such a write is on the disk: done again it could undo
 * what the guest did next. */
static void answer_again(struct blk_queue *q, const struct journal_entry *e)
{
    struct io_req *r = &q->reqs[e->index];
    union blkif_slot raw;

    memcpy(&raw, e->raw, sizeof(raw));
    take_in(q, r);
    (void)req_decode(&raw, &q->rules, &r->plan);
    r->plan.action = REQ_NONE;
    io_answer(q, r, e->status);
}

static void carry_out_again(struct blk_queue *q, const struct journal_entry *e)
{
    union blkif_slot raw;

    memcpy(&raw, e->raw, sizeof(raw));
    take_one(q, &q->reqs[e->index], &raw);
}

void io_replay(struct blk_queue *q)
{
    int rc;

    rebuild_free(q);
    for (uint32_t i = 0; i < q->nreplay; i++) {
        if (q->replay[i].answered)
            answer_again(q, &q->replay[i]);
    }
    for (uint32_t i = 0; i < q->nreplay; i++) {
        if (!q->replay[i].answered)
            carry_out_again(q, &q->replay[i]);
    }
    resume_release(q);
    io_push(q);
    /* Answers may have been pushed by the dead worker and their event never sent. */
    rc = evtchn_notify(&q->ev, q->port);
    if (rc)
        blk_queue_fault(q, rc, "event channel lost: %s", strerror(-rc));
}

/* Reads or writes may end early; the rest is asked for again, and an end of file then answers 0. */
static bool data_continues(struct blk_queue *q, struct io_req *r, size_t n)
{
    assert(n <= r->span - r->moved);
    r->moved += (uint32_t)n;
    if (r->moved < r->span)
        start_data(q, r);
    return r->moved < r->span;
}

void io_disk_failed(struct blk_queue *q, struct io_req *r, int err)
{
    static const char *const what[] = {"flush", "read", "write", "discard"};

    log_peer("disk: %s at sector %llu: %s", what[r->plan.action],
             (unsigned long long)r->plan.sector, strerror(-err));
    /* Only for a discard: a flush answered so is never sent again (blkfront). */
    io_answer(q, r,
              err == -EOPNOTSUPP && r->plan.action == REQ_DISCARD ? BLKIF_EOPNOTSUPP : BLKIF_ERROR);
}

void io_disk_done(struct blk_queue *q, uint32_t index, int res)
{
    struct io_req *r = &q->reqs[index];
    bool data;

    assert(index < q->nreqs && r->state == IO_ON_DISK);
    teststep(STEP_COMPLETED);
    r->done_ns = q->now_ns;
    if (rmw_done(q, r, res))
        return;
    /* step has moved on already: behind STEP_DATA means that this was the data. */
    data = r->step == STEP_DATA + 1 && r->plan.nr_seg > 0;
    if (res < 0 && r->plan.action == REQ_DISCARD && !r->plan.secure && !r->retried &&
        disk_discard_otherwise(&q->disk, res)) {
        r->retried = true;
        r->step = STEP_DATA;
        advance(q, r);
    } else if (res < 0 || (data && res == 0)) {
        res = res < 0 ? res : -ENODATA;
        if (!gone_hold(q, r, res))
            io_disk_failed(q, r, res);
    } else if (data && data_continues(q, r, (size_t)res)) {
        return;
    } else if (r->plan.action == REQ_READ) {
        copy(q, r);
    } else {
        advance(q, r);
    }
}

bool io_sweep(struct blk_queue *q)
{
    bool more;

    stats_add(&q->stats->sweeps, 1);
    gone_sweep(q);
    rmw_retry(q);
    retry_stalled(q);
    if (barrier_is_due(q)) {
        q->barrier_begun = true;
        begin(q, q->barrier);
    }
    more = take(q);
    /* Twice at most: the first round may bring segments whose data the second one copies. */
    while (q->batch.count > 0)
        data_run(q);
    io_push(q);
    return more || barrier_is_due(q) || q->rmw_due || (q->stalled.head && q->pool.taken == 0);
}

int io_prepare(struct blk_queue *q, uint32_t slots)
{
    q->nreqs = slots;
    q->reqs = calloc(slots, sizeof(*q->reqs));
    if (!q->reqs)
        return -ENOMEM;
    io_list_init(&q->free);
    io_list_init(&q->copying);
    io_list_init(&q->stalled);
    io_list_init(&q->answered);
    for (uint32_t i = 0; i < slots; i++) {
        q->reqs[i].seg = q->segs + (size_t)i * REQ_SEGS_MAX;
        q->reqs[i].indirect = q->indirects + (size_t)i * REQ_SEGS_MAX;
        io_list_add(&q->free, &q->reqs[i]);
    }
    q->in_flight = 0;
    q->writing = q->waiting = NULL;
    q->rmw_due = false;
    q->barrier = NULL;
    q->barrier_begun = false;
    gone_start(q);
    return 0;
}

void io_finish(struct blk_queue *q)
{
    free(q->reqs);
    q->reqs = NULL;
}
