/*
 * A frontend in the test's own process, for a whole vif queue.  Grants and event channels are the
 * stand-ins below: they replace transport/xen's grant.c and evtchn.c at link time.  A datagram
 * socket pair is the port.  Included once per test program.
 */
#ifndef DRVDOM_TESTS_NET_GUEST_H
#define DRVDOM_TESTS_NET_GUEST_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net/port.h"
#include "backends/net/queue.h"
#include "tests/unit/net_frames.h"
#include "transport/base/log.h"

enum {
    GUEST = 7,
    TX_RING = 1,
    RX_RING = 2,
    TX_DATA = 256,  /* grants of transmit pages */
    RX_DATA = 1024, /* grants of receive pages: + slot number */
    GREFS = 1024 + 256,
    TX_PORT = 5,
    RX_PORT = 6,
    CANARY = 0xc5,
};

static _Alignas(4096) uint8_t page[GREFS][GRANT_PAGE];
static bool bad_gref[GREFS];
static int copy_fails;
static unsigned copy_calls;

/* ---- stand-in: event channels, masked from delivery to acknowledgement ---- */

static int ev_fd;
static bool ev_masked[8], ev_pending[8];
static unsigned notified[8], unmasked;

static void kick(uint32_t port)
{
    uint64_t one = 1;

    ev_pending[port] = true;
    if (!ev_masked[port])
        ck_assert_int_eq(write(ev_fd, &one, sizeof(one)), sizeof(one));
}

int evtchn_open(struct evtchn *e)
{
    e->h = NULL;
    ev_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return ev_fd < 0 ? -errno : 0;
}
void evtchn_close(struct evtchn *e)
{
    (void)e;
    close(ev_fd);
}
int evtchn_restrict(struct evtchn *e, unsigned domid)
{
    (void)e;
    return domid == GUEST ? 0 : -EINVAL;
}
int evtchn_fd(const struct evtchn *e)
{
    (void)e;
    return ev_fd;
}
int evtchn_bind(struct evtchn *e, unsigned domid, uint32_t remote)
{
    (void)e;
    return domid == GUEST && (remote == TX_PORT || remote == RX_PORT) ? (int)remote : -EINVAL;
}

int evtchn_rebind(struct evtchn *e, unsigned domid, uint32_t remote_port)
{
    return evtchn_bind(e, domid, remote_port);
}
int evtchn_unbind(struct evtchn *e, uint32_t port)
{
    (void)e;
    ev_masked[port] = ev_pending[port] = false;
    return 0;
}
int evtchn_pending(struct evtchn *e)
{
    uint64_t n;

    (void)e;
    (void)!read(ev_fd, &n, sizeof(n));
    for (int p = TX_PORT; p <= RX_PORT; p++) {
        if (!ev_pending[p] || ev_masked[p])
            continue;
        ev_pending[p] = false;
        ev_masked[p] = true;
        if (p == TX_PORT && ev_pending[RX_PORT])
            kick(RX_PORT);
        return p;
    }
    return 0;
}
int evtchn_unmask(struct evtchn *e, uint32_t port)
{
    (void)e;
    ck_assert(ev_masked[port]);
    ev_masked[port] = false;
    unmasked++;
    if (ev_pending[port])
        kick(port);
    return 0;
}
int evtchn_notify(struct evtchn *e, uint32_t port)
{
    (void)e;
    notified[port]++;
    return 0;
}

/* ---- stand-in: grants ---- */

int grant_open(struct grant *g)
{
    g->h = NULL;
    return 0;
}
void grant_close(struct grant *g)
{
    (void)g;
}
void *grant_map(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    (void)g;
    ck_assert_uint_eq(domid, GUEST);
    ck_assert_uint_eq(count, 1);
    if (refs[0] >= GREFS || bad_gref[refs[0]]) {
        errno = EINVAL;
        return NULL;
    }
    return page[refs[0]];
}
void *grant_map_ro(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    return grant_map(g, domid, refs, count);
}
int grant_unmap(struct grant *g, void *addr, uint32_t count)
{
    (void)g;
    ck_assert_ptr_nonnull(addr);
    ck_assert_uint_eq(count, 1);
    return 0;
}
int grant_batch_init(struct grant_batch *b, unsigned domid, uint32_t capacity)
{
    *b = (struct grant_batch){
        .domid = domid, .capacity = capacity, .seg = calloc(capacity, sizeof(*b->seg))};
    return b->seg ? 0 : -ENOMEM;
}
void grant_batch_fini(struct grant_batch *b)
{
    free(b->seg);
}

static uint32_t add(struct grant_batch *b, void *local, uint32_t ref, uint16_t off, uint16_t len,
                    uint16_t flags)
{
    xengnttab_grant_copy_segment_t *s = &b->seg[b->count];

    ck_assert_uint_lt(b->count, b->capacity);
    ck_assert(len > 0 && off + len <= GRANT_PAGE); /* R18: never in a batch */
    memset(s, 0, sizeof(*s));
    s->flags = flags;
    s->len = len;
    s->source.virt = local;
    s->dest.foreign.ref = ref;
    s->dest.foreign.offset = off;
    s->status = -1;
    return b->count++;
}
uint32_t grant_batch_from_peer(struct grant_batch *b, void *local, uint32_t ref, uint16_t off,
                               uint16_t len)
{
    return add(b, local, ref, off, len, GNTCOPY_source_gref);
}
uint32_t grant_batch_to_peer(struct grant_batch *b, const void *local, uint32_t ref, uint16_t off,
                             uint16_t len)
{
    return add(b, (void *)(uintptr_t)local, ref, off, len, GNTCOPY_dest_gref);
}
int grant_batch_run(struct grant *g, struct grant_batch *b)
{
    (void)g;
    copy_calls += b->count > 0;
    if (copy_fails > 0) {
        copy_fails--;
        return -EFAULT;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        xengnttab_grant_copy_segment_t *s = &b->seg[i];
        uint32_t ref = s->dest.foreign.ref;
        uint8_t *peer;

        if (ref >= GREFS || bad_gref[ref])
            continue;
        peer = page[ref] + s->dest.foreign.offset;
        if (s->flags == GNTCOPY_dest_gref)
            memcpy(peer, s->source.virt, s->len);
        else
            memcpy(s->source.virt, peer, s->len);
        s->status = 0;
    }
    return 0;
}

