/*
 * The block worker's main thread: it owns the queues, prepares and takes them apart as drvdomd
 * says, and never touches a request.  The queues' threads do nothing else.
 *
 * #syscalls io_uring_enter io_uring_register pread64 ioctl(BLKSECDISCARD)
 */
#include "backends/blk/blkback.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/blk/queue.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

static const uint64_t HOUSEKEEPING_NS = 2000000000u;

struct blkback {
    struct blk_setup setup;
    int disk_fd;
    int alive_fd; /* of struct disk */
    int done_fd;  /* a queue has stopped */
    struct loop_fd done_watch;
    struct loop_timer housekeeping;
    bool disconnecting;
    uint32_t nr_connected; /* queues in use */
    struct blk_queue queue[BLK_QUEUES_MAX];
};

static void release_all(struct worker *w)
{
    struct blkback *b = w->dev;

    for (uint32_t i = 0; i < b->nr_connected; i++)
        blk_queue_release(&b->queue[i], &w->grant);
    b->nr_connected = 0;
}

static bool any_running(const struct blkback *b)
{
    for (uint32_t i = 0; i < b->nr_connected; i++) {
        if (blk_queue_is_running(&b->queue[i]))
            return true;
    }
    return false;
}

static void stop_all(struct blkback *b)
{
    for (uint32_t i = 0; i < b->nr_connected; i++) {
        if (blk_queue_is_running(&b->queue[i]))
            blk_queue_stop(&b->queue[i]);
    }
}

/* An event lost somewhere below us must not hang a guest for ever (R9): a kicked queue looks at its
 * ring. */
static void on_housekeeping(void *arg)
{
    struct worker *w = arg;
    struct blkback *b = w->dev;

    for (uint32_t i = 0; i < b->nr_connected; i++) {
        if (blk_queue_is_running(&b->queue[i]))
            wait_kick(&b->queue[i].wait);
    }
    loop_timer_set(&w->loop, &b->housekeeping, HOUSEKEEPING_NS);
}

static void finish_disconnect(struct worker *w)
{
    struct blkback *b = w->dev;

    log_debug("finish %d running %d inflight %u", b->disconnecting, any_running(b),
              b->queue[0].in_flight);
    if (!b->disconnecting || any_running(b))
        return;
    b->disconnecting = false;
    loop_timer_cancel(&w->loop, &b->housekeeping);
    release_all(w);
    worker_disconnected(w);
}

