/*
 * What the queues of one vif have in common: the filter and the two rate limits.  A sweep asks for
 * an allowance once and settles once, so the lock is not taken per packet, and not at all without
 * a limit.
 */
#ifndef DRVDOM_NET_SHARED_H
#define DRVDOM_NET_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/net/conn.h"
#include "backends/net/filter.h"
#include "backends/net/rate.h"

enum shared_way { SHARED_TX, SHARED_RX, SHARED_WAYS };

struct net_shared {
    struct filter filter;
    pthread_mutex_t lock;
    atomic_bool limited[SHARED_WAYS];
    struct rate rate[SHARED_WAYS];
};

void shared_init(struct net_shared *s, const struct net_setup *setup);
void shared_set_limits(struct net_shared *s, const struct net_limits *limits);

/* Bytes that may pass now (the last packet may go beyond); 0: none for *wait_ns. */
int64_t shared_allowance(struct net_shared *s, enum shared_way way, uint64_t *wait_ns);
/* That much has passed. */
void shared_settle(struct net_shared *s, enum shared_way way, uint64_t bytes);

#endif
