/*
 * The vif's control ring: served by the main thread, in the common loop.  A guest uses it now and
 * then, so nothing here is made for speed; it is made to cost others nothing when it is stormed.
 */
#ifndef DRVDOM_NET_CONTROL_H
#define DRVDOM_NET_CONTROL_H

#include "backends/net/conn.h"
#include "backends/net/ctrl.h"
#include "backends/net/shared.h"
#include "transport/xen/evtchn.h"
#include "transport/xen/ring.h"
#include "transport/xen/worker_loop.h"

struct net_control {
    struct worker *w;
    struct net_shared *shared;
    void (*fault)(struct worker *w, int err, const char *text); /* the guest broke the protocol */
    struct evtchn ev;
    struct loop_fd watch;
    struct loop_timer unmask, tell;
    struct grant_batch batch;
    uint8_t *data; /* a page: what is copied from the guest */

    /* For one connection. */
    void *page; /* NULL: the guest has no control ring */
    struct ring ring;
    uint32_t port, queues;
    unsigned idle_wakes; /* events in a row that brought no work */
    struct net_hash hash;
    bool untold;      /* drvdomd does not know the hash yet */
    uint64_t told_ns; /* when it was told last */
};

/* Before the sandbox.  0 or -errno. */
int control_init(struct net_control *c, struct worker *w, struct net_shared *shared,
                 void (*fault)(struct worker *w, int err, const char *text)) must_check;
/* Maps the ring and binds the port, if the guest has them.  0, or -errno and why with nothing kept.
 */
int control_connect(struct net_control *c, const struct net_connect *n, struct why *why) must_check;
/* Serves no more; the ring stays mapped. */
void control_stop(struct net_control *c);
void control_disconnect(struct net_control *c);

#endif
