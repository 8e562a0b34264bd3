/*
 * The life of a block request, from a slot of the ring to its answer.  The queue's thread calls
 * io_disk_done() for what has finished and io_sweep() for the rest, so that one sweep costs at most
 * one grant copy, one push and one notify however many requests it moves.
 *
 * Data goes through the queue's own buffer: the guest's pages are copied, never handed to the disk,
 * so what is written is what was copied once, and a guest that revokes a page harms only itself.
 * A read's buffer is copied out only as far as the disk filled it (B17).
 *
 * #syscalls ioctl(IOCTL_GNTDEV_GRANT_COPY) ioctl(IOCTL_EVTCHN_NOTIFY)
 */
#include "backends/blk/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "transport/base/log.h"

enum {
    BATCH_SEGS = 2 * REQ_SEGS_MAX, /* copies per ioctl at most; more are done in several */
    DATA_BYTES = 4 * 1024 * 1024,  /* data in flight per device: the rest waits its turn */
    DATA_BYTES_MIN = 1280 * 1024,  /* but per queue at least the largest request, and some */
};

/* ---- lists and states ---- */

static void list_init(struct io_list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

static void list_add(struct io_list *l, struct io_req *r)
{
    r->next = NULL;
    *l->tail = r;
    l->tail = &r->next;
}

static void list_push(struct io_list *l, struct io_req *r)
{
    r->next = l->head;
    l->head = r;
    if (!r->next)
        l->tail = &r->next;
}

static struct io_req *list_take(struct io_list *l)
{
    struct io_req *r = l->head;

    if (r) {
        l->head = r->next;
        if (!l->head)
            l->tail = &l->head;
    }
    return r;
}

/* The only place that changes a state.  A wrong edge is our bug: better dead than data lost. */
static void set_state(struct io_req *r, enum io_state to)
{
#define TO(s) (1u << IO_##s)
    static const unsigned edges[IO_STATES] = {
        [IO_FREE] = TO(TAKEN),
        [IO_TAKEN] = TO(COPYING) | TO(ON_DISK) | TO(ANSWERED),
        [IO_COPYING] = TO(TAKEN) | TO(ON_DISK) | TO(ANSWERED),
        [IO_ON_DISK] = TO(ON_DISK) | TO(COPYING) | TO(ANSWERED),
        [IO_ANSWERED] = TO(FREE),
    };
#undef TO

    assert(edges[r->state] >> to & 1);
    r->state = to;
}

static uint32_t index_of(const struct blk_queue *q, const struct io_req *r)
{
    return (uint32_t)(r - q->reqs);
}

/* ---- answering ---- */

static void answer(struct blk_queue *q, struct io_req *r, int16_t status)
{
    struct blkif_rsp rsp = {.id = r->plan.id, .op = r->plan.rsp_op, .status = status};

    set_state(r, IO_ANSWERED);
    r->status = status;
    if (r->has_pages)
        pool_give(&q->pool, r->page, r->npages);
    r->has_pages = false;
    if (q->barrier == r) {
        q->barrier = NULL;
        q->barrier_begun = false;
    }
    if (!q->ring_dead)
        ring_back_put(&q->ring, &rsp, sizeof(rsp));
    list_add(&q->answered, r);
}

static void count(struct blk_queue *q, const struct io_req *r, uint64_t now)
{
    enum stat_op op = r->plan.action == REQ_READ    ? STAT_READ
                      : r->plan.action == REQ_WRITE ? STAT_WRITE
                                                    : STAT_OTHER;
    struct hist *h = q->stats->stage[op];

    q->stats->ops[op]++;
    if (r->status != BLKIF_OKAY) {
        q->stats->errors[op]++;
        return;
    }
    q->stats->bytes[op] += r->len;
    if (r->disk_ns) {
        hist_add(&h[STAGE_DEVICE], r->done_ns - r->disk_ns);
        hist_add(&h[STAGE_ANSWER], now - r->done_ns);
    }
    hist_add(&h[STAGE_TOTAL], now - r->taken_ns);
}

/* Shows all answers at once and kicks the guest once, if it asked for it. */
static void push(struct blk_queue *q)
{
    struct io_req *r;
    int rc;

    if (!q->answered.head)
        return;
    if (!q->ring_dead && ring_back_push(&q->ring)) {
        q->stats->notifies++;
        rc = evtchn_notify(&q->ev, q->port);
        if (rc)
            blk_queue_fault(q, rc, "event channel lost: %s", strerror(-rc));
    }
    q->now_ns = clock_ns();
    while ((r = list_take(&q->answered))) {
        count(q, r, q->now_ns);
        set_state(r, IO_FREE);
        list_push(&q->free, r); /* the last used is still in the cache */
        q->in_flight--;
    }
}

/* ---- the disk ---- */

static void start_data(struct blk_queue *q, struct io_req *r)
{
    uint64_t off = r->plan.sector * BLKIF_SECTOR + r->moved;

    set_state(r, IO_ON_DISK);
    if (r->plan.action == REQ_READ)
        disk_read(&q->disk, index_of(q, r), r->data + r->moved, r->len - r->moved, off);
    else
        disk_write(&q->disk, index_of(q, r), r->data + r->moved, r->len - r->moved, off);
}

/* False: the range holds no whole unit, and keeping data that may be discarded is allowed. */
static bool start_discard(struct blk_queue *q, struct io_req *r)
{
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
    answer(q, r, BLKIF_OKAY);
}

/* ---- grant copies ---- */

static void run_copies(struct blk_queue *q);

/* Fetches the used part of the indirect pages. */
static void add_indirect(struct blk_queue *q, struct io_req *r)
{
    uint32_t left = r->plan.nr_seg;
    uint8_t *at = (uint8_t *)r->indirect;

    if (q->batch.capacity - q->batch.count < r->plan.nr_indirect)
        run_copies(q);
    set_state(r, IO_COPYING);
    r->indirect_read = true;
    r->batch_at = q->batch.count;
    r->batch_n = r->plan.nr_indirect;
    for (uint32_t i = 0; i < r->plan.nr_indirect; i++) {
        uint32_t n = left < BLKIF_SEGS_PER_PAGE ? left : BLKIF_SEGS_PER_PAGE;
        uint16_t bytes = (uint16_t)(n * sizeof(*r->indirect));

        grant_batch_from_peer(&q->batch, at, r->plan.indirect[i], 0, bytes);
        at += bytes;
        left -= n;
    }
    list_add(&q->copying, r);
}

static void add_copies(struct blk_queue *q, struct io_req *r)
{
    uint8_t *at = r->data;

    if (q->batch.capacity - q->batch.count < r->plan.nr_seg)
        run_copies(q);
    set_state(r, IO_COPYING);
    r->batch_at = q->batch.count;
    r->batch_n = r->plan.nr_seg;
    for (uint32_t i = 0; i < r->plan.nr_seg; i++) {
        const struct req_seg *s = &r->plan.seg[i];

        if (r->plan.action == REQ_READ)
            grant_batch_to_peer(&q->batch, at, s->gref, s->off, s->len);
        else
            grant_batch_from_peer(&q->batch, at, s->gref, s->off, s->len);
        at += s->len;
    }
    list_add(&q->copying, r);
}

static void begin(struct blk_queue *q, struct io_req *r);
static void refuse(struct blk_queue *q, struct io_req *r, enum req_verdict v);

/* The segments of an indirect request are here, in private memory, copied once (B5). */
static void copied_indirect(struct blk_queue *q, struct io_req *r)
{
    enum req_verdict v = req_segments(r->indirect, &q->rules, &r->plan);

    r->indirect_read = false;
    set_state(r, IO_TAKEN);
    if (v == REQ_GO)
        begin(q, r);
    else
        refuse(q, r, v);
}

/* Copying is over: a write may go to the disk, a read may be answered.  A write of which any part
 * could not be copied never reaches the disk (B18). */
static void copied(struct blk_queue *q, struct io_req *r)
{
    if (!r->copied) {
        log_peer("request refused: a granted page cannot be read or written");
        answer(q, r, BLKIF_ERROR);
    } else if (r->indirect_read) {
        copied_indirect(q, r);
    } else if (r->plan.action == REQ_WRITE) {
        advance(q, r);
    } else {
        answer(q, r, BLKIF_OKAY);
    }
}

static void run_copies(struct blk_queue *q)
{
    struct io_list done = q->copying;
    uint64_t before = q->now_ns;
    struct io_req *r;
    int rc;

    if (!done.head)
        return;
    rc = grant_batch_run(&q->grant, &q->batch);
    if (rc)
        log_peer("grant copy: %s", strerror(-rc));
    q->now_ns = clock_ns();
    list_init(&q->copying);
    for (r = done.head; r; r = r->next) {
        r->copied = true;
        for (uint32_t i = 0; i < r->batch_n; i++)
            r->copied &= grant_batch_ok(&q->batch, r->batch_at + i);
    }
    /* Emptied before the requests go on, because that may add to it again. */
    grant_batch_reset(&q->batch);
    while ((r = done.head)) {
        done.head = r->next;
        hist_add(&q->stats->stage[r->plan.action == REQ_READ ? STAT_READ : STAT_WRITE][STAGE_GRANT],
                 q->now_ns - before);
        copied(q, r);
    }
}

/* ---- taking ---- */

/* Gives the request a place for its data.  The first segment keeps its place within the page, so
 * that in the usual case (only the first and last page partly used) no copy crosses a page. */
static bool place(struct blk_queue *q, struct io_req *r)
{
    uint32_t skip = r->plan.seg[0].off;
    uint32_t npages = (skip + r->len + BLKIF_PAGE - 1) / BLKIF_PAGE;
    int page = pool_take(&q->pool, npages);

    if (page < 0)
        return false;
    r->has_pages = true;
    r->page = (uint32_t)page;
    r->npages = npages;
    r->data = q->buf + (size_t)page * BLKIF_PAGE + skip;
    return true;
}

/* A decoded request with data: on its way, or it waits until there is room (in order). */
static void begin(struct blk_queue *q, struct io_req *r)
{
    if (r->plan.nr_seg == 0) {
        advance(q, r);
        return;
    }
    r->len = (uint32_t)(r->plan.nr_sectors * BLKIF_SECTOR);
    if (q->stalled.head || !place(q, r))
        list_add(&q->stalled, r);
    else if (r->plan.action == REQ_WRITE)
        add_copies(q, r);
    else
        advance(q, r);
}

static void retry_stalled(struct blk_queue *q)
{
    while (q->stalled.head && place(q, q->stalled.head)) {
        struct io_req *r = list_take(&q->stalled);

        if (r->plan.action == REQ_WRITE)
            add_copies(q, r);
        else
            advance(q, r);
    }
}

static void refuse(struct blk_queue *q, struct io_req *r, enum req_verdict v)
{
    log_peer("request refused: %s", req_reason(v));
    r->plan.action = REQ_NONE;
    answer(q, r, req_status(v));
}

static void take_one(struct blk_queue *q, struct io_req *r, const union blkif_slot *raw)
{
    enum req_verdict v;

    *r = (struct io_req){.state = IO_FREE,
                         .seg = r->seg,
                         .plan.seg = r->seg,
                         .indirect = r->indirect,
                         .taken_ns = q->now_ns};
    set_state(r, IO_TAKEN);
    q->in_flight++;
    v = req_decode(raw, &q->rules, &r->plan);
    if (v == REQ_NEED_PAGES)
        add_indirect(q, r);
    else if (v != REQ_GO)
        refuse(q, r, v);
    else if (r->plan.drain)
        q->barrier = r; /* begins when it is alone: io_sweep() */
    else
        begin(q, r);
}

bool io_is_full(const struct blk_queue *q)
{
    return !q->free.head || q->stalled.head || q->barrier;
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

        if (q->stopping || q->ring_dead || io_is_full(q))
            return false;
        rc = ring_back_take(&q->ring, &raw);
        if (rc < 0)
            blk_queue_fault(q, rc, "the frontend's request index is impossible");
        if (rc <= 0)
            return false;
        q->useful = true;
        take_one(q, list_take(&q->free), &raw);
    }
    return true;
}

