/*
 * One queue of a block device: a ring, the requests in flight, and the thread that serves them.
 * Queues share nothing; the worker's main thread prepares a queue before it runs and takes it apart
 * after it has stopped.
 *
 *   resume.c  what a dead worker left
 *   queue.c   the thread: sleep, sweep, rest; start, stop, fault
 *   io.c      the life of a request
 *   data.c    where its data lies, and how it gets there
 *   gone.c    a disk that was taken away
 */
#ifndef DRVDOM_BLK_QUEUE_H
#define DRVDOM_BLK_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/blk/conn.h"
#include "backends/blk/disk.h"
#include "backends/blk/persist.h"
#include "backends/blk/pool.h"
#include "backends/blk/quota.h"
#include "backends/blk/req.h"
#include "backends/blk/rmw.h"
#include "backends/blk/wait.h"
#include "transport/base/ticks.h"
#include "transport/xen/backend.h"
#include "transport/xen/evtchn.h"
#include "transport/xen/grant.h"
#include "transport/xen/journal.h"
#include "transport/xen/ring.h"
#include "transport/xen/stats.h"

/*
 * FREE -> TAKEN -> COPYING -> ON_DISK -> ANSWERED -> FREE      a write
 * FREE -> TAKEN -> ON_DISK -> COPYING -> ANSWERED -> FREE      a read
 * FREE -> TAKEN -> ANSWERED -> FREE                            refused
 * COPYING -> TAKEN: an indirect request whose segments have just been read
 * ON_DISK -> ON_DISK: the next step (flush, then data, then flush) or the rest of a short transfer
 * TAKEN -> ON_DISK -> COPYING -> ON_DISK: a write that reads first (rmw.h)
 */
enum io_state { IO_FREE, IO_TAKEN, IO_COPYING, IO_ON_DISK, IO_ANSWERED, IO_STATES };

/* Of a write, in this order; NONE on a disk of 512-byte sectors. */
enum rmw_step { RMW_NONE, RMW_WAITS, RMW_BEGIN, RMW_HEAD, RMW_TAIL, RMW_WRITE };

struct io_req {
    enum io_state state;
    uint8_t step; /* of advance() in io.c */

    bool indirect_read; /* COPYING the indirect page, not data */
    bool copied;        /* result of the batch it was in */
    bool retried;       /* a discard, in the other way */
    int held_err;       /* with what it failed, when that is not yet told */
    int16_t status;     /* of the answer */
    struct req_plan plan;
    struct req_seg *seg;        /* room for plan.seg, fixed */
    struct blkif_seg *indirect; /* private copy of the indirect page's used part, fixed */

    uint32_t page, npages; /* of the pool; npages 0: none */
    uint8_t *data;
    uint32_t len;   /* bytes at `data` */
    uint32_t lead;  /* bytes before `data` that the disk moves as well, to have whole sectors */
    uint32_t span;  /* all that the disk moves, from data - lead */
    uint32_t moved; /* and has moved so far */
    uint32_t batch_at, batch_n;
    /* copied_ns: of a read.  taken_ns 0: not measured, and none of them is to be believed. */
    uint64_t taken_ns, disk_ns, done_ns, copied_ns;
    struct io_req *next;

    enum rmw_step rmw;
    struct rmw_range range;
    struct io_req *next_write; /* in q->writing or q->waiting */
};

struct io_list {
    struct io_req *head, **tail;
};

enum queue_want { QUEUE_STOP, QUEUE_RUN };
enum queue_is { QUEUE_PARKED, QUEUE_RUNNING, QUEUE_FAULTED };

/* struct blk_live on its way from the main thread to a queue: fields first, then `version`. */
struct queue_live {
    _Atomic uint64_t sectors, bytes;
    _Atomic uint32_t iops, burst_ms, version;
};

