/*
 * Which frames may pass: the guest's own address (N24), and the multicast addresses it asked for
 * (netif.h, feature-multicast-control; N13).  One per vif: its queues share it, each reading for
 * every frame and hardly ever writing, so that the entries are atomic words and only writers lock.
 */
#ifndef DRVDOM_NET_FILTER_H
#define DRVDOM_NET_FILTER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { FILTER_MCAST_MAX = 64 }; /* as Linux; more are refused */

struct filter {
    uint8_t mac[6];
    bool any_source;      /* the guest may send from any address */
    atomic_bool mcast_on; /* the frontend asked for filtering */
    pthread_mutex_t lock;
    _Atomic uint32_t mcast_count; /* entries ever used; a free one is 0 */
    _Atomic uint64_t mcast[FILTER_MCAST_MAX];
};

void filter_init(struct filter *f, const uint8_t mac[6], bool any_source);
/* A new connection: an empty list. */
void filter_reset(struct filter *f, bool mcast_on);
/* The guest asks for filtering, or does not any more; its list stays. */
void filter_switch(struct filter *f, bool mcast_on);

/* 0, -EINVAL: not a multicast address, -ENOSPC: the list is full.  Twice is once. */
int filter_mcast_add(struct filter *f, const uint8_t addr[6]) must_check;
/* An address that is not there: nothing happens. */
void filter_mcast_del(struct filter *f, const uint8_t addr[6]);

/* Is it for more than one? */
static inline bool filter_to_group(const uint8_t *frame)
{
    return frame[0] & 1;
}
/* May the guest send this frame (at least 14 bytes)? */
bool filter_tx_ok(const struct filter *f, const uint8_t *frame);
/* Does the guest want this frame? */
bool filter_rx_ok(const struct filter *f, const uint8_t *frame);

#endif