/* A queue has stopped: because it was told to, or by a fault, and then the others stop too. */
static void on_done(void *arg, uint32_t events)
{
    struct worker *w = arg;
    struct blkback *b = w->dev;
    uint64_t n;

    (void)events;
    if (read(b->done_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
    for (uint32_t i = 0; i < b->nr_connected; i++) {
        const struct blk_queue *q = &b->queue[i];

        if (!blk_queue_is_running(q) && q->ring_dead) {
            worker_fault(w, q->fault_err, "queue %u: %s", i, q->fault.text);
            stop_all(b);
        }
    }
    finish_disconnect(w);
}

static int blk_setup(struct worker *w, const void *payload, size_t len, const int *fds, int nfds,
                     struct why *why)
{
    struct blkback *b = calloc(1, sizeof(*b));
    int rc = 0;

    if (!b || len != sizeof(b->setup) || nfds > 2) {
        for (int i = 0; i < nfds; i++)
            close(fds[i]);
        free(b);
        return why_set(why, -EPROTO, "SETUP of drvdomd and worker do not match");
    }
    w->dev = b;
    memcpy(&b->setup, payload, sizeof(b->setup));
    b->alive_fd = nfds > 1 ? fds[1] : -1;
    if (b->setup.queues < 1 || b->setup.queues > BLK_QUEUES_MAX)
        return why_set(why, -EPROTO, "SETUP with %u queues", b->setup.queues);
    if (b->setup.block < BLKIF_SECTOR || b->setup.block > BLKIF_PAGE ||
        (b->setup.block > BLKIF_SECTOR && b->setup.queues > 1))
        return why_set(why, -EPROTO, "SETUP with sectors of %u bytes", b->setup.block);
    b->disk_fd = disk_attach(&b->setup, fds, nfds, why);
    if (b->disk_fd < 0)
        return b->disk_fd;
    b->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->done_fd < 0)
        return why_set(why, -errno, "eventfd: %s", strerror(errno));
    b->housekeeping = (struct loop_timer){.fn = on_housekeeping, .arg = w};
    b->done_watch = (struct loop_fd){.fd = b->done_fd, .fn = on_done, .arg = w};
    rc = loop_add(&w->loop, &b->done_watch, EPOLLIN);
    if (rc)
        return why_set(why, rc, "epoll: %s", strerror(-rc));
    /* On failure the process ends, and with it whatever was opened. */
    for (uint32_t i = 0; i < b->setup.queues && !rc; i++) {
        rc = blk_queue_open(&b->queue[i], &w->id, &b->setup, w->stats, b->disk_fd, b->done_fd, why);
        b->queue[i].disk.alive_fd = b->alive_fd;
    }
    return rc;
}

/* In the sandbox: what a server says is a stranger's word. */
static int blk_ready(struct worker *w, void *payload, struct why *why)
{
    struct blkback *b = w->dev;
    int rc = disk_meet(&b->queue[0].disk, &b->setup, why);

    if (rc <= 0)
        return rc;
    memcpy(payload, &b->setup, sizeof(b->setup));
    return sizeof(b->setup);
}

/* The journal of a fresh connection is emptied; that of a dead worker has to be of just this shape.
 * More requests than it has records for: served without, and a death then closes the device. */
static int open_journal(struct worker *w, const struct blk_connect *c, struct why *why)
{
    struct blkback *b = w->dev;
    uint32_t slots =
        ring_slots((size_t)c->ring_pages * GRANT_PAGE, blkif_slot_size((enum blkif_abi)c->abi));
    uint8_t *mem = w->box->journal;
    int rc;

    if (w->resume) {
        rc = journal_check(mem, BB_JOURNAL_BYTES, c->queues, slots);
        if (rc)
            return why_set(why, rc, "cannot go on after a crash: %s",
                           rc == -ENODATA ? "there is no journal" : "the journal is damaged");
    } else {
        rc = journal_create(mem, BB_JOURNAL_BYTES, c->queues, slots);
        if (rc) {
            memset(mem, 0, JOURNAL_RECORD);
            log_warn("%u queues of %u requests are too many for the journal: a crash of this "
                     "worker will close the device",
                     c->queues, slots);
        }
    }
    for (uint32_t i = 0; i < c->queues; i++) {
        b->queue[i].journal_mem = rc ? NULL : mem;
        b->queue[i].resume = w->resume;
        b->queue[i].late = w->lost_ns;
        b->queue[i].lost_ns = w->resume ? w->lost_ns : 0;
    }
    return 0;
}

static int blk_connect(struct worker *w, const void *payload, size_t len, struct why *why)
{
    struct blkback *b = w->dev;
    struct blk_connect c;
    int rc = 0;

    if (len != sizeof(c))
        return why_set(why, -EPROTO, "CONNECT of drvdomd and worker do not match");
    memcpy(&c, payload, sizeof(c));
    if (c.queues < 1 || c.queues > b->setup.queues || c.ring_pages < 1 ||
        c.ring_pages > BLK_RING_PAGES_MAX)
        return why_set(why, -EPROTO, "CONNECT with %u queues of %u pages", c.queues, c.ring_pages);
    ticks_calibrate(); /* no queue runs now */
    rc = open_journal(w, &c, why);
    for (uint32_t i = 0; i < c.queues && !rc; i++) {
        rc = blk_queue_prepare(&b->queue[i], &w->grant, &c, i, why);
        if (!rc) {
            b->nr_connected++;
            worker_hold_port(w, evtchn_fd(&b->queue[i].ev), b->queue[i].port);
        }
    }
    for (uint32_t i = 0; i < c.queues && !rc; i++)
        blk_queue_start(&b->queue[i]);
    if (!rc)
        loop_timer_set(&w->loop, &b->housekeeping, HOUSEKEEPING_NS);
    if (rc)
        release_all(w);
    return rc;
}

static void blk_disconnect(struct worker *w)
{
    struct blkback *b = w->dev;

    b->disconnecting = true;
    stop_all(b);
    finish_disconnect(w);
}

static int blk_limits(struct worker *w, const void *payload, size_t len)
{
    struct blkback *b = w->dev;
    struct blk_live l;

    if (len != sizeof(l))
        return -EPROTO;
    memcpy(&l, payload, sizeof(l));
    for (uint32_t i = 0; i < b->nr_connected; i++)
        blk_queue_set_live(&b->queue[i], &l);
    log_info("%llu sectors; %u requests/s, %llu bytes/s (0: no limit)",
             (unsigned long long)l.sectors, l.iops, (unsigned long long)l.bytes);
    return 0;
}

static int blk_threads(struct worker *w)
{
    struct blkback *b = w->dev;
    int rc = 0;

    for (uint32_t i = 0; i < b->setup.queues && !rc; i++)
        rc = blk_queue_thread(&b->queue[i]);
    return rc;
}

static const char *const syscalls[] = {"io_uring_enter", "io_uring_register", "pread64", NULL};
static const unsigned long ioctls[] = {BLKSECDISCARD, 0};

const struct worker_ops blkback_ops = {
    .name = "blkback",
    .sandbox = {.syscalls = syscalls, .ioctls = ioctls},
    .setup = blk_setup,
    .threads = blk_threads,
    .ready = blk_ready,
    .connect = blk_connect,
    .disconnect = blk_disconnect,
    .limits = blk_limits,
};
