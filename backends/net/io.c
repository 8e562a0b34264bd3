/*
 * The vif worker: what drvdomd's commands do to the queues.
 *
 * Queue 0 is served by the main thread, whose sleep (queue 0's reactor) also watches the common
 * loop: a vif with one queue is one thread, and a wake-up of its data path is one system call.
 *
 * #syscalls io_uring_enter (the hot path's other calls are ioctls of gntdev and evtchn)
 */
#include "backends/net/io.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/port.h"
#include "backends/net/queue.h"
#include "transport/base/log.h"

struct net_dev {
    struct net_setup setup;
    uint32_t running; /* queues connected */
    bool told;        /* the fault was reported */
    struct net_queue queue[NET_QUEUES_MAX];
};

static int setup(struct worker *w, const void *payload, size_t len, const int *fds, int nfds,
                 struct why *why)
{
    struct net_dev *dev = calloc(1, sizeof(*dev));
    int rc = 0;

    if (!dev)
        return why_set(why, -ENOMEM, "no memory for the device");
    w->dev = dev;
    if (len != sizeof(dev->setup))
        return why_set(why, -EPROTO, "SETUP of %zu bytes: drvdomd is of another version", len);
    memcpy(&dev->setup, payload, len);
    if (nfds < 1 || dev->setup.queues != 1 || (uint32_t)nfds != dev->setup.queues)
        return why_set(why, -EPROTO, "SETUP with %d descriptors for %u queues", nfds,
                       dev->setup.queues);
    for (uint32_t i = 0; i < dev->setup.queues && !rc; i++)
        rc = net_queue_init(&dev->queue[i], w, i, fds[i], w->loop.epfd);
    return rc ? why_set(why, rc, "preparing the queues: %s", strerror(-rc)) : 0;
}

static unsigned takes(const struct net_connect *c)
{
    unsigned t = 0;

    /* With checksums for one IP version only the other one is summed by rx.c. */
    if (c->csum4 || c->csum6)
        t |= PORT_TAKES_CSUM;
    if (c->gso4)
        t |= PORT_TAKES_TSO4;
    if (c->gso6)
        t |= PORT_TAKES_TSO6;
    return t;
}

static void disconnect_all(struct net_dev *dev)
{
    if (port_set_carrier(dev->queue[0].port_fd, false))
        log_debug("carrier: not supported by this port");
    while (dev->running > 0)
        net_queue_disconnect(&dev->queue[--dev->running]);
}

static int connect_guest(struct worker *w, const void *payload, size_t len, struct why *why)
{
    struct net_dev *dev = w->dev;
    struct net_connect c;
    int rc;

    if (len != sizeof(c))
        return why_set(why, -EPROTO, "CONNECT of %zu bytes: drvdomd is of another version", len);
    memcpy(&c, payload, sizeof(c));
    if (c.queues == 0 || c.queues > dev->setup.queues)
        return why_set(why, -EPROTO, "CONNECT with %u queues", c.queues);
    dev->told = false;
    rc = port_set_offloads(dev->queue[0].port_fd, takes(&c));
    if (rc)
        return why_set(why, rc, "offloads of the port: %s", strerror(-rc));
    while (dev->running < c.queues && !rc) {
        rc = net_queue_connect(&dev->queue[dev->running], &c, dev->setup.mtu, why);
        dev->running += !rc;
    }
    if (rc)
        disconnect_all(dev);
    else if (port_set_carrier(dev->queue[0].port_fd, true))
        log_debug("carrier: not supported by this port");
    return rc;
}

static void disconnect_guest(struct worker *w)
{
    disconnect_all(w->dev);
    worker_disconnected(w);
}

/* A fault of one queue stops the device: the rings stay mapped until drvdomd says DISCONNECT. */
static void report_faults(struct worker *w, struct net_dev *dev)
{
    for (uint32_t i = 0; i < dev->running && !dev->told; i++) {
        struct net_queue *q = &dev->queue[i];

        if (!q->fault)
            continue;
        dev->told = true;
        for (uint32_t k = 0; k < dev->running; k++)
            net_queue_stop(&dev->queue[k]);
        worker_fault(w, q->fault, "queue %u: %s", q->index, q->fault_text);
    }
}

static int run(struct worker *w)
{
    struct net_dev *dev = w->dev;
    struct net_queue *q = &dev->queue[0];

    while (!w->loop.quit) {
        uint64_t timeout = loop_next_timer_ns(&w->loop);
        int rc = net_queue_turn(q, timeout);

        if (!rc && (q->command || timeout != UINT64_MAX)) {
            q->command = false;
            rc = loop_step(&w->loop, false);
        }
        if (rc) {
            log_error("waiting failed: %s", strerror(-rc));
            return 1;
        }
        report_faults(w, dev);
    }
    return w->loop.exit_code;
}

static const char *const syscalls[] = {"io_uring_enter", NULL};
static const unsigned long ioctls[] = {TUNSETOFFLOAD, TUNSETCARRIER, TUNSETQUEUE, 0};

const struct worker_ops net_worker_ops = {
    .name = "netback",
    .sandbox = {.syscalls = syscalls, .ioctls = ioctls},
    .setup = setup,
    .connect = connect_guest,
    .disconnect = disconnect_guest,
    .run = run,
};
