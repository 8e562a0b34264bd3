/*
 * The block worker's main thread, as transport/xen/worker_loop.h wants it.
 */
#ifndef DRVDOM_BLK_BLKBACK_H
#define DRVDOM_BLK_BLKBACK_H

#include "transport/xen/worker_loop.h"

extern const struct worker_ops blkback_ops;

#endif
