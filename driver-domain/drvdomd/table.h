/*
 * The devices that drvdomd serves: the only place of its state.  A device is an object bound to one
 * introduction of its xenstore directory; it is dropped with it (S11: a domid may be reused).
 */
#ifndef DRVDOM_DRVDOMD_TABLE_H
#define DRVDOM_DRVDOMD_TABLE_H

#include <sys/types.h>

#include "driver-domain/drvdomd/box.h"
#include "transport/base/loop.h"
#include "transport/xen/backend.h"
#include "transport/xen/stats.h"
#include "transport/xen/xenbus.h"

enum { TABLE_MAX = 512, ERRORS_KEPT = 32, CLASSES = 2, SPARES = 2, PORTS_MAX = 17 };

struct drvdomd;

/* See ports.h. */
struct held_port {
    int fd;
    uint32_t port;
};

struct device {
    struct drvdomd *d;
    const struct backend_class *class;
    struct dev_id id;
    char name[40];              /* "vbd 3/51712": for the log */
    char dir[STORE_PATH_MAX];   /* our own directory, relative to our domain's home */
    char front[STORE_PATH_MAX]; /* the frontend's, absolute */
    bool front_watched;
    bool state_written;   /* the directory's state is ours, not the toolstack's first one */
    bool published;       /* the store has what the class's publish() would write */
    uint32_t front_state; /* as it was last read */
    bool dirty;           /* one bit: a storm of store events costs one look (S8) */
    bool exchanging;      /* the worker lets go of the rings, for another medium */
    bool exchanged;       /* the frontend has to be told of the new medium */
    struct xenbus_dev xenbus;
    struct xenbus_view view;   /* as it was last looked at */
    struct loop_timer recheck; /* what was not looked at while a guest waited */
    struct loop_timer timer;   /* dwell and gap */
    struct loop_timer rewrite; /* a state that could not be written is tried again */
    enum xenbus_state unwritten;

    /* What CONNECT said, for a successor to be told. */
    uint8_t payload[BB_PAYLOAD_MAX];
    size_t payload_len;
    struct loop_timer respawn; /* a successor is due */
    unsigned losses;           /* workers lost in a row that had answered nothing */
    uint64_t answered_before;  /* requests answered when this worker started */
    uint64_t served_ns;        /* since when this worker has the rings; 0: it has not */
    uint64_t lost_ns;          /* when the predecessor was found dead; 0: there was none */

    void *target;        /* the class's open disk or port, NULL when closed */
    struct bb_slot *box; /* statistics and journal, shared with the worker */
    int box_fd;          /* -1: granted memory */
    struct why why;      /* last failure */

    pid_t pid; /* worker, 0 when none */
    struct loop_fd sock, pidfd;
    struct held_port port[PORTS_MAX];
    unsigned nports;
    uint64_t started_ns;
};

/* A device whose error is kept in the store after it is gone. */
struct dev_error {
    const struct backend_class *class;
    struct dev_id id;
};

/* See spare.h. */
struct spare {
    const char *program;
    pid_t pid; /* 0: none */
    int sock;
    bool waiting;
};

struct drvdomd {
    struct loop loop;
    struct store *store;
    struct loop_fd store_watch, signals;
    struct loop_timer housekeeping, targets, again, refill;
    const char *bin_dir; /* where the worker programs are */
    struct box box;
    bool driver_domain; /* created as one; if not, no device is served, and each is told so */
    bool adopting;      /* first scan: a predecessor's devices keep their slots */
    bool scan_failed;   /* the last scan may have missed devices */
    bool allow_test_kill;
    uint32_t workers_replaced; /* since we started */
    uint32_t replaced_told;    /* of them, dom0 knows */
    struct spare spare[CLASSES][SPARES];
    unsigned spares_lost;   /* ended by themselves, since a worker served last */
    pid_t stray[TABLE_MAX]; /* workers of the drvdomd before us, by slot; 0: none */
    uint64_t last_drain_ns;
    struct device *dev[TABLE_MAX];
    struct dev_error errors[ERRORS_KEPT];
    unsigned errors_next;
};

/* NULL when there is none. */
struct device *table_find(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                          uint32_t devid);
/* A new entry with its slot number, or NULL (full, or no memory: logged).  adopt: a predecessor's
 * slot, whose statistics and journal stay; -1: any that is free, emptied. */
struct device *table_add(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                         uint32_t devid, int adopt);
/* Frees the entry; worker, target and watches must be gone already. */
void table_drop(struct device *dev);

#endif
