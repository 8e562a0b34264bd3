/*
 * fakexen's broker: from a request to the function that does it.
 */
#include <errno.h>
#include <unistd.h>

#include "tests/fakexen/hv/hv.h"

static int dom_fds(const struct dom *d, int fds[2])
{
    if (!d)
        return -ESRCH;
    fds[0] = d->tabfd;
    fds[1] = d->memfd;
    return 0;
}

static int hello(struct conn *c, uint32_t domid, int fds[2])
{
    struct dom *d = dom_find(domid);

    if (c->dom)
        return -EBUSY;
    c->dom = d;
    return dom_fds(d, fds);
}

static int dom_op(struct conn *c, const struct fx_req *q, struct fx_rep *rep, int fds[2])
{
    struct dom *d = dom_find(q->a[0]);

    switch (q->op) {
    case FX_DOM_GET:
        return dom_fds(d, fds);
    case FX_DOM_CREATE:
        return dom_create(q->a[0]);
    case FX_DOM_DESTROY:
        return dom_destroy(q->a[0]);
    case FX_DOM_LIST:
        rep->n = dom_list(FX_V(rep), 2 * FX_REFS_PER_MSG);
        return 0;
    case FX_DOM_LIMIT:
        if (!d || q->a[1] > FX_LIM_MAPS)
            return -EINVAL;
        d->limit[q->a[1]] = q->a[2];
        return 0;
    case FX_DOM_USAGE:
        if (!d)
            return -ESRCH;
        FX_V(rep)[0] = d->nports;
        FX_V(rep)[1] = d->ngrants;
        FX_V(rep)[2] = d->nmaps;
        FX_V(rep)[3] = d->pins;
        rep->n = 4;
        return 0;
    case FX_PAGE_RESERVED:
        return page_reserve(c->dom, q->a[0], q->a[1], &rep->a[0]);
    default:
        return -ENOSYS;
    }
}

static int evt_op(struct conn *c, const struct fx_req *q, struct fx_rep *rep, int fds[2])
{
    struct evt *e = evt_find(q->h, c->dom);

    if (!e)
        return -EBADF;
    switch (q->op) {
    case FX_EVT_SYNC:
        evt_sync(e);
        return 0;
    case FX_EVT_ALLOC:
        return port_alloc(e, q->a[0], &rep->a[0]);
    case FX_EVT_BIND:
        return port_bind(e, q->a[0], q->a[1], &rep->a[0], &fds[0]);
    case FX_EVT_VIRQ:
        return port_virq(e, q->a[0], &rep->a[0]);
    case FX_EVT_UNBIND:
        return port_unbind(e, q->a[0]);
    case FX_EVT_ADOPT:
        return port_adopt(e, q->a[0]);
    case FX_EVT_RESTRICT:
        if (e->restrict_to != FX_NONE)
            return -EACCES;
        e->restrict_to = q->a[0];
        return 0;
    case FX_EVT_PEER:
        return port_peer(c->dom, q->a[0], &rep->a[0], &fds[0]);
    case FX_EVT_KICK:
        port_kick(c->dom, q->a[0]);
        return 0;
    default:
        return -ENOSYS;
    }
}

static int gnt_op(struct conn *c, const struct fx_req *q, struct fx_rep *rep)
{
    switch (q->op) {
    case FX_GNT_OPEN:
    case FX_SHR_OPEN:
        return gnt_open(c, q->op == FX_SHR_OPEN, &rep->a[0]);
    case FX_GNT_CLOSE:
    case FX_SHR_CLOSE:
        return gnt_close(c, q->h);
    case FX_GNT_MAP:
        return gnt_map(c, q, rep);
    case FX_GNT_UNMAP:
        return gnt_unmap(c, q->h, q->a[0]);
    case FX_SHR_SHARE:
        return shr_share(c, q, rep);
    case FX_SHR_UNSHARE:
        return shr_unshare(c, q->h, q->a[0]);
    default:
        return -ENOSYS;
    }
}

static int evt_new(struct conn *c, const struct fx_req *q, int fd_in, struct fx_rep *rep,
                   int fds[2])
{
    struct evt *e;
    int rc;

    if (q->op == FX_EVT_OPEN)
        return evt_open(c->dom, fds, &rep->a[0]);
    rc = evt_ident(c->dom, fd_in, &rep->a[0]);
    e = rc < 0 ? NULL : evt_find(rep->a[0], c->dom);
    fds[0] = e ? e->wfd : -1;
    return rc;
}

void hv_handle(struct conn *c, const struct fx_req *q, int fd_in, struct fx_rep *rep, int fds[2])
{
    rep->n = rep->a[0] = rep->a[1] = 0;
    fds[0] = fds[1] = -1;
    if (q->op == FX_HELLO)
        rep->rc = hello(c, q->a[0], fds);
    else if (!c->dom)
        rep->rc = -ENOTCONN;
    else if (!c->dom->alive)
        rep->rc = -EIO; /* about to be killed */
    else if (q->op < FX_EVT_OPEN)
        rep->rc = dom_op(c, q, rep, fds);
    else if (q->op < FX_EVT_SYNC)
        rep->rc = evt_new(c, q, fd_in, rep, fds);
    else if (q->op < FX_GNT_OPEN)
        rep->rc = evt_op(c, q, rep, fds);
    else
        rep->rc = gnt_op(c, q, rep);
}