struct blk_queue {
    /* for the device's life */
    struct wait wait;
    struct evtchn ev;
    struct grant grant;
    struct dev_id id;
    struct dev_stats *stats;
    const struct blk_setup *setup;
    void *journal_mem; /* the device's journal, NULL: none; set before blk_queue_prepare() */
    bool resume;       /* take the ring up where a dead worker stopped; set before, too */
    bool late;         /* a dead worker may still hold the event channel */
    uint64_t lost_ns;  /* since when the guest has no answer from that one; 0: it has one */
    bool awaited;      /* requests of its were there when the rings were taken up */
    pthread_t thread;

    int done_fd; /* eventfd of the main thread: kicked when `is` leaves QUEUE_RUNNING */
    _Atomic int want, is;
    struct queue_live live;
    struct why fault;
    int fault_err;
    uint8_t *buf; /* all data goes through it; its pages are given out by `pool` */
    size_t buf_len;
    struct disk disk;

    /* while connected: made by blk_queue_prepare(), used by the thread, freed by
     * blk_queue_release() */
    struct ring ring;
    void *ring_mem;
    uint32_t ring_pages, port;
    bool stamps; /* slots carry time stamps: transport/xen/stamp.h */
    struct req_rules rules;
    struct grant_batch batch;
    struct pool pool;

    struct journal journal;
    struct journal_entry *replay; /* what that worker left, until the thread has taken it up */
    uint32_t nreplay;

    struct io_req *reqs;
    struct req_seg *segs;
    struct blkif_seg *indirects;
    size_t nseg; /* room in each of the two */
    struct persist persist;
    uint32_t nreqs, in_flight;
    struct io_req *barrier; /* taken: runs alone, and nothing is taken until it is answered */
    bool barrier_begun;
    struct io_list free, copying, stalled, answered;
    struct io_list held;    /* failed because the disk is gone; still ON_DISK for all others */
    uint64_t held_until_ns; /* 0: nothing is held; else nothing is taken from the ring either */
    uint64_t hold_ns;
    bool hold_no_more;
    struct io_req *writing, *waiting; /* of rmw.c */
    bool rmw_due;                     /* one of those waiting may be able to go */
    bool ring_dead;                   /* the peer broke it: nothing is put any more */
    bool stopping;                    /* take nothing new */

    /* limits */
    uint32_t live_version; /* of `live` that is in use */
    uint32_t share;        /* the device's limits are shared out evenly: one part of so many */
    struct quota iops, bytes;
    uint64_t throttled_until_ns; /* 0: not throttled */

    /* resting */
    bool masked;           /* an event was delivered and not yet unmasked */
    bool useful;           /* a request was taken since the last unmask */
    uint32_t useless;      /* events in a row that brought no request (R8) */
    uint64_t unmask_at_ns; /* 0: no delayed unmask */
    uint64_t now_ns;       /* of this turn, or of an earlier one: look_at_clock() */
    uint32_t turns;        /* since connected */
    bool timing;           /* what this turn takes is measured */
    uint32_t timed;        /* measured requests in flight */
    struct cpu_meter cpu;
};

/* Opens what must be opened before the sandbox. */
int blk_queue_open(struct blk_queue *q, const struct dev_id *id, const struct blk_setup *setup,
                   struct dev_stats *stats, int disk_fd, int done_fd, struct why *why) must_check;

/* Makes the queue's thread, parked. */
int blk_queue_thread(struct blk_queue *q) must_check;

/* Main thread: maps the ring, binds the port, takes all memory; then lets the thread run.
 * Undoes everything when it fails.  `g` is the main thread's own gntdev handle. */
int blk_queue_prepare(struct blk_queue *q, struct grant *g, const struct blk_connect *c,
                      unsigned index, struct why *why) must_check;
