/*
 * One queue of a block device: a ring, the requests in flight, and the thread that serves them.
 * Queues share nothing; the worker's main thread prepares a queue before it runs and takes it apart
 * after it has stopped.
 *
 *   queue.c   the thread: sleep, sweep, rest; start, stop, fault
 *   io.c      the life of a request
 */
#ifndef DRVDOM_BLK_QUEUE_H
#define DRVDOM_BLK_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/blk/conn.h"
#include "backends/blk/disk.h"
#include "backends/blk/pool.h"
#include "backends/blk/req.h"
#include "backends/blk/wait.h"
#include "transport/xen/backend.h"
#include "transport/xen/evtchn.h"
#include "transport/xen/grant.h"
#include "transport/xen/ring.h"
#include "transport/xen/stats.h"

/*
 * FREE -> TAKEN -> COPYING -> ON_DISK -> ANSWERED -> FREE      a write
 * FREE -> TAKEN -> ON_DISK -> COPYING -> ANSWERED -> FREE      a read
 * FREE -> TAKEN -> ANSWERED -> FREE                            refused
 * COPYING -> TAKEN: an indirect request whose segments have just been read
 * ON_DISK -> ON_DISK: the next step (flush, then data, then flush) or the rest of a short transfer
 */
enum io_state { IO_FREE, IO_TAKEN, IO_COPYING, IO_ON_DISK, IO_ANSWERED, IO_STATES };

struct io_req {
    enum io_state state;
    uint8_t step;       /* of advance() in io.c */
    bool has_pages;     /* page, npages are taken from the pool */
    bool indirect_read; /* COPYING the indirect page, not data */
    bool copied;        /* result of the batch it was in */
    bool retried;       /* a discard, in the other way */
    int16_t status;     /* of the answer */
    struct req_plan plan;
    struct req_seg *seg;        /* room for plan.seg, fixed */
    struct blkif_seg *indirect; /* private copy of the indirect page's used part, fixed */
    uint32_t page, npages;
    uint8_t *data;
    uint32_t len, moved; /* bytes in all, and done by the disk */
    uint32_t batch_at, batch_n;
    uint64_t taken_ns, disk_ns, done_ns;
    struct io_req *next;
};

struct io_list {
    struct io_req *head, **tail;
};

enum queue_want { QUEUE_STOP, QUEUE_RUN };
enum queue_is { QUEUE_PARKED, QUEUE_RUNNING, QUEUE_FAULTED };

struct blk_queue {
    /* for the device's life */
    struct wait wait;
    struct evtchn ev;
    struct grant grant;
    struct dev_id id;
    struct dev_stats *stats;
    const struct blk_setup *setup;
    pthread_t thread;
    bool has_thread;
    int done_fd; /* eventfd of the main thread: kicked when `is` leaves QUEUE_RUNNING */
    _Atomic int want, is;
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
    struct req_rules rules;
    struct grant_batch batch;
    struct pool pool;

    struct io_req *reqs;
    struct req_seg *segs;
    struct blkif_seg *indirects;
    size_t segs_len, indirects_len;
    uint32_t nreqs, in_flight;
    struct io_req *barrier; /* taken: runs alone, and nothing is taken until it is answered */
    bool barrier_begun;
    struct io_list free, copying, stalled, answered;
    bool ring_dead; /* the peer broke it: nothing is put any more */
    bool stopping;  /* take nothing new */

    /* resting */
    bool masked;           /* an event was delivered and not yet unmasked */
    bool useful;           /* a request was taken since the last unmask */
    uint32_t useless;      /* events in a row that brought no request (R8) */
    uint64_t unmask_at_ns; /* 0: no delayed unmask */
    uint64_t now_ns;       /* read once per step of a sweep, not per request */
};

/* Opens what must be opened before the sandbox. */
int blk_queue_open(struct blk_queue *q, const struct dev_id *id, const struct blk_setup *setup,
                   struct dev_stats *stats, int disk_fd, int done_fd, struct why *why) must_check;

/* Main thread: maps the ring, binds the port, takes all memory; then lets the thread run.
 * Undoes everything when it fails.  `g` is the main thread's own gntdev handle. */
int blk_queue_prepare(struct blk_queue *q, struct grant *g, const struct blk_connect *c,
                      unsigned index, struct why *why) must_check;
int blk_queue_start(struct blk_queue *q, struct why *why) must_check;
/* Asks the thread to drain and park; done_fd tells when blk_queue_is_running() has become false. */
void blk_queue_stop(struct blk_queue *q);
bool blk_queue_is_running(const struct blk_queue *q);
/* Main thread, thread parked: unmaps, unbinds, frees. Idempotent. */
void blk_queue_release(struct blk_queue *q, struct grant *g);

/* The queue is lost: the peer's fault or the device's.  Requests in flight end unanswered. */
void blk_queue_fault(struct blk_queue *q, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- io.c ---- */

/* The data buffer: address space for the device's life, memory as far as it is used. */
int io_open(struct blk_queue *q) must_check;
void io_close(struct blk_queue *q);

/* Memory for `slots` requests of one of `queues` queues.  0, or -ENOMEM with everything freed. */
int io_prepare(struct blk_queue *q, uint32_t slots, uint32_t queues) must_check;
void io_release(struct blk_queue *q);

/* The disk has finished an operation of request `index`. */
void io_disk_done(struct blk_queue *q, uint32_t index, int res);
/* Takes what the ring holds, moves data, pushes answers.  True: there may be more to do at once. */
bool io_sweep(struct blk_queue *q);
/* Nothing more can be taken before something in flight has finished. */
bool io_is_full(const struct blk_queue *q);

#endif
