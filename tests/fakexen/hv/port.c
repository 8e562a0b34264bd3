/*
 * fakexen's broker: event channels, with Xen's states and Linux's /dev/xen/evtchn on top.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdint.h>
#include <xen/xen.h>

#include "tests/fakexen/event.h"
#include "tests/fakexen/hv/hv.h"

enum { FIRST_USER_PORT = 3, VIRQS = 24 };

struct hv_list evts = {&evts, &evts};
static uint32_t next_evt = 1, next_uid = 1;

struct evt *evt_find(uint32_t id, const struct dom *d)
{
    for (struct hv_list *l = evts.next; l != &evts; l = l->next) {
        struct evt *e = hv_entry(l, struct evt, link);

        if (e->id == id && !e->src.dead && (!d || e->dom == d))
            return e;
    }
    return NULL;
}

int evt_open(struct dom *d, int fds[2], uint32_t *id)
{
    struct evt *e = calloc(1, sizeof(*e));
    struct stat st;

    if (!e)
        return -ENOMEM;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        free(e);
        return -errno;
    }
    /* Only the writing side: whether a read blocks is the owner's choice. */
    if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0 || fstat(fds[1], &st) < 0)
        return -errno;
    e->src.kind = SRC_EVT;
    e->wfd = fds[1];
    e->ino = st.st_ino;
    e->id = next_evt++;
    e->dom = d;
    e->restrict_to = FX_NONE;
    hv_list_add(&evts, &e->link);
    *id = e->id;
    return hv_watch(&e->src, e->wfd, 0); /* EPOLLERR comes unasked: nobody can read any more */
}

int evt_ident(struct dom *d, int fd, uint32_t *id)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -EBADF;
    for (struct hv_list *l = evts.next; l != &evts; l = l->next) {
        const struct evt *e = hv_entry(l, struct evt, link);

        if (e->ino == st.st_ino && e->dom == d && !e->src.dead) {
            *id = e->id;
            return 0;
        }
    }
    return -EBADF;
}

static struct fx_port *port_of(struct dom *d, uint32_t port)
{
    return port && port < FX_PORTS ? &d->tab->port[port] : NULL;
}

static unsigned port_state(const struct fx_port *p)
{
    return fx_link_state(atomic_load(&p->link));
}

static int owner_wfd(const struct fx_port *p)
{
    const struct evt *e = p->handle ? evt_find(p->handle, NULL) : NULL;

    return e ? e->wfd : -1;
}

static void deliver(struct dom *d, uint32_t port)
{
    struct fx_port *p = &d->tab->port[port];

    if (fx_event_raise(p, (uint32_t)(atomic_load(&p->self) >> 32)))
        fx_pipe_put(owner_wfd(p), port);
}

/* The other end of a connected port; NULL when there is none. */
static struct dom *peer_of(const struct fx_port *p, uint32_t *rport)
{
    uint64_t l = atomic_load(&p->link);

    if (fx_link_state(l) != FX_INTERDOMAIN)
        return NULL;
    *rport = fx_link_port(l);
    return dom_find(fx_link_dom(l));
}

/* Xen's evtchn_close(): the other side becomes unbound again, for us to bind, and is told nothing.
 */
static void port_close(struct dom *d, uint32_t port)
{
    struct fx_port *p = &d->tab->port[port];
    uint32_t rport = 0;
    struct dom *rd = peer_of(p, &rport);

    for (unsigned v = 0; v < VIRQS; v++)
        if (d->virq[v] == port)
            d->virq[v] = 0;
    if (rd && !(rd == d && rport == port))
        atomic_store(&rd->tab->port[rport].link, fx_link(FX_UNBOUND, d->id, 0, 0));
    atomic_store(&p->self, 0);
    atomic_store(&p->link, fx_link(FX_FREE, 0, 0, 0));
    atomic_store(&p->sending, 0);
    p->handle = 0;
    d->orphan[port] = false;
    d->nports--;
}

/* The owner lets go; a pending unmap notification keeps the port until it has been sent. */
static void port_drop(struct dom *d, uint32_t port)
{
    if (!d->hold[port]) {
        port_close(d, port);
        return;
    }
    d->tab->port[port].handle = 0;
    d->orphan[port] = true;
}

void evt_close(struct evt *e)
{
    struct dom *d = e->dom;

    for (uint32_t i = 1; i < FX_PORTS; i++)
        if (d->tab->port[i].handle == e->id)
            port_drop(d, i);
    hv_list_del(&e->link);
    hv_bury(&e->src, e->wfd);
    dom_unpin(d, 0);
}

void evt_sync(struct evt *e)
{
    struct epoll_event ev;
    int ep = epoll_create1(EPOLL_CLOEXEC), n;

    if (ep < 0)
        return;
    ev = (struct epoll_event){.events = 0};
    n = epoll_ctl(ep, EPOLL_CTL_ADD, e->wfd, &ev) < 0 ? 0 : epoll_wait(ep, &ev, 1, 0);
    close(ep);
    if (n > 0)
        evt_close(e);
}

static int port_new(struct dom *d, uint32_t *port)
{
    if (d->nports >= d->limit[FX_LIM_PORTS])
        return -ENOSPC;
    for (uint32_t i = FIRST_USER_PORT; i < FX_PORTS; i++) {
        if (port_state(&d->tab->port[i]) == FX_FREE) {
            d->nports++;
            *port = i;
            return 0;
        }
    }
    return -ENOSPC;
}

static void port_set(struct dom *d, uint32_t port, uint32_t handle, uint64_t link)
{
    struct fx_port *p = &d->tab->port[port];

    p->handle = handle;
    atomic_store(&p->self, (uint64_t)next_uid++ << 32);
    atomic_store(&p->link, link);
}

