/*
 * A port: where the frames of one vif enter and leave the driver domain's network.  Narrow, so that
 * another kind (AF_XDP, a tunnel) is one more file.
 *
 * drvdomd opens and closes it; it hands one descriptor per queue to the worker.  Each descriptor
 * carries whole frames, one per read or write, with a struct virtio_net_hdr in front.
 */
#ifndef DRVDOM_NET_PORT_H
#define DRVDOM_NET_PORT_H

#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backends/net/conn.h"
#include "backends/net/hash.h"
#include "transport/xen/backend.h"

enum {
    PORT_HEADER = sizeof(struct virtio_net_hdr),
    /* Frames the kernel keeps for a guest that is slow; more are dropped there.  A frame that GRO
     * has put together holds 100 KB of the driver domain's memory, of which 96 MB has 14 MB free:
     * 256 of them in front of one slow guest ended in the kernel's out-of-memory killer. */
    PORT_QUEUE_FRAMES = 64,
};

struct port_wish {
    char name[IFNAMSIZ];   /* of the network interface */
    char bridge[IFNAMSIZ]; /* "": none, left for routing */
    char vlan[65];         /* "": the bridge's own default; else as the key says: 10p/20/30-39 */
    uint8_t mac[6];        /* the guest's: all that a bridge shall send here */
    uint32_t mtu, queues;  /* queues <= NET_QUEUES_MAX */
};

struct port {
    char name[IFNAMSIZ];
    unsigned index; /* of the interface */
    bool ovs;       /* it is on an Open vSwitch bridge */
    uint32_t queues;
    int fd[NET_QUEUES_MAX];
};

/* ---- drvdomd's side; need CAP_NET_ADMIN ---- */

/* Makes the interface, without carrier, and puts it on the bridge.  Blocks for some system calls.
 * 0, or -errno and why, with nothing left behind. */
int port_open(struct port *p, const struct port_wish *wish, struct why *why) must_check;
/* The port of a worker that serves and whose drvdomd has died: its interface stays as it is. False:
 * it has none like this; nothing was taken.  The worker is untrusted. */
bool port_inherit(struct port *p, const struct port_wish *wish, pid_t worker) must_check;
/* The interface is gone when this returns, though the worker may still hold descriptors of it. */
void port_close(struct port *p);

/* Frames are steered to the guest's queues, of which there are `queues`, by its hash; when that is
 * off, as the port likes.  0 or -errno.  Blocks for the time it takes to load a program. */
int port_set_steering(struct port *p, const struct net_hash *h, uint32_t queues) must_check;

/* ---- the worker's side; no rights needed ---- */

/* What the guest takes: bits of PORT_TAKES_*.  0 or -errno. */
enum { PORT_TAKES_CSUM = 1, PORT_TAKES_TSO4 = 2, PORT_TAKES_TSO6 = 4 };
int port_set_offloads(int fd, unsigned takes) must_check;
/* Frames are steered to this queue, or not.  0 or -errno. */
int port_use_queue(int fd, bool use) must_check;
/* Link up or down, as the bridge sees it.  0 or -errno. */
int port_set_carrier(int fd, bool up) must_check;

#endif