void blk_queue_start(struct blk_queue *q);
/* Asks the thread to drain and park; done_fd tells when blk_queue_is_running() has become false. */
void blk_queue_stop(struct blk_queue *q);
bool blk_queue_is_running(const struct blk_queue *q);
/* Main thread, at any time: the disk's size and limits from now on. */
void blk_queue_set_live(struct blk_queue *q, const struct blk_live *l);
/* Main thread, thread parked: unmaps, unbinds, frees. Idempotent. */
void blk_queue_release(struct blk_queue *q, struct grant *g);

/* The queue is lost: the peer's fault or the device's.  Requests in flight end unanswered. */
void blk_queue_fault(struct blk_queue *q, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The clock for what only the stages need to know. */
static inline uint64_t stage_clock_ns(const struct blk_queue *q)
{
    return STAGES && q->timed > 0 ? ticks_ns() : q->now_ns;
}

/* ---- resume.c ---- */

/* Main thread, ring attached: opens the queue's journal; with q->resume reads what is in flight and
 * moves the ring there.  0 or -errno and why. */
int resume_prepare(struct blk_queue *q, unsigned index, struct why *why) must_check;
void resume_release(struct blk_queue *q);
/* Before anything else happens to the request in slot `raw`. */
void resume_note(struct blk_queue *q, uint32_t index, const union blkif_slot *raw);

/* ---- io.c ---- */

void io_list_init(struct io_list *l);
void io_list_add(struct io_list *l, struct io_req *r);

/* Requests for `slots` slots, after data_prepare().  0 or -ENOMEM with nothing left behind. */
int io_prepare(struct blk_queue *q, uint32_t slots) must_check;
void io_finish(struct blk_queue *q);

/* A dead worker's requests: answers that may not have been seen are put again, the others are
 * carried out again.  First thing of the thread. */
void io_replay(struct blk_queue *q);

/* The disk has finished an operation of request `index`. */
void io_disk_done(struct blk_queue *q, uint32_t index, int res);
/* Takes what the ring holds, moves data, pushes answers.  True: there may be more to do at once. */
bool io_sweep(struct blk_queue *q);
/* Nothing more can be taken before something in flight has finished. */
bool io_is_full(const struct blk_queue *q);

/* Called back by rmw.c: r has what it had to read, and nobody meets it; the disk works for r. */
void io_may_go(struct blk_queue *q, struct io_req *r);
void io_on_disk(struct io_req *r);
/* A disk operation of r failed for good: the guest hears of it. */
void io_disk_failed(struct blk_queue *q, struct io_req *r, int err);

/* Called back by data_run(): the copies of r are done, r->copied says how. */
void io_copied(struct blk_queue *q, struct io_req *r);

/* ---- gone.c ---- */

void gone_start(struct blk_queue *q);
/* An operation of r has failed: true when it is kept back, because the disk is no longer there. */
bool gone_hold(struct blk_queue *q, struct io_req *r, int err);
/* Once per sweep: lets what is held fail when it has waited long enough, or the guest leaves. */
void gone_sweep(struct blk_queue *q);

/* ---- data.c ---- */

/* The data buffer: address space for the device's life, memory as far as it is used. */
int data_open(struct blk_queue *q) must_check;
void data_close(struct blk_queue *q);
/* All that depends on the connection.  0, or -ENOMEM with nothing left behind. */
int data_prepare(struct blk_queue *q, uint32_t slots, const struct blk_connect *c) must_check;
void data_finish(struct blk_queue *q);

/* Gives a planned request a place for its data: r->data.  False: there is no room now. */
bool data_place(struct blk_queue *q, struct io_req *r);
void data_release(struct blk_queue *q, struct io_req *r);

/* Copies the data of a request, in or out, or the segments of an indirect one in.  True: done.
 * False: (the rest of) it is in the batch, io_copied() follows. */
bool data_copy(struct blk_queue *q, struct io_req *r);
bool data_copy_indirect(struct blk_queue *q, struct io_req *r);
/* Runs the batch: one ioctl. */
void data_run(struct blk_queue *q);

#endif