static bool forbidden(const struct evt *e, uint32_t domid)
{
    return e->restrict_to != FX_NONE && e->restrict_to != domid;
}

int port_alloc(struct evt *e, uint32_t remote, uint32_t *port)
{
    int rc;

    if (forbidden(e, remote))
        return -EACCES;
    rc = port_new(e->dom, port);
    if (rc < 0)
        return rc;
    if (remote == DOMID_SELF)
        remote = e->dom->id;
    port_set(e->dom, *port, e->id, fx_link(FX_UNBOUND, remote, 0, 0));
    return 0;
}

int port_bind(struct evt *e, uint32_t domid, uint32_t rport, uint32_t *port, int *peer_wfd)
{
    struct dom *d = e->dom, *rd = dom_find(domid == DOMID_SELF ? d->id : domid);
    struct fx_port *rp;
    uint64_t rl;
    int rc;

    if (forbidden(e, domid))
        return -EACCES;
    if (!rd)
        return -ESRCH;
    rp = port_of(rd, rport);
    if (!rp)
        return -EINVAL;
    rl = atomic_load(&rp->link);
    if (fx_link_state(rl) != FX_UNBOUND || fx_link_dom(rl) != d->id)
        return -EINVAL;
    rc = port_new(d, port);
    if (rc < 0)
        return rc;
    port_set(d, *port, e->id,
             fx_link(FX_INTERDOMAIN, rd->id, rport, (uint32_t)(atomic_load(&rp->self) >> 32)));
    atomic_store(&rp->link, fx_link(FX_INTERDOMAIN, d->id, *port,
                                    (uint32_t)(atomic_load(&d->tab->port[*port].self) >> 32)));
    /* What the remote sent while unbound was lost, so Xen pretends there was something. */
    deliver(d, *port);
    *peer_wfd = owner_wfd(rp);
    return 0;
}

int port_virq(struct evt *e, uint32_t virq, uint32_t *port)
{
    int rc;

    if (e->restrict_to != FX_NONE)
        return -EACCES;
    if (virq >= VIRQS)
        return -EINVAL;
    if (e->dom->virq[virq])
        return -EEXIST;
    rc = port_new(e->dom, port);
    if (rc < 0)
        return rc;
    port_set(e->dom, *port, e->id, fx_link(FX_VIRQ, 0, 0, 0));
    e->dom->virq[virq] = (uint16_t)*port;
    return 0;
}

int port_unbind(struct evt *e, uint32_t port)
{
    struct fx_port *p = port_of(e->dom, port);

    if (!p)
        return -EINVAL;
    if (port_state(p) == FX_FREE || p->handle != e->id)
        return -ENOTCONN;
    port_drop(e->dom, port);
    return 0;
}

/* What came before the owner did is delivered now. */
int port_adopt(struct evt *e, uint32_t port)
{
    struct fx_port *p = port_of(e->dom, port);

    if (!p || port_state(p) == FX_FREE)
        return -EINVAL;
    if (p->handle)
        return -EBUSY;
    p->handle = e->id;
    if (atomic_load(&p->self) & FX_MASKED)
        fx_pipe_put(e->wfd, port);
    return 0;
}

int port_peer(struct dom *d, uint32_t port, uint32_t *uid, int *wfd)
{
    struct fx_port *p = port_of(d, port);
    uint32_t rport = 0;
    struct dom *rd = p ? peer_of(p, &rport) : NULL;

    if (!rd)
        return -ENOTCONN;
    *uid = fx_link_uid(atomic_load(&p->link));
    *wfd = owner_wfd(&rd->tab->port[rport]);
    return 0;
}

void port_kick(struct dom *d, uint32_t port)
{
    struct fx_port *p = port_of(d, port);
    uint32_t rport = 0;
    struct dom *rd = p ? peer_of(p, &rport) : NULL;

    if (rd)
        deliver(rd, rport);
}

int port_hold(struct dom *d, uint32_t port)
{
    struct fx_port *p = port_of(d, port);

    if (!p || port_state(p) == FX_FREE || d->hold[port] == UINT16_MAX)
        return -EINVAL;
    d->hold[port]++;
    return 0;
}

void port_release(struct dom *d, uint32_t port)
{
    if (!d->hold[port])
        return; /* the whole domain has died in between */
    port_kick(d, port);
    if (--d->hold[port] == 0 && d->orphan[port])
        port_close(d, port);
}

void port_reserve(struct dom *d, uint32_t port, uint32_t remote)
{
    assert(port < FIRST_USER_PORT);
    d->nports++;
    port_set(d, port, 0, fx_link(FX_UNBOUND, remote, 0, 0));
}

void port_close_all(struct dom *d)
{
    for (uint32_t i = 1; i < FX_PORTS; i++) {
        d->hold[i] = 0;
        if (port_state(&d->tab->port[i]) != FX_FREE)
            port_close(d, i);
    }
}

/*
 * A process of this domain has died.  Had it marked a peer's port as told and not yet written to
 * the pipe, that peer would wait for ever: say it again. Twice told does no harm.
 */
void port_resend(struct dom *d)
{
    for (uint32_t i = 1; i < FX_PORTS; i++) {
        struct fx_port *p = &d->tab->port[i];
        uint32_t rport = 0;
        struct dom *rd;

        if (!atomic_exchange(&p->sending, 0))
            continue;
        rd = peer_of(p, &rport);
        if (rd && atomic_load(&rd->tab->port[rport].self) & FX_MASKED)
            fx_pipe_put(owner_wfd(&rd->tab->port[rport]), rport);
    }
}

void virq_raise(uint32_t domid, uint32_t virq)
{
    struct dom *d = dom_find(domid);

    if (d && d->virq[virq])
        deliver(d, d->virq[virq]);
}
