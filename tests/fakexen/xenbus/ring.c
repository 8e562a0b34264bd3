/*
 * fakexen's xenbus: the ring shared with xenstored.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fakexen/event.h"
#include "tests/fakexen/lib/client.h"
#include "tests/fakexen/xenbus/xenbus.h"

enum { QUEUE_MAX = 64 << 20 };

static struct {
    struct fx_dom *dom;
    volatile struct xenstore_domain_interface *page;
    uint32_t handle;
    int fd, wfd;
    struct bytes in, out;
} r;

void bytes_add(struct bytes *b, const void *p, size_t n)
{
    if (b->len + n > QUEUE_MAX)
        errx(1, "a queue has grown beyond all reason");
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->p = realloc(b->p, b->cap);
        if (!b->p)
            err(1, "queue");
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
}

void bytes_drop(struct bytes *b, size_t n)
{
    b->len -= n;
    memmove(b->p, b->p + n, b->len);
}

enum msg_state msg_check(const struct bytes *b, struct xsd_sockmsg *h)
{
    if (b->len < sizeof(*h))
        return MSG_PART;
    memcpy(h, b->p, sizeof(*h));
    if (h->len > XENSTORE_PAYLOAD_MAX)
        return MSG_BAD;
    return b->len < sizeof(*h) + h->len ? MSG_PART : MSG_WHOLE;
}

struct bytes *ring_in(void)
{
    return &r.in;
}

/* The page and port every domain is born with; xenstored may already have sent its first event. */
int ring_open(void)
{
    int fds[2] = {-1, -1};
    struct fx_call page = {.req = {.op = FX_PAGE_RESERVED, .a = {FX_GREF_XENSTORE, 0}},
                           .fd_in = -1};
    struct fx_call evt = {.req = {.op = FX_EVT_OPEN}, .fd_in = -1, .fds = fds, .nfds = 2};
    int rc;

    r.dom = fx_self();
    rc = r.dom ? fx_rpc(&page) : -errno;
    if (rc == 0)
        rc = fx_rpc(&evt);
    if (rc < 0)
        return rc;
    r.page = (void *)(r.dom->mem + (size_t)page.a[0] * FX_PAGE);
    memset((void *)(uintptr_t)r.page, 0, FX_PAGE);
    r.handle = evt.a[0];
    r.fd = fds[0];
    r.wfd = fds[1];
    rc = fx_simple(FX_EVT_ADOPT, r.handle, FX_PORT_XENSTORE, 0, NULL);
    return rc < 0 ? rc : r.fd;
}

void ring_event(void)
{
    uint32_t port;

    if (read(r.fd, &port, sizeof(port)) != (ssize_t)sizeof(port))
        errx(1, "event channel");
    if (fx_event_unmask(&r.dom->tab->port[port]))
        fx_pipe_put(r.wfd, port);
}

void ring_send(const struct xsd_sockmsg *h, const void *payload)
{
    bytes_add(&r.out, h, sizeof(*h));
    bytes_add(&r.out, payload, h->len);
}

static bool put(void)
{
    uint32_t prod = r.page->req_prod, room = XENSTORE_RING_SIZE - (prod - r.page->req_cons);
    size_t n = r.out.len < room ? r.out.len : room;

    if (room > XENSTORE_RING_SIZE || n == 0)
        return false;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    for (size_t i = 0; i < n; i++)
        r.page->req[MASK_XENSTORE_IDX(prod + i)] = (char)r.out.p[i];
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    r.page->req_prod = prod + (uint32_t)n;
    bytes_drop(&r.out, n);
    return true;
}

static bool get(void)
{
    uint32_t cons = r.page->rsp_cons, n = r.page->rsp_prod - cons;

    if (n == 0 || n > XENSTORE_RING_SIZE)
        return false;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n; i++) {
        char ch = r.page->rsp[MASK_XENSTORE_IDX(cons + i)];

        bytes_add(&r.in, &ch, 1);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    r.page->rsp_cons = cons + n;
    return true;
}

bool ring_move(void)
{
    struct xsd_sockmsg h;
    bool got = get(), gave = put();

    if (got || gave)
        fx_send(FX_EVT_KICK, r.handle, FX_PORT_XENSTORE);
    switch (msg_check(&r.in, &h)) {
    case MSG_WHOLE:
        return true;
    case MSG_BAD:
        errx(1, "xenstored sent a message of %u bytes", h.len);
    case MSG_PART:
    default:
        return got && ring_move();
    }
}
