/*
 * fakexen: libxenevtchn.  The handle's descriptor is a pipe in which each event is the four bytes
 * of its port, as /dev/xen/evtchn gives them: poll() and a blocking or non-blocking read() behave
 * alike.
 *
 * System calls after the ports are bound: write (notify, unmask with an event waiting), read
 * (pending). A port got by bind_unbound_port also needs recvmsg once, at the first notify after a
 * peer has come.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenevtchn.h>

#include "tests/fakexen/event.h"
#include "tests/fakexen/lib/client.h"
#include "tests/fakexen/lib/toolcore.h"

/* Where a port's events go: the peer's pipe, good while the peer's binding is `uid`. */
struct doorbell {
    uint32_t uid;
    int fd;
    bool ours_first; /* got by bind_unbound_port */
};

struct xenevtchn_handle {
    struct fx_active active; /* first: the callback gets its address */
    struct fx_dom *dom;
    int fd, wfd;
    uint32_t id;
    pthread_mutex_t lock; /* bell[] */
    struct doorbell bell[FX_PORTS];
};

static int restrict_cb(struct fx_active *ah, domid_t domid)
{
    return xenevtchn_restrict((xenevtchn_handle *)ah, domid);
}

static xenevtchn_handle *handle_new(int fd, int wfd, uint32_t id)
{
    xenevtchn_handle *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->dom = fx_self();
    h->fd = fd;
    h->wfd = wfd;
    h->id = id;
    pthread_mutex_init(&h->lock, NULL);
    for (unsigned i = 0; i < FX_PORTS; i++)
        h->bell[i].fd = -1;
    h->active.restrict_callback = restrict_cb;
    xentoolcore__register_active_handle(&h->active);
    return h;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    int fds[2] = {-1, -1};
    struct fx_call c = {.req = {.op = FX_EVT_OPEN}, .fd_in = -1, .fds = fds, .nfds = 2};

    (void)logger;
    if (flags & ~(unsigned)XENEVTCHN_NO_CLOEXEC) {
        errno = EINVAL;
        return NULL;
    }
    if (fx_fail(FX_F_EVTCHN_OPEN) || fx_errno(fx_rpc(&c)) < 0)
        return NULL;
    if (flags & XENEVTCHN_NO_CLOEXEC)
        fcntl(fds[0], F_SETFD, 0);
    return handle_new(fds[0], fds[1], c.a[0]);
}

/* A descriptor from another process, or from before an exec: the broker knows the pipe. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int flags)
{
    int wfd = -1;
    struct fx_call c = {.req = {.op = FX_EVT_IDENT}, .fd_in = fd, .fds = &wfd, .nfds = 1};

    (void)logger;
    if (flags || fd < 0) {
        errno = flags ? EINVAL : EBADF;
        return NULL;
    }
    if (fx_errno(fx_rpc(&c)) < 0)
        return NULL;
    return handle_new(fd, wfd, c.a[0]);
}

int xenevtchn_close(xenevtchn_handle *h)
{
    if (!h)
        return 0;
    xentoolcore__deregister_active_handle(&h->active);
    close(h->fd);
    /* Another process may hold it open too; if none does, its ports are gone when we return. */
    fx_simple(FX_EVT_SYNC, h->id, 0, 0, NULL);
    close(h->wfd);
    for (unsigned i = 0; i < FX_PORTS; i++)
        if (h->bell[i].fd >= 0)
            close(h->bell[i].fd);
    free(h);
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
    return h->fd;
}

static struct fx_port *own_port(xenevtchn_handle *h, evtchn_port_t port)
{
    struct fx_port *p = port && port < FX_PORTS ? &h->dom->tab->port[port] : NULL;

    return p && p->handle == h->id ? p : NULL;
}

static void bell_set(xenevtchn_handle *h, evtchn_port_t port, uint32_t uid, int fd)
{
    struct doorbell *b = &h->bell[port];

    if (b->fd >= 0)
        close(b->fd);
    b->fd = fd;
    b->uid = uid;
}

/*
 * The peer's pipe, or -1 to go through the broker.  A side that bound to its peer was given the
 * pipe with the port, and may by now be locked down to read and write: it never asks again.
 */
