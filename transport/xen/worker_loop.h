/*
 * The frame of every worker: one device, one socket to drvdomd, one sandbox.  A device class fills
 * in struct worker_ops; main() is `return worker_run(&ops)`.
 *
 * Order: socket -> gntdev opened, sandbox prepared -> WAITING -> BOX, SETUP received (at once, or
 * when a device needs a worker that is started already) -> ops->setup -> sandbox -> READY ->
 * CONNECT ... Nothing that a peer wrote is looked at before the sandbox stands.
 */
#ifndef DRVDOM_XEN_WORKER_LOOP_H
#define DRVDOM_XEN_WORKER_LOOP_H

#include "transport/base/loop.h"
#include "transport/base/sandbox.h"
#include "transport/xen/backend.h"
#include "transport/xen/grant.h"
#include "transport/xen/stats.h"
#include "transport/xen/worker.h"

struct worker_ops;

struct worker {
    const struct worker_ops *ops;
    struct loop loop;
    struct grant grant;
    struct dev_id id;
    int sock;
    struct bb_slot *box;     /* memory that outlives the worker, never NULL */
    struct dev_stats *stats; /* in it */
    bool resume;             /* connect: go on where a dead worker stopped */
    bool survives;           /* drvdomd's successor will find the box, and end us */
    uint64_t lost_ns;        /* clock_ns() when a worker before us was found dead, or 0 */
    void *dev;               /* the class's own object */
    bool connected;          /* between CONNECTED and DISCONNECTED */
    bool faulted;            /* told drvdomd once; waits for DISCONNECT */
    bool quitting;
    struct loop_fd sock_watch;
};

struct worker_ops {
    const char *name;              /* "blkback": log prefix */
    struct sandbox_policy sandbox; /* what the class needs besides the common set */

    /* Before the sandbox: takes ownership of fds (also when it fails), opens what needs a path. */
    int (*setup)(struct worker *w, const void *payload, size_t len, const int *fds, int nfds,
                 struct why *why);
    /* Starts further threads; may be NULL.  Between the loss of rights, which threads that exist
     * already would not share, and the system call filter, which forbids new ones. */
    int (*threads)(struct worker *w);
    /* In the sandbox, before READY: fills what drvdomd learns with it (backend.h, ready).  Its
     * length, or -errno and why; may be NULL. */
    int (*ready)(struct worker *w, void *payload, struct why *why);
    /* Maps rings, binds ports, starts serving.  Undoes everything when it fails.  With w->resume
     * the guest is connected already: w->box says what is in flight. */
    int (*connect)(struct worker *w, const void *payload, size_t len, struct why *why);
    /* Stops taking, drains, unmaps, unbinds; ends with worker_disconnected(w), now or later. */
    void (*disconnect)(struct worker *w);
    /* Limits changed while running; may be NULL. */
    int (*limits)(struct worker *w, const void *payload, size_t len);
    /* Replaces loop_run(&w->loop) by a wait of the class's own; may be NULL. */
    int (*run)(struct worker *w);
};

/* Never returns before the worker ends; the process exit code. */
int worker_run(const struct worker_ops *ops);

/* The peer broke the protocol, or the device is lost: the class has stopped its rings.  Tells
 * drvdomd, once per connection. */
void worker_fault(struct worker *w, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void worker_disconnected(struct worker *w);
/* From connect(): port `port` of the event channel device `fd` is bound.  When we die drvdomd
 * unbinds it, and at SIGTERM, by which a new drvdomd takes over, we do. */
void worker_hold_port(struct worker *w, int fd, uint32_t port);

/* A process is started with drvdomd's priority, and so are its threads, for a guest may wait for
 * it. Each thread calls this when it serves: the guests' load must not keep drvdomd from its work.
 */
void worker_lower_priority(void);
/* Tells drvdomd something of the class's own (backend.h, note): at most WORKER_PAYLOAD_MAX bytes.
 */
void worker_note(struct worker *w, const void *note, size_t len);

#endif
