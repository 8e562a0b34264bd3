/*
 * What drvdomd's side of a block device (conn.c) tells its worker.  Both ends are of one build, the
 * version check is in transport/xen/worker.h.
 */
#ifndef DRVDOM_BLK_CONN_H
#define DRVDOM_BLK_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/blk/req.h"

enum {
    BLK_QUEUES_MAX = 8,
    BLK_RING_ORDER_MAX = 4,
    BLK_RING_PAGES_MAX = 1 << BLK_RING_ORDER_MAX,
    BLK_RING_SLOTS_MAX = 32 << BLK_RING_ORDER_MAX, /* 112-byte slots: 36 fit a page, 32 are used */
    BLK_INDIRECT_SEGS = REQ_SEGS_MAX,              /* 1 MiB in one request */
};

/* drvdomd only, before any device: a disk that another guest has under the same device number is
 * not refused but waited for (`xl migrate` to the same host). */
void blk_allow_local_migration(void);

/* SETUP payload; with it go the disk's descriptor and, if the disk can go away, that of its size in
 * sysfs. */
struct blk_setup {
    uint64_t sectors;      /* of 512 bytes */
    uint32_t queues;       /* offered */
    uint32_t block;        /* bytes that the disk reads and writes as a whole: 512, or rmw.h */
    uint32_t discard_unit; /* bytes that the target's discards must be aligned to; 0: none */
    bool readonly;
    bool blockdev;
    bool dsync;          /* each write must reach the medium before it is answered */
    bool volatile_cache; /* a flush does something */
    bool flush;          /* flush and barrier are offered */
    bool secure;         /* discards can be secure */
    bool discard;        /* NBD: the administrator allows it */
    char nbd[512];       /* NBD: where; the fields above are the worker's to find out, but
                            `readonly`, which it must keep to */
};

struct blk_connect_queue {
    uint32_t port;
    uint32_t ring_ref[BLK_RING_PAGES_MAX];
};

/* What may change while a frontend is connected: LIMITS payload, and part of CONNECT. */
struct blk_live {
    uint64_t sectors;  /* of 512 bytes */
    uint64_t bytes;    /* bytes per second, of the whole device; 0: no limit */
    uint32_t iops;     /* requests per second */
    uint32_t burst_ms; /* how long at most it may save up what it did not use */
};

/* CONNECT payload: the frontend's keys, read in one transaction, checked. */
struct blk_connect {
    struct blk_live live;
    uint32_t abi; /* enum blkif_abi */
    uint32_t queues;
    uint32_t ring_pages; /* of each queue */
    bool persistent;     /* the frontend uses the same grants again */
    bool stamps;         /* slots carry time stamps: transport/xen/stamp.h */
    struct blk_connect_queue queue[BLK_QUEUES_MAX];
};

#endif
