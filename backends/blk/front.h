/*
 * What a block frontend has written into its directory, checked (hostile-peers S1..S4, R13, R15).
 * xen/io/blkif.h, "Frontend XenBus Nodes".
 */
#ifndef DRVDOM_BLK_FRONT_H
#define DRVDOM_BLK_FRONT_H

#include "backends/blk/conn.h"
#include "transport/xen/backend.h"
#include "transport/xen/store.h"

/*
 * Reads all of it in transaction `t` (so that it cannot change between two reads) into *c, but for
 * c->live.  0; -EAGAIN: a key is missing, which is not an error yet, a frontend may show its state
 * before its keys; -EINVAL and why; -errno of xenstore.  Blocks for xenstore's answers.
 */
int blk_front_read(struct store *s, store_txn t, const char *dir, uint32_t max_queues,
                   struct blk_connect *c, struct why *why) must_check;

#endif