/* ---- the guest ---- */

static struct worker worker;
static struct dev_stats stats;
static struct net_queue *q;
static struct net_shared shared;
static struct ring tx, rx;
static struct net_connect conn;
static int wire, command; /* our ends */
static uint8_t f[RX_FRAME_MAX + PORT_HEADER];
static uint32_t tx_gref;

static void connect_queue(void)
{
    struct why why;

    ring_front_init(&tx, page[TX_RING], GRANT_PAGE, NETIF_TX_SLOT);
    ring_front_init(&rx, page[RX_RING], GRANT_PAGE, NETIF_RX_SLOT);
    ck_assert_int_eq(net_queue_connect(q, &conn, 1500, &why), 0);
    memset(notified, 0, sizeof(notified));
    tx_gref = TX_DATA;
}

static void start(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    wire = pair[1];
    command = eventfd(0, EFD_NONBLOCK);
    worker.id.domid = GUEST;
    worker.stats = &stats;
    shared_init(&shared, &(struct net_setup){.mac = {0x00, 0x16, 0x3e, 4, 5, 6},
                                             .group_per_s = NET_GROUP_PER_S});
    memset(&stats, 0, sizeof(stats));
    memset(bad_gref, 0, sizeof(bad_gref));
    memset(page[RX_DATA], CANARY, 256 * GRANT_PAGE);
    q = calloc(1, sizeof(*q));
    ck_assert_int_eq(net_queue_init(q, &worker, &shared, 0, pair[0], command), 0);
    conn = (struct net_connect){.queues = 1,
                                .sg = true,
                                .gso4 = true,
                                .gso6 = true,
                                .csum4 = true,
                                .csum6 = true,
                                .rx_notify = true,
                                .queue[0] = {TX_RING, RX_RING, TX_PORT, RX_PORT}};
    connect_queue();
}

static void stop(void)
{
    net_queue_disconnect(q);
    ck_assert_ptr_null(q->tx_page);
    net_queue_fini(q);
    free(q);
    close(wire);
    close(command);
}

/* Lets the backend work until it has nothing to do. */
static void settle(void)
{
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(net_queue_turn(q, 1000000), 0);
}

static void tx_put(uint16_t id, uint32_t gref, uint16_t off, uint16_t size, uint16_t flags)
{
    struct netif_tx_req r = {.gref = gref, .offset = off, .flags = flags, .id = id, .size = size};

    ring_front_put(&tx, &r, sizeof(r));
}

static void tx_push(void)
{
    if (ring_front_push(&tx))
        kick(TX_PORT);
}

/* Sends f[0 .. len) in one slot per page; the number of slots. */
static unsigned tx_frame(size_t len, uint16_t flags, const struct netif_extra *extra)
{
    unsigned n = (unsigned)((len + 4095) / 4096);

    for (unsigned i = 0; i < n; i++) {
        size_t at = i * 4096u, share = MIN(len - at, (size_t)4096);
        uint16_t fl = (uint16_t)((i + 1 < n ? NETIF_TXF_MORE_DATA : 0) |
                                 (i == 0 ? flags | (extra ? NETIF_TXF_EXTRA_INFO : 0) : 0));

        memcpy(page[tx_gref], f + at, share);
        tx_put((uint16_t)(100 + i), tx_gref++, 0, (uint16_t)(i == 0 ? len : share), fl);
        if (i == 0 && extra)
            ring_front_put(&tx, extra, sizeof(*extra));
    }
    return n + !!extra;
}

static int16_t tx_answer(uint16_t *id)
{
    uint8_t raw[NETIF_TX_SLOT];
    struct netif_tx_rsp rsp;

    ck_assert_int_eq(ring_front_take(&tx, raw), 1);
    memcpy(&rsp, raw, sizeof(rsp));
    if (id)
        *id = rsp.id;
    return rsp.status;
}

static ssize_t on_wire(void *buf)
{
    return recv(wire, buf, sizeof(f), MSG_DONTWAIT);
}

static void rx_post(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct netif_rx_req r = {.id = (uint16_t)(rx.prod * 7 + 3),
                                 .gref = RX_DATA + (rx.prod & (NETIF_RING_SLOTS - 1))};

        ring_front_put(&rx, &r, sizeof(r));
    }
    if (ring_front_push(&rx))
        kick(RX_PORT);
}

static void to_wire(const struct virtio_net_hdr *h, size_t len)
{
    static uint8_t out[sizeof(f)];

    memcpy(out, h, PORT_HEADER);
    memcpy(out + PORT_HEADER, f, len);
    ck_assert_int_eq(send(wire, out, PORT_HEADER + len, 0), PORT_HEADER + (ssize_t)len);
}

static inline struct netif_rx_rsp rx_answer(void)
{
    struct netif_rx_rsp rsp;

    ck_assert_int_eq(ring_front_take(&rx, &rsp), 1);
    return rsp;
}

static const struct virtio_net_hdr plain;

#endif
