/*
 * What drvdomd and the vif worker tell each other: the payloads of SETUP and CONNECT
 * (transport/xen/worker.h).
 */
#ifndef DRVDOM_NET_CONN_H
#define DRVDOM_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    /* A message carries 8 descriptors, one of them the statistics. */
    NET_QUEUES_MAX = 4,
};

/* Bytes per microseconds in each direction; 0: no limit.  Also the payload of LIMITS. */
struct net_limits {
    uint64_t tx_bytes, tx_usec; /* guest to world */
    uint64_t rx_bytes, rx_usec;
};

/* SETUP; the descriptors are the port's, one per queue. */
struct net_setup {
    uint32_t queues;
    uint32_t mtu;
    uint8_t mac[6];
    bool any_source; /* the guest may send from other addresses than mac */
    uint8_t pad;
    struct net_limits limits;
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
    bool mcast;     /* it wants only the multicast addresses it names */
    struct net_queue_keys queue[NET_QUEUES_MAX];
};

/* For drvdomd: guests whose interfaces are opened from now on may send from any MAC address, for
 * those that bridge or route for others.  Otherwise only from their own (N24). */
void net_allow_any_source(void);

#endif