static int bell_get(xenevtchn_handle *h, evtchn_port_t port, uint32_t uid)
{
    struct doorbell *b = &h->bell[port];
    int fd = -1;
    struct fx_call c = {
        .req = {.op = FX_EVT_PEER, .h = h->id, .a = {port}}, .fd_in = -1, .fds = &fd, .nfds = 1};

    if (b->fd >= 0 && b->uid == uid)
        return b->fd;
    if (!b->ours_first || fx_rpc(&c) < 0 || fd < 0)
        return -1;
    bell_set(h, port, c.a[0], fd);
    return c.a[0] == uid ? fd : -1;
}

static void send_event(xenevtchn_handle *h, evtchn_port_t port, struct fx_port *p, uint64_t link)
{
    struct fx_dom *rd = fx_dom_get(fx_link_dom(link));
    uint32_t rport = fx_link_port(link), uid = fx_link_uid(link);
    int fd;

    if (!rd)
        return; /* dead: Xen drops it too */
    fd = bell_get(h, port, uid);
    if (fd < 0) {
        fx_send(FX_EVT_KICK, h->id, port);
        return;
    }
    atomic_store(&p->sending, 1);
    if (fx_event_raise(&rd->tab->port[rport], uid))
        fx_pipe_put(fd, rport);
    atomic_store(&p->sending, 0);
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
    struct fx_port *p = own_port(h, port);
    bool hit = false;
    int code = fx_fault(FX_F_NOTIFY, &hit);
    uint64_t link;

    if (hit)
        return code ? fx_errno(-code) : 0; /* 0: lost */
    if (!p)
        return fx_errno(-ENOTCONN);
    link = atomic_load(&p->link);
    if (fx_link_state(link) != FX_INTERDOMAIN)
        return 0;
    pthread_mutex_lock(&h->lock);
    send_event(h, port, p, link);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

static xenevtchn_port_or_error_t bound(xenevtchn_handle *h, struct fx_call *c)
{
    int rc = fx_errno(fx_rpc(c));
    uint32_t port = c->a[0];

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&h->lock);
    bell_set(h, port, fx_link_uid(atomic_load(&h->dom->tab->port[port].link)),
             c->nfds ? c->fds[0] : -1);
    h->bell[port].ours_first = c->req.op == FX_EVT_ALLOC;
    pthread_mutex_unlock(&h->lock);
    return (xenevtchn_port_or_error_t)port;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *h, uint32_t domid)
{
    struct fx_call c = {.req = {.op = FX_EVT_ALLOC, .h = h->id, .a = {domid}}, .fd_in = -1};

    return fx_fail(FX_F_BIND_UNBOUND) ? -1 : bound(h, &c);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
                                                     evtchn_port_t remote_port)
{
    int fd = -1;
    struct fx_call c = {.req = {.op = FX_EVT_BIND, .h = h->id, .a = {domid, remote_port}},
                        .fd_in = -1,
                        .fds = &fd,
                        .nfds = 1};

    if (fx_fail(FX_F_BIND_INTERDOMAIN))
        return -1;
    /* The peer's table now: notify may no longer be able to fetch it. */
    fx_dom_get(domid);
    return bound(h, &c);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned int virq)
{
    struct fx_call c = {.req = {.op = FX_EVT_VIRQ, .h = h->id, .a = {virq}}, .fd_in = -1};

    return fx_fail(FX_F_BIND_VIRQ) ? -1 : bound(h, &c);
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
    int rc = fx_simple(FX_EVT_UNBIND, h->id, port, 0, NULL);

    if (rc < 0)
        return fx_errno(rc);
    pthread_mutex_lock(&h->lock);
    bell_set(h, port, 0, -1);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
    uint32_t port;

    if (read(h->fd, &port, sizeof(port)) != (ssize_t)sizeof(port))
        return -1;
    return (xenevtchn_port_or_error_t)port;
}

/* Like the kernel, silent about ports that are not ours or not masked. */
int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
    struct fx_port *p = own_port(h, port);

    if (p && fx_event_unmask(p))
        fx_pipe_put(h->wfd, port);
    return 0;
}

int xenevtchn_restrict(xenevtchn_handle *h, domid_t domid)
{
    if (domid == 0 || domid >= DOMID_FIRST_RESERVED)
        return fx_errno(-EINVAL);
    return fx_errno(fx_simple(FX_EVT_RESTRICT, h->id, domid, 0, NULL));
}
