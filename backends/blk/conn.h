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
    BLK_QUEUES_MAX = 1,
    BLK_RING_ORDER_MAX = 0,
    BLK_RING_PAGES_MAX = 1 << BLK_RING_ORDER_MAX,
    BLK_RING_SLOTS_MAX = 32 << BLK_RING_ORDER_MAX,
    BLK_INDIRECT_SEGS = 0,
};

/* SETUP payload; the disk's descriptor goes with it. */
struct blk_setup {
    uint64_t sectors; /* of 512 bytes */
    uint32_t queues;  /* offered */
    bool readonly;
    bool dsync;          /* each write must reach the medium before it is answered */
    bool volatile_cache; /* a flush does something */
};

struct blk_connect_queue {
    uint32_t port;
    uint32_t ring_ref[BLK_RING_PAGES_MAX];
};

/* CONNECT payload: the frontend's keys, read in one transaction, checked. */
struct blk_connect {
    uint64_t sectors; /* now: a disk may have been resized between two connections */
    uint32_t abi;     /* enum blkif_abi */
    uint32_t queues;
    uint32_t ring_pages; /* of each queue */
    struct blk_connect_queue queue[BLK_QUEUES_MAX];
};

#endif
