/*
 * What the queues of one vif have in common: the filter, the two rate limits, and what the guest
 * has set for received frames.  A sweep asks for an allowance once and settles once, so the lock is
 * not taken per packet, and not at all without a limit.
 */
#ifndef DRVDOM_NET_SHARED_H
#define DRVDOM_NET_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/net/conn.h"
#include "backends/net/filter.h"
#include "backends/net/rate.h"
#include "backends/net/rx.h"

enum shared_way { SHARED_TX, SHARED_RX, SHARED_WAYS };

/* A frame to a group (or to all) goes to every guest of the bridge, into queues of
 * PORT_QUEUE_FRAMES each: so many of them at once, and so many per second, and a neighbour that is
 * only a little late still has room for what is meant for it.  What a guest sends beyond waits in
 * its own ring. */
enum { GROUP_BURST = 16, GROUP_PER_S = 4000 };
/* And each of them costs every guest of the bridge some processor time: who sends many for long,
 * more than GROUP_STORE and then net_setup.group_per_s, loses what is beyond. */
enum { GROUP_STORE = 512 };

enum group_verdict { GROUP_SEND, GROUP_WAIT, GROUP_DROP };

struct net_shared {
    struct filter filter;
    pthread_mutex_t lock;
    atomic_bool limited[SHARED_WAYS];
    struct rate rate[SHARED_WAYS];
    struct rate group, group_store; /* of frames to groups: their pace, and how many in all */
    atomic_uint look_version;       /* of what follows; under the lock */
    uint16_t headroom;
    struct net_hash hash;
};

void shared_init(struct net_shared *s, const struct net_setup *setup);
void shared_set_limits(struct net_shared *s, const struct net_limits *limits);

/* May one more frame go to a group?  GROUP_WAIT: in *wait_ns. */
enum group_verdict shared_group(struct net_shared *s, uint64_t *wait_ns);

/* For frames that are planned from now on. */
void shared_set_headroom(struct net_shared *s, uint16_t headroom);
void shared_set_hash(struct net_shared *s, const struct net_hash *h);
/* Brings a queue's copy up to date; *seen: the version that it has. */
void shared_look(struct net_shared *s, unsigned *seen, struct rx_caps *caps);

/* Bytes that may pass now (the last packet may go beyond); 0: none for *wait_ns. */
int64_t shared_allowance(struct net_shared *s, enum shared_way way, uint64_t *wait_ns);
/* That much has passed. */
void shared_settle(struct net_shared *s, enum shared_way way, uint64_t bytes);

#endif
