/*
 * What drvdomd and the vif worker tell each other: the payloads of SETUP and CONNECT
 * (transport/xen/worker.h).
 */
#ifndef DRVDOM_NET_CONN_H
#define DRVDOM_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/net/hash.h"

enum {
    /* A message carries 8 descriptors, one of them the statistics. */
    NET_QUEUES_MAX = 4,
};

/* Bytes per microseconds in each direction; 0: no limit. */
struct net_limits {
    uint64_t tx_bytes, tx_usec; /* guest to world */
    uint64_t rx_bytes, rx_usec;
};

/* LIMITS: what may change while the guest is connected. */
struct net_live {
    struct net_limits limits;
    uint16_t headroom; /* bytes that the guest wants free in front of received data */
    bool mcast;        /* it wants only the multicast addresses it names */
    uint8_t pad[5];
};

/* SETUP; the descriptors are the port's, one per queue. */
struct net_setup {
    uint32_t queues;
    uint32_t mtu;
    uint8_t mac[6];
    bool any_source; /* the guest may send from other addresses than mac */
    uint8_t pad;
    struct net_limits limits;
    uint32_t group_per_s; /* frames to groups that it may send for long; 0: no limit */
    uint32_t pad2;
};

struct net_queue_keys {
    uint32_t tx_ref, rx_ref;
    uint32_t tx_port, rx_port; /* the guest's ports; equal: one channel for both */
};

/* CONNECT: validated by conn.c, so trusted by the worker as far as a number can be. */
struct net_connect {
    uint32_t queues; /* 1 .. net_setup.queues */
    /* what the guest takes */
    bool sg, gso4, gso6, csum4, csum6;
    bool rx_notify; /* it sends an event when it posts receive buffers */
    bool mcast;     /* as in struct net_live */
    uint16_t headroom;
    uint32_t ctrl_ref, ctrl_port; /* of the control ring; port 0: the guest has none */
    struct net_hash hash;         /* RESUME: what the guest has set meanwhile */
    struct net_queue_keys queue[NET_QUEUES_MAX];
};

/* NOTE, worker to drvdomd: the guest has set this hash (struct net_hash). */

/* For drvdomd: guests whose interfaces are opened from now on may send from any MAC address, for
 * those that bridge or route for others.  Otherwise only from their own (N24). */
void net_allow_any_source(void);

/* For drvdomd, likewise: frames to groups (multicast, broadcast) that a guest may send for long, a
 * second; 0: as many as it likes. */
enum { NET_GROUP_PER_S = 32 };
void net_set_group_rate(uint32_t frames_per_s);

#endif
