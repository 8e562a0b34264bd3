/*
 * See queue.h.  The thread's loop is: wait, hear what happened, sweep, rest.
 *
 * Resting is where wake-ups are won or lost: the ring's event index is set and the ring looked at
 * again (ring_back_rest), and only then is the event channel unmasked, as part of the very system
 * call that goes to sleep.  An event that brought no request delays the next unmask, twice as long
 * each time up to one second, because a guest may kick us as often as it likes (R8, XSA-332).
 */
#include "backends/blk/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/teststep.h"
#include "transport/xen/worker_loop.h"

enum {
    STACK_BYTES = 256 * 1024,
    USELESS_FREE = 1,           /* events without work that are nobody's fault: no delay yet */
    USELESS_DELAY_NS = 1 << 20, /* first delay, about 1 ms */
    USELESS_SHIFT_MAX = 10,     /* 2^30 ns: about 1 s */
    SAMPLE_TURNS = 13,
};

/* ---- resting ---- */

static void unmask(struct blk_queue *q)
{
    wait_unmask(&q->wait, q->port);
    q->masked = false;
    q->useful = false;
    q->unmask_at_ns = 0;
}

/* The ring is empty and an event waits to be allowed again: now, or after a penalty. */
static void consider_unmask(struct blk_queue *q)
{
    unsigned shift;

    if (q->useful) {
        q->useless = 0;
        unmask(q);
    } else if (q->unmask_at_ns) {
        if (q->now_ns >= q->unmask_at_ns)
            unmask(q);
    } else if (q->useless < USELESS_FREE) {
        q->useless++;
        unmask(q);
    } else {
        shift = q->useless - USELESS_FREE;
        if (shift < USELESS_SHIFT_MAX)
            q->useless++;
        q->unmask_at_ns = q->now_ns + ((uint64_t)USELESS_DELAY_NS << shift);
    }
}

/* True when there is no reason to go on: the thread may sleep. */
static bool rest(struct blk_queue *q)
{
    int rc;

    if (q->stopping || q->ring_dead || io_is_full(q))
        return true; /* a completion or a command will wake us */
    rc = ring_back_rest(&q->ring);
    if (rc < 0)
        blk_queue_fault(q, rc, "the frontend's request index is impossible");
    if (rc == 0 && q->masked)
        consider_unmask(q);
    return rc <= 0;
}

static uint64_t sleep_ns(const struct blk_queue *q)
{
    uint64_t at = q->unmask_at_ns;

    /* No limit otherwise: a timer costs a hypercall to set and another to cancel.  The main thread
     * looks after lost events. */
    if (q->throttled_until_ns && (!at || q->throttled_until_ns < at))
        at = q->throttled_until_ns;
    if (q->held_until_ns && (!at || q->held_until_ns < at))
        at = q->held_until_ns;
    if (!at)
        return UINT64_MAX;
    return at > q->now_ns ? at - q->now_ns : 0;
}

/* ---- the thread ---- */

static void hear(struct blk_queue *q)
{
    struct wait_event e;
    uint32_t index;
    int res;

    while (wait_next(&q->wait, &e)) {
        switch (e.kind) {
        case WAIT_PORT:
            /* A port number from before a reconnect means nothing any more. */
            if (e.index == q->port && e.index != 0) {
                q->masked = true;
                stats_add(&q->stats->events, 1);
            }
            break;
        case WAIT_DISK:
            if (e.index < BLK_RING_SLOTS_MAX)
                io_disk_done(q, e.index, e.res);
            else
                disk_event(&q->disk, e.index, e.res);
            break;
        case WAIT_COMMAND: /* `want` is looked at in every round */
        case WAIT_IGNORE:
            break;
        }
    }
    while (disk_next(&q->disk, &index, &res))
        io_disk_done(q, index, res);
}

/* Size and limits that the main thread has set meanwhile. */
static void take_up_live(struct blk_queue *q)
{
    struct queue_live *l = &q->live;
    uint32_t version = atomic_load_explicit(&l->version, memory_order_acquire);
    uint64_t iops, bytes, burst_ms;

    if (version == q->live_version)
        return;
    q->live_version = version;
    q->rules.sectors = atomic_load_explicit(&l->sectors, memory_order_relaxed);
    iops = atomic_load_explicit(&l->iops, memory_order_relaxed);
    bytes = atomic_load_explicit(&l->bytes, memory_order_relaxed);
    burst_ms = atomic_load_explicit(&l->burst_ms, memory_order_relaxed);
    /* A limit, however small, is never rounded to none. */
    iops = iops ? MAX(iops / q->share, UINT64_C(1)) : 0;
    bytes = bytes ? MAX(bytes / q->share, UINT64_C(1)) : 0;
    quota_init(&q->iops, iops, iops / 1000 * burst_ms + iops % 1000 * burst_ms / 1000, q->now_ns);
    quota_init(&q->bytes, bytes, bytes / 1000 * burst_ms, q->now_ns);
}

