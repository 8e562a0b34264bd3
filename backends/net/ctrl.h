/*
 * The control ring: a guest asks for a hash of received frames, and says which of its queues they
 * go to.  PURE.
 *
 *   ctrl_plan -> [copy plan.bytes from plan.gref] -> ctrl_apply -> ctrl_response
 *
 * Static grants (ADD_GREF_MAPPING) are not supported: nobody uses them, and what a guest could have
 * mapped would have to be bounded (N22).  Implements N20 and N21 of the hostile-peer catalogue.
 */
#ifndef DRVDOM_NET_CTRL_H
#define DRVDOM_NET_CTRL_H

#include "backends/net/hash.h"
#include "transport/base/arith.h"

enum { CTRL_BYTES_MAX = HASH_MAPPING_MAX * 4 }; /* a mapping; a key is smaller */

struct ctrl_plan {
    uint16_t id, type;
    uint32_t status, data; /* of the response */
    uint32_t gref, bytes;  /* to be copied from the start of that page; 0: nothing */
    uint32_t value;        /* private: what is set, or where it begins */
};

/* Judges the private copy of a request (NETIF_CTRL_SLOT bytes).  bytes > 0 only if all but the
 * page's content is good. */
void ctrl_plan(const struct net_hash *h, const void *raw, struct ctrl_plan *p);

/* Does it.  data: the copied bytes, NULL: they cannot be had.  True: h has changed. */
bool ctrl_apply(struct net_hash *h, uint32_t queues, struct ctrl_plan *p, const void *data);

struct netif_ctrl_rsp ctrl_response(const struct ctrl_plan *p);

#endif