/* ---- called by the queue's thread ---- */

/* Reads or writes may end early; the rest is asked for again, and an end of file then answers 0. */
static bool data_continues(struct blk_queue *q, struct io_req *r, int res)
{
    assert((uint32_t)res <= r->len - r->moved);
    r->moved += (uint32_t)res;
    if (r->moved < r->len)
        start_data(q, r);
    return r->moved < r->len;
}

static void disk_failed(struct blk_queue *q, struct io_req *r, int err)
{
    static const char *const what[] = {"flush", "read", "write", "discard"};

    log_peer("disk: %s at sector %llu: %s", what[r->plan.action],
             (unsigned long long)r->plan.sector, strerror(-err));
    /* Only for a discard: a flush answered so is never sent again (blkfront). */
    answer(q, r,
           err == -EOPNOTSUPP && r->plan.action == REQ_DISCARD ? BLKIF_EOPNOTSUPP : BLKIF_ERROR);
}

void io_disk_done(struct blk_queue *q, uint32_t index, int res)
{
    struct io_req *r = &q->reqs[index];
    bool data;

    assert(index < q->nreqs && r->state == IO_ON_DISK);
    r->done_ns = q->now_ns;
    /* step has moved on already: behind STEP_DATA means that this was the data. */
    data = r->step == STEP_DATA + 1 && r->plan.nr_seg > 0;
    if (res < 0 && r->plan.action == REQ_DISCARD && !r->retried &&
        disk_discard_otherwise(&q->disk, res)) {
        r->retried = true;
        r->step = STEP_DATA;
        advance(q, r);
    } else if (res < 0 || (data && res == 0)) {
        disk_failed(q, r, res < 0 ? res : -ENODATA);
    } else if (data && data_continues(q, r, res)) {
        return;
    } else if (r->plan.action == REQ_READ) {
        add_copies(q, r);
    } else {
        advance(q, r);
    }
}