static bool is_drained(const struct blk_queue *q)
{
    return q->in_flight == 0 && (q->stopping || q->ring_dead);
}

/* In most turns nobody needs the time, and where Xen emulates the time stamp counter reading it
 * costs more than a microsecond.  So one turn in SAMPLE_TURNS is measured; an odd number, because a
 * request at depth 1 takes two turns. */
static void look_at_clock(struct blk_queue *q)
{
    bool due = q->unmask_at_ns || q->useless || q->throttled_until_ns || q->held_until_ns;

    q->timing = q->turns++ % SAMPLE_TURNS == 0 || q->stamps;
    if (q->timing || q->timed > 0 || due || q->iops.rate || q->bytes.rate)
        q->now_ns = ticks_ns();
}

static void serve(struct blk_queue *q)
{
    bool sleepy = false;
    int rc;

    if (q->resume) {
        q->now_ns = ticks_ns();
        q->awaited = q->nreplay > 0 || ring_back_avail(&q->ring) != 0;
        io_replay(q);
        q->resume = false;
    }
    /* A guest that waits has its first answer before others get their turn. */
    if (!q->lost_ns || !q->awaited)
        worker_lower_priority();
    for (;;) {
        rc = wait_for(&q->wait, disk_may_sleep(&q->disk) && sleepy, sleep_ns(q));
        if (rc) {
            /* Without the ring nothing in flight can ever be known to have finished. */
            log_error("io_uring: %s", strerror(-rc));
            abort();
        }
        if (q->in_flight > 0)
            teststep(STEP_SUBMITTED);
        look_at_clock(q);
        if (atomic_load_explicit(&q->want, memory_order_acquire) != QUEUE_RUN)
            q->stopping = true;
        take_up_live(q);
        hear(q);
        sleepy = !io_sweep(q);
        if (is_drained(q))
            break;
        sleepy = sleepy && rest(q);
    }
}

static void tell_done(const struct blk_queue *q)
{
    uint64_t one = 1;

    if (write(q->done_fd, &one, sizeof(one)) < 0)
        log_error("eventfd: %s", strerror(errno));
}

static void *thread_main(void *arg)
{
    struct blk_queue *q = arg;
    struct wait_event e;
    int rc = wait_enable(&q->wait);

    if (rc) {
        log_error("cannot enable the io_uring: %s", strerror(-rc));
        abort();
    }
    disk_use_buffer(&q->disk, q->buf, q->buf_len);
    for (;;) {
        if (atomic_load_explicit(&q->is, memory_order_acquire) == QUEUE_RUNNING) {
            serve(q);
            atomic_store_explicit(&q->is, q->ring_dead ? QUEUE_FAULTED : QUEUE_PARKED,
                                  memory_order_release);
            tell_done(q);
        }
        rc = wait_for(&q->wait, true, UINT64_MAX);
        assert(rc == 0);
        while (wait_next(&q->wait, &e)) {
            if (e.kind == WAIT_DISK)
                disk_event(&q->disk, e.index, e.res);
        }
    }
    return NULL;
}

void blk_queue_fault(struct blk_queue *q, int err, const char *fmt, ...)
{
    va_list ap;

    if (q->ring_dead)
        return;
    va_start(ap, fmt);
    vsnprintf(q->fault.text, sizeof(q->fault.text), fmt, ap);
    va_end(ap);
    q->fault_err = err;
    q->ring_dead = true;
}

/* ---- the main thread's side ---- */

int blk_queue_open(struct blk_queue *q, const struct dev_id *id, const struct blk_setup *setup,
                   struct dev_stats *stats, int disk_fd, int done_fd, struct why *why)
{
    int rc;

    q->id = *id;
    q->setup = setup;
    q->stats = stats;
    q->done_fd = done_fd;
    rc = evtchn_open(&q->ev);
    if (rc)
        return why_set(why, rc, "/dev/xen/evtchn: %s; is the xen-evtchn module loaded?",
                       strerror(-rc));
    rc = evtchn_restrict(&q->ev, id->domid);
    if (rc) {
        evtchn_close(&q->ev);
        return why_set(why, rc, "event channels cannot be restricted to domain %u: %s", id->domid,
                       strerror(-rc));
    }
    rc = grant_open(&q->grant);
    if (rc) {
        evtchn_close(&q->ev);
        return why_set(why, rc, "/dev/xen/gntdev: %s", strerror(-rc));
    }
    rc = data_open(q);
    if (!rc) {
        disk_init(&q->disk, &q->wait, setup);
        q->disk.fd = disk_fd;
        rc = wait_open(&q->wait, &q->ev, disk_fd, BLK_RING_SLOTS_MAX);
        if (rc)
            data_close(q);
    }
    if (rc) {
        grant_close(&q->grant);
        evtchn_close(&q->ev);
        return why_set(why, rc, "io_uring: %s; a kernel of 5.10 or later with io_uring is needed",
                       strerror(-rc));
    }
    return 0;
}

