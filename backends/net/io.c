/*
 * The vif worker: what drvdomd's commands do to the queues.
 *
 * Queue 0 is served by the main thread, whose sleep (queue 0's reactor) also watches the common
 * loop: a vif with one queue is one thread, and a wake-up of its data path is one system call.
 *
 * #syscalls io_uring_enter (the hot path's other calls are ioctls of gntdev and evtchn),
 * sched_setscheduler (queue.c; without capabilities only between policies that have no privileges)
 */
#include "backends/net/io.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/net/port.h"
#include "backends/net/control.h"
#include "backends/net/crew.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

struct net_dev {
    struct net_setup setup;
    uint32_t running;    /* queues connected */
    bool told;           /* the fault was reported */
    bool stalled;        /* link down because of it */
    struct loop_fd bell; /* a further queue has changed */
    bool mcast;          /* as the guest asked for last... */
    bool mcast_known;    /* ...if that is known */
    struct net_shared shared;
    struct net_control control;
    struct crew_member crew[NET_QUEUES_MAX];
};

static void on_bell(void *arg, uint32_t events);
static void control_fault(struct worker *w, int err, const char *text);

static int prepare(struct worker *w, struct net_dev *dev, const int *fds)
{
    int rc;

    dev->bell =
        (struct loop_fd){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .fn = on_bell, .arg = w};
    if (dev->bell.fd < 0)
        return -errno;
    rc = loop_add(&w->loop, &dev->bell, EPOLLIN);
    for (uint32_t i = 0; i < dev->setup.queues && !rc; i++)
        rc = crew_init(&dev->crew[i], w, &dev->shared, i, fds[i], w->loop.epfd, dev->bell.fd);
    return rc ? rc : control_init(&dev->control, w, &dev->shared, control_fault);
}

static int setup(struct worker *w, const void *payload, size_t len, const int *fds, int nfds,
                 struct why *why)
{
    struct net_dev *dev = calloc(1, sizeof(*dev));
    int rc;

    if (!dev)
        return why_set(why, -ENOMEM, "no memory for the device");
    w->dev = dev;
    if (len != sizeof(dev->setup))
        return why_set(why, -EPROTO, "SETUP of %zu bytes: drvdomd is of another version", len);
    memcpy(&dev->setup, payload, len);
    if (nfds < 1 || nfds > NET_QUEUES_MAX || (uint32_t)nfds != dev->setup.queues)
        return why_set(why, -EPROTO, "SETUP with %d descriptors for %u queues", nfds,
                       dev->setup.queues);
    shared_init(&dev->shared, &dev->setup);
    rc = prepare(w, dev, fds);
    return rc ? why_set(why, rc, "preparing the queues: %s", strerror(-rc)) : 0;
}