bool io_sweep(struct blk_queue *q)
{
    bool more;

    q->stats->sweeps++;
    retry_stalled(q);
    if (barrier_is_due(q)) {
        q->barrier_begun = true;
        begin(q, q->barrier);
    }
    more = take(q);
    /* Twice at most: the first round may bring segments whose data the second one copies. */
    while (q->batch.count > 0)
        run_copies(q);
    push(q);
    return more || barrier_is_due(q) || (q->stalled.head && q->pool.taken == 0);
}

/* Large, and touched only as far as used. */
static void *take_memory(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

int io_open(struct blk_queue *q)
{
    q->buf_len = DATA_BYTES;
    q->buf = take_memory(q->buf_len);
    return q->buf ? 0 : -ENOMEM;
}

void io_close(struct blk_queue *q)
{
    munmap(q->buf, q->buf_len);
    q->buf = NULL;
}

int io_prepare(struct blk_queue *q, uint32_t slots, uint32_t queues)
{
    uint32_t bytes = MAX(DATA_BYTES / queues, DATA_BYTES_MIN);

    q->nreqs = slots;
    pool_init(&q->pool, bytes / BLKIF_PAGE);
    q->segs_len = (size_t)slots * REQ_SEGS_MAX * sizeof(*q->segs);
    q->indirects_len = (size_t)slots * REQ_SEGS_MAX * sizeof(*q->indirects);

    q->segs = take_memory(q->segs_len);
    q->indirects = take_memory(q->indirects_len);
    q->reqs = calloc(slots, sizeof(*q->reqs));
    if (!q->segs || !q->indirects || !q->reqs ||
        grant_batch_init(&q->batch, q->id.domid, BATCH_SEGS)) {
        io_release(q);
        return -ENOMEM;
    }
    list_init(&q->free);
    list_init(&q->copying);
    list_init(&q->stalled);
    list_init(&q->answered);
    for (uint32_t i = 0; i < slots; i++) {
        q->reqs[i].seg = q->segs + (size_t)i * REQ_SEGS_MAX;
        q->reqs[i].indirect = q->indirects + (size_t)i * REQ_SEGS_MAX;
        list_add(&q->free, &q->reqs[i]);
    }
    q->in_flight = 0;
    q->barrier = NULL;
    q->barrier_begun = false;
    return 0;
}

void io_release(struct blk_queue *q)
{
    grant_batch_fini(&q->batch);
    free(q->reqs);
    /* What is not registered with the ring need not stay in memory. */
    if (q->buf_len > DISK_FIXED_BYTES)
        (void)madvise(q->buf + DISK_FIXED_BYTES, q->buf_len - DISK_FIXED_BYTES, MADV_DONTNEED);
    if (q->segs)
        munmap(q->segs, q->segs_len);
    if (q->indirects)
        munmap(q->indirects, q->indirects_len);
    q->segs = NULL;
    q->indirects = NULL;
    q->reqs = NULL;
}