static int map_ring(struct blk_queue *q, struct grant *g, const struct blk_connect *c,
                    unsigned index, struct why *why)
{
    uint32_t slot = blkif_slot_size(q->rules.abi);
    int rc;

    q->ring_pages = c->ring_pages;
    q->ring_mem = grant_map(g, q->id.domid, c->queue[index].ring_ref, c->ring_pages);
    if (!q->ring_mem)
        return why_set(why, -errno, "the ring of queue %u (grant %u) cannot be mapped: %s", index,
                       c->queue[index].ring_ref[0], strerror(errno));
    rc = ring_back_attach(&q->ring, q->ring_mem, (size_t)c->ring_pages * GRANT_PAGE, slot);
    if (rc)
        return why_set(why, rc, "the ring of queue %u has impossible indexes", index);
    return resume_prepare(q, index, why);
}

int blk_queue_prepare(struct blk_queue *q, struct grant *g, const struct blk_connect *c,
                      unsigned index, struct why *why)
{
    int rc;

    q->rules = (struct req_rules){
        .abi = (enum blkif_abi)c->abi,
        .sectors = c->live.sectors,
        .readonly = q->setup->readonly,
        .indirect_segs = BLK_INDIRECT_SEGS,
        .flush = q->setup->flush,
        .barrier = q->setup->flush,
        .discard = q->setup->discard_unit > 0,
        .secure = q->setup->secure,
    };
    q->stamps = c->stamps && c->abi == BLKIF_ABI_X86_64;
    q->ring_dead = q->stopping = q->useful = false;
    q->useless = 0;
    q->timing = false;
    q->turns = q->timed = 0;
    q->unmask_at_ns = 0;
    q->throttled_until_ns = 0;
    q->share = c->queues;
    blk_queue_set_live(q, &c->live);
    /* Xen marks a port pending when it is bound, and a parked thread drops what it hears: so the
     * port may stand masked already, and the first rest unmasks it. */
    q->masked = true;
    rc = map_ring(q, g, c, index, why);
    if (!rc && (data_prepare(q, q->ring.slots, c) || io_prepare(q, q->ring.slots)))
        rc = why_set(why, -ENOMEM, "no memory for queue %u", index);
    if (!rc) {
        rc = q->late ? evtchn_rebind(&q->ev, q->id.domid, c->queue[index].port)
                     : evtchn_bind(&q->ev, q->id.domid, c->queue[index].port);
        if (rc < 0)
            why_set(why, rc, "event channel %u of domain %u cannot be bound: %s",
                    c->queue[index].port, q->id.domid, strerror(-rc));
        else
            q->port = (uint32_t)rc;
    }
    if (rc < 0)
        blk_queue_release(q, g);
    return rc < 0 ? rc : 0;
}

int blk_queue_thread(struct blk_queue *q)
{
    pthread_attr_t attr;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    rc = pthread_create(&q->thread, &attr, thread_main, q);
    pthread_attr_destroy(&attr);
    return -rc;
}

void blk_queue_start(struct blk_queue *q)
{
    atomic_store_explicit(&q->want, QUEUE_RUN, memory_order_relaxed);
    atomic_store_explicit(&q->is, QUEUE_RUNNING, memory_order_release);
    wait_kick(&q->wait);
}

void blk_queue_set_live(struct blk_queue *q, const struct blk_live *l)
{
    atomic_store_explicit(&q->live.sectors, l->sectors, memory_order_relaxed);
    atomic_store_explicit(&q->live.iops, l->iops, memory_order_relaxed);
    atomic_store_explicit(&q->live.bytes, l->bytes, memory_order_relaxed);
    atomic_store_explicit(&q->live.burst_ms, l->burst_ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&q->live.version, 1, memory_order_release);
    wait_kick(&q->wait);
}

void blk_queue_stop(struct blk_queue *q)
{
    atomic_store_explicit(&q->want, QUEUE_STOP, memory_order_release);
    wait_kick(&q->wait);
}

bool blk_queue_is_running(const struct blk_queue *q)
{
    return atomic_load_explicit(&q->is, memory_order_acquire) == QUEUE_RUNNING;
}

void blk_queue_release(struct blk_queue *q, struct grant *g)
{
    assert(!blk_queue_is_running(q));
    if (q->port && evtchn_unbind(&q->ev, q->port))
        log_warn("unbinding port %u: %s", q->port, strerror(errno));
    q->port = 0;
    if (q->ring_mem && grant_unmap(g, q->ring_mem, q->ring_pages))
        log_warn("unmapping the ring: %s", strerror(errno));
    q->ring_mem = NULL;
    resume_release(q);
    io_finish(q);
    data_finish(q);
}