static int start_threads(struct worker *w)
{
    struct net_dev *dev = w->dev;
    int rc = 0;

    for (uint32_t i = 1; i < dev->setup.queues && !rc; i++)
        rc = crew_start(&dev->crew[i]);
    return rc;
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

static void set_carrier(struct net_dev *dev, bool up)
{
    if (port_set_carrier(dev->crew[0].queue.port_fd, up))
        log_debug("carrier: not supported by this port");
}

static void disconnect_all(struct net_dev *dev)
{
    set_carrier(dev, false);
    control_disconnect(&dev->control);
    while (dev->running > 0)
        crew_disconnect(&dev->crew[--dev->running]);
}

/* Frames are steered to the queues that are served, and only to those. */
static int prepare_port(struct net_dev *dev, const struct net_connect *c, struct why *why)
{
    int rc = port_set_offloads(dev->crew[0].queue.port_fd, takes(c));

    if (rc)
        return why_set(why, rc, "offloads of the port: %s", strerror(-rc));
    for (uint32_t i = 0; i < dev->setup.queues && dev->setup.queues > 1 && !rc; i++)
        rc = port_use_queue(dev->crew[i].queue.port_fd, i < c->queues);
    return rc ? why_set(why, rc, "queues of the port: %s", strerror(-rc)) : 0;
}

static void hold_ports(struct worker *w, const struct net_dev *dev)
{
    for (uint32_t i = 0; i < dev->running; i++) {
        const struct net_queue *q = &dev->crew[i].queue;

        for (unsigned k = 0; k < ARRAY_SIZE(q->port); k++) {
            if (q->port[k].local)
                worker_hold_port(w, evtchn_fd(&q->ev), q->port[k].local);
        }
    }
    if (dev->control.port)
        worker_hold_port(w, evtchn_fd(&dev->control.ev), dev->control.port);
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
    ticks_calibrate();
    dev->told = dev->stalled = false;
    /* What the guest has subscribed to died with the worker before us: it gets all. */
    filter_reset(&dev->shared.filter, c.mcast && !w->resume);
    dev->mcast = c.mcast;
    dev->mcast_known = !w->resume;
    shared_set_headroom(&dev->shared, c.headroom);
    rc = prepare_port(dev, &c, why);
    while (dev->running < c.queues && !rc) {
        rc = crew_connect(&dev->crew[dev->running], &c, dev->setup.mtu, why);
        dev->running += !rc;
    }
    if (!rc)
        rc = control_connect(&dev->control, &c, why);
    if (rc)
        disconnect_all(dev);
    else
        set_carrier(dev, true);
    if (!rc)
        hold_ports(w, dev);
    return rc;
}

static void disconnect_guest(struct worker *w)
{
    disconnect_all(w->dev);
    worker_disconnected(w);
}

/* A fault of one queue stops the device: the rings stay mapped until drvdomd says DISCONNECT. */
static void stop_all(struct worker *w, struct net_dev *dev)
{
    if (dev->told)
        return;
    dev->told = true;
    for (uint32_t i = 0; i < dev->running; i++)
        crew_stop(&dev->crew[i]); /* from here on their memory may be read here */
    control_stop(&dev->control);
    for (uint32_t i = 0; i < dev->running; i++) {
        const struct net_queue *q = &dev->crew[i].queue;

        if (q->fault)
            worker_fault(w, q->fault, "queue %u: %s", q->index, q->fault_text);
    }
}

/* A guest that takes nothing any more loses its link, so that the bridge sends nothing here; it
 * comes back when all of its queues have slots again. */
static void follow_stalls(struct net_dev *dev)
{
    bool stalled = false;

    for (uint32_t i = 0; i < dev->running; i++)
        stalled |= dev->crew[i].queue.rx_stalled;
    if (stalled == dev->stalled)
        return;
    dev->stalled = stalled;
    log_info("link %s",
             stalled ? "down: the guest has posted no receive buffers for a minute" : "up");
    set_carrier(dev, !stalled);
}

static void control_fault(struct worker *w, int err, const char *text)
{
    struct net_dev *dev = w->dev;

    if (dev->told)
        return;
    dev->told = true;
    for (uint32_t i = 0; i < dev->running; i++)
        crew_stop(&dev->crew[i]);
    worker_fault(w, err, "%s", text);
}

static void look_at_queues(struct worker *w, struct net_dev *dev)
{
    bool faulty = dev->crew[0].queue.fault;

    for (uint32_t i = 1; i < dev->running; i++)
        faulty |= atomic_load(&dev->crew[i].faulty);
    if (faulty)
        stop_all(w, dev);
    else
        follow_stalls(dev);
}

static void on_bell(void *arg, uint32_t events)
{
    struct worker *w = arg;
    struct net_dev *dev = w->dev;
    uint64_t n;

    (void)events;
    if (read(dev->bell.fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
        look_at_queues(w, dev);
}

static int limits(struct worker *w, const void *payload, size_t len)
{
    struct net_dev *dev = w->dev;
    struct net_live l;

    if (len != sizeof(l))
        return -EPROTO;
    memcpy(&l, payload, sizeof(l));
    if (memcmp(&l.limits, &dev->setup.limits, sizeof(l.limits)) != 0)
        shared_set_limits(&dev->shared, &l.limits);
    dev->setup.limits = l.limits;
    shared_set_headroom(&dev->shared, l.headroom);
    /* After a worker's death the filter is off until the guest asks for it anew. */
    if (l.mcast != dev->mcast && dev->mcast_known)
        filter_switch(&dev->shared.filter, l.mcast);
    dev->mcast = l.mcast;
    dev->mcast_known = true;
    return 0;
}

static int run(struct worker *w)
{
    struct net_dev *dev = w->dev;
    struct net_queue *q = &dev->crew[0].queue;

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
        if (q->changed) {
            q->changed = false;
            look_at_queues(w, dev);
        }
    }
    return w->loop.exit_code;
}

static const char *const syscalls[] = {"io_uring_enter", "sched_setscheduler", NULL};
static const unsigned long ioctls[] = {TUNSETOFFLOAD, TUNSETCARRIER, TUNSETQUEUE, 0};

const struct worker_ops net_worker_ops = {
    .name = "netback",
    .sandbox = {.syscalls = syscalls, .ioctls = ioctls},
    .setup = setup,
    .threads = start_threads,
    .connect = connect_guest,
    .disconnect = disconnect_guest,
    .limits = limits,
    .run = run,
};
