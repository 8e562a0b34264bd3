/*
 * What a device class (vbd, vif) gives to drvdomd.  drvdomd owns xenstore, the xenbus states and
 * the worker processes; the class knows its keys, opens its disk or port, and says what its worker
 * needs. Two implementations: backends/blk/conn.c and backends/net/conn.c.
 */
#ifndef DRVDOM_XEN_BACKEND_H
#define DRVDOM_XEN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "transport/xen/store.h"
#include "transport/xen/worker.h"

/* One line for the backend's error node, `hotplug-error` and the log: thing, value, remedy. */
struct why {
    char text[WORKER_TEXT_MAX];
};
/* Formats into w and returns err, so that a failure is one statement. */
int why_set(struct why *w, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct schema_dir; /* xenstore-schema/key.h */

/* Where refresh() looks. */
struct backend_look {
    struct store *s;
    const char *dir, *front_dir;
    bool all;
    bool asked; /* the frontend is in state 7 (Reconfiguring) and waits for 8 */
};

/* What open() is given. */
struct backend_open {
    struct store *s;
    const char *dir;
    const struct dev_id *id;
    /* To be called once all is read and before the disk or port is opened: who has it until now,
     * and serves a guest, lets go of it. */
    void (*take_over)(void *arg);
    void *arg;
    /* The worker that has it until then, or 0.  It may be compromised. */
    pid_t predecessor;
};

struct backend_class {
    const char *kind;                          /* "vbd": xenstore's word */
    const struct schema_dir *keys;             /* of our own directory */
    const char *worker;                        /* program name in the directory of drvdomd */
    const char *(*worker_of)(const void *dev); /* one for this device; may be NULL */
    bool connect_at_initialised; /* block connects at frontend state 3, network only at 4
                                    (peers 3.1) */

    /* Reads our own directory (toolstack keys), opens and checks the disk or port.  Must not leave
     * anything behind when it fails.  *dev is the class's own object until close(). */
    int (*open)(const struct backend_open *at, void **dev, struct why *why);
    void (*close)(void *dev);

    /* Writes every feature and size key, before state 2 and again before state 4. */
    int (*publish)(void *dev, struct store *s, store_txn t, const char *dir);

    /* Fills the SETUP payload; returns its length; adds descriptors the worker gets (still owned
     * by dev). */
    size_t (*setup)(void *dev, void *payload, int *fds, int *nfds);

    /* What the worker found out before it said READY (len 0: nothing).  0, or -errno and why.  May
     * be NULL. */
    int (*ready)(void *dev, const void *payload, size_t len, struct why *why);

    /* Reads and validates the frontend's keys within one transaction (S3) into the CONNECT payload:
     * its length, or -EAGAIN: keys are not complete yet, wait; or -EINVAL and why. */
    int (*read_front)(void *dev, struct store *s, store_txn t, const char *front_dir, void *payload,
                      struct why *why);

    /* While connected, at every look: has what may change live changed (or at->all: whatever it
     * is)? Fills the LIMITS payload and returns its length, 0: no change, -EINVAL and why: the
     * frontend asks for what cannot be.  *announce: the keys that publish() writes have changed as
     * well, and the frontend shall hear of it.  May be NULL. */
    int (*refresh)(void *dev, const struct backend_look *at, void *payload, bool *announce,
                   struct why *why);
    const char *front_key; /* a key of the frontend that makes it worth a look; NULL: none */

    /* The worker's NOTE: what a successor must know goes into `connect`, the payload of CONNECT.
     * True: it has changed.  The worker may be compromised.  May be NULL. */
    bool (*note)(void *dev, const void *note, size_t len, void *connect, size_t connect_len);

    /* A descriptor that becomes readable when something outside has changed for all devices of the
     * class, or -errno; and its emptying, false when devices need no look after all.  May be NULL.
     */
    int (*events_open)(void);
    bool (*events_drain)(int fd);

    /* Does the toolstack name another target now, where that means another medium?  exchange() then
     * lets go of the old one and opens it; when it cannot be had the drive is empty: -errno and
     * why. Both may be NULL. */
    bool (*other_target)(const void *dev, struct store *s, const char *dir);
    int (*exchange)(void *dev, struct store *s, const char *dir, struct why *why);

    /* Has the target itself changed, so that a look is due?  Asked often: without the store, and
     * without blocking.  A class that has it is asked to refresh() also before a frontend connects.
     * May be NULL. */
    bool (*has_changed)(void *dev);
};

extern const struct backend_class blk_backend_class;
extern const struct backend_class net_backend_class;

#endif
