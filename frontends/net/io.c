/* See io.h. */
#include "frontends/net/io.h"

#include <errno.h>
#include <string.h>

#include "frontends/net/ctrl.h"
#include "frontends/net/frame.h"
#include "transport/base/log.h"

enum { CANARY = 0xc5, TX, RX };

static int broken(struct nf_conn *c, const struct nf_queue *q, const char *what)
{
    c->broken = true;
    return front_fail(&c->f, -EPROTO, "queue %u: the backend broke the protocol: %s", q->index,
                      what);
}

/* ---- sending ---- */

/* Length of the next slot: whole pages, or anything that leaves no more than fits the rest. */
static uint32_t share(uint32_t left, unsigned slots_left, uint64_t *random, uint16_t *off)
{
    uint32_t least, n;
    uint64_t r;

    *off = 0;
    if (!random || !*random || slots_left <= 1)
        return MIN(left, (uint32_t)NF_PAGE);
    r = frame_random(random);
    least = left > (slots_left - 1) * NF_PAGE ? left - (slots_left - 1) * NF_PAGE : 1;
    n = r & 1 ? MIN(left, (uint32_t)NF_PAGE) : least + (uint32_t)(r >> 8) % 64;
    if (r & 2)
        n = least + (uint32_t)(r >> 8) % NF_PAGE;
    n = MAX(MIN(MIN(n, left), (uint32_t)NF_PAGE), least);
    *off = (uint16_t)((r >> 32) % (NF_PAGE - n + 1));
    return n;
}

/* Lays the frame over free pages; the number of slots, or -EAGAIN. */
static int lay(struct nf_conn *c, struct nf_queue *q, const uint8_t *frame, uint32_t len,
               uint64_t *random, struct nf_frag frag[NF_CHAIN_MAX])
{
    const struct profile *p = c->want.profile;
    unsigned chain = p->tx_max ? MIN(p->tx_max - 1, (unsigned)NF_CHAIN_MAX) : NF_CHAIN_MAX;
    unsigned most = c->offer.sg && c->want.sg ? chain : 1, n = 0;
    uint32_t done = 0;

    if (q->nr_tx_free < most || ring_front_space(&q->tx) < most + 1)
        return -EAGAIN;
    while (done < len) {
        uint16_t id = q->tx_free[--q->nr_tx_free], off;
        uint32_t k = share(len - done, most - n, random, &off);

        memcpy(nf_page(q, 0, id) + off, frame + done, k);
        frag[n++] =
            (struct nf_frag){.gref = q->pages_ref[0][id], .id = id, .off = off, .len = (uint16_t)k};
        done += k;
    }
    return (int)n;
}

int nf_send(struct nf_conn *c, struct nf_queue *q, const uint8_t *frame, uint32_t len,
            const struct nf_meta *m, uint64_t *random)
{
    struct nf_frag frag[NF_CHAIN_MAX];
    struct nf_tx_slot slot[NF_TX_SLOTS_MAX];
    unsigned slots;
    int n;

    if (c->broken)
        return -EPROTO;
    if (len > NF_TX_FRAME_MAX || (!c->offer.sg && len > NF_PAGE))
        return -EMSGSIZE;
    n = lay(c, q, frame, len, random, frag);
    if (n < 0)
        return n;
    slots = nf_tx_build(m, frag, (unsigned)n, c->want.profile->first_slot_is_share, slot);
    for (unsigned i = 0; i < slots; i++) {
        q->tx_slot[q->tx.prod % NF_RING_SLOTS] = slot[i];
        ring_front_put(&q->tx, slot[i].raw, NF_TX_SLOT);
    }
    c->frames_out++;
    c->bytes_out += len;
    return 0;
}

static int kick(struct nf_conn *c, struct nf_queue *q, int dir)
{
    uint32_t port = q->port[dir == RX && q->port[1].port ? 1 : 0].port;
    int rc = evtchn_notify(&c->f.ev, port);

    return rc ? front_fail(&c->f, rc, "event channel %u: %s", port, strerror(-rc)) : 0;
}

int nf_push(struct nf_conn *c, struct nf_queue *q)
{
    return ring_front_push(&q->tx) ? kick(c, q, TX) : 0;
}

/* ---- receiving ---- */

int nf_post(struct nf_conn *c, struct nf_queue *q, uint32_t n)
{
    while (n-- > 0 && q->nr_rx_free > 0 && ring_front_space(&q->rx) > 0) {
        uint16_t page = q->rx_free[--q->nr_rx_free];
        struct netif_rx_request r = {.id = page, .gref = q->pages_ref[1][page]};

        if (c->watched)
            memset(nf_page(q, 1, page), CANARY, NF_PAGE);
        q->rx_page[q->rx.prod % NF_RING_SLOTS] = page;
        ring_front_put(&q->rx, &r, sizeof(r));
    }
    if (!ring_front_push(&q->rx) || !c->want.rx_notify)
        return 0;
    return kick(c, q, RX);
}

/* Nothing but the frame's bytes may have been written to the page (N26). */
static bool untouched(const uint8_t *page, bool extra, const void *raw, unsigned headroom)
{
    struct netif_rx_response rsp;
    unsigned from = 0, to = 0;

    memcpy(&rsp, raw, sizeof(rsp));
    if (!extra && rsp.status > 0 && rsp.offset + rsp.status <= NF_PAGE) {
        from = rsp.offset;
        to = from + (unsigned)rsp.status;
        from += headroom;
    }
    for (unsigned i = 0; i < NF_PAGE; i++) {
        if ((i < from || i >= to) && page[i] != CANARY)
            return false;
    }
    return true;
}

static int take_slot(struct nf_conn *c, struct nf_queue *q, const uint8_t *raw)
{
    uint16_t page = q->rx_page[(q->rx.cons - 1) % NF_RING_SLOTS];
    bool extra = q->frame.open && q->frame.extra;
    const char *why = "";
    int rc;

    q->rx_free[q->nr_rx_free++] = page;
    rc = nf_rx_feed(&q->frame, &c->rules, raw, page, nf_page(q, 1, page), &why);
    if (rc == NF_BAD_ANSWER)
        return broken(c, q, why);
    if (c->watched && !untouched(nf_page(q, 1, page), extra, raw, c->rules.headroom))
        return broken(c, q, "bytes of a page outside the frame were written");
    if (rc == 1)
        return 0;
    c->rx_errors += q->frame.failed;
    if (q->frame.failed)
        return 0;
    if (c->rules.hash && !nf_hash_ok(c, q, &q->frame, &why))
        return broken(c, q, why);
    c->frames_in++;
    c->bytes_in += q->frame.len;
    if (c->on_frame)
        c->on_frame(c->on_frame_arg, q, &q->frame);
    return 0;
}

static int take_frames(struct nf_conn *c, struct nf_queue *q)
{
    uint8_t raw[NF_RX_SLOT];
    int n = 0, rc;

    while ((rc = ring_front_take(&q->rx, raw)) > 0) {
        rc = take_slot(c, q, raw);
        if (rc)
            return rc;
        n++;
    }
    if (rc < 0)
        return broken(c, q, "its rx response index is impossible");
    /* Frontends give up on the part of a frame that they have seen. */
    if (q->frame.open)
        return broken(c, q, "a frame was published in pieces");
    if (n > 0 && !c->want.no_buffers) {
        rc = nf_post(c, q, NF_RING_SLOTS);
        if (rc)
            return rc;
    }
    return n;
}

int nf_reap(struct nf_conn *c, struct nf_queue *q)
{
    uint8_t raw[NF_TX_SLOT];
    int n = 0, rc;

    while ((rc = ring_front_take(&q->tx, raw)) > 0) {
        const struct nf_tx_slot *s = &q->tx_slot[(q->tx.cons - 1) % NF_RING_SLOTS];
        const char *why = "";
        int status = nf_tx_answer(s, raw, &why);

        if (status == NF_BAD_ANSWER)
            return broken(c, q, why);
        if (!s->extra) {
            q->tx_free[q->nr_tx_free++] = s->id;
            q->tx_bad += status != NETIF_RSP_OKAY;
        }
        n++;
    }
    return rc < 0 ? broken(c, q, "its tx response index is impossible") : n;
}

static int take_all(struct nf_conn *c)
{
    int total = 0;

    for (unsigned i = 0; i < c->nr_queues; i++) {
        struct nf_queue *q = &c->queue[i];
        int tx = nf_reap(c, q), rx = tx < 0 ? tx : take_frames(c, q);

        if (rx < 0)
            return rx;
        if (tx > 0 || rx > 0)
            front_port_useful(&q->port[0]);
        if (rx > 0)
            front_port_useful(&q->port[1]);
        total += tx + rx;
    }
    return total;
}

/* ---- sleeping ---- */

static void hear_port(struct nf_conn *c, uint32_t port, uint64_t now)
{
    for (unsigned i = 0; i < c->nr_queues; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (c->queue[i].port[k].port == port) {
                front_port_heard(&c->f, &c->queue[i].port[k], now);
                return;
            }
        }
    }
    (void)!evtchn_unmask(&c->f.ev, port);
}

/* True: a port is held back, so naps are short. */
static bool hear(struct nf_conn *c)
{
    uint64_t now = clock_ns();
    bool held = false;
    int port;

    while ((port = evtchn_pending(&c->f.ev)) > 0)
        hear_port(c, (uint32_t)port, now);
    for (unsigned i = 0; i < c->nr_queues; i++) {
        held |= front_port_tend(&c->f, &c->queue[i].port[0], now);
        held |= front_port_tend(&c->f, &c->queue[i].port[1], now);
    }
    return held;
}

/* True when something came while we were about to sleep. */
static bool rest(struct nf_conn *c)
{
    bool more = false;

    for (unsigned i = 0; i < c->nr_queues; i++) {
        struct nf_queue *q = &c->queue[i];

        more |= nf_tx_waiting(q) > 0 && ring_front_rest(&q->tx) != 0;
        more |= ring_front_rest(&q->rx) != 0; /* an impossible index: take_all() says it */
    }
    return more;
}

int nf_poll(struct nf_conn *c, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;

    for (;;) {
        uint64_t now;
        bool held;
        int n = c->broken ? -EPROTO : take_all(c);

        if (n != 0)
            return n;
        held = hear(c);
        if (rest(c))
            continue;
        now = clock_ns();
        if (now >= end)
            return 0;
        /* Nothing came for a while: is there still somebody? */
        if (front_sleep(&c->f, front_nap_ms(held, now, end)) == 0 && now + 150000000 < clock_ns()) {
            n = front_check(&c->f, ST(CONNECTED) | ST(RECONFIGURED));
            if (n)
                return n;
        }
    }
}

/* ---- raw ---- */

void nf_raw_put(struct nf_queue *q, const void *slot, size_t size)
{
    ring_front_put(&q->tx, slot, size);
}

void nf_raw_tx(struct nf_queue *q, uint16_t id, unsigned page, uint32_t off, uint32_t size,
               uint16_t flags)
{
    struct netif_tx_request r = {.gref = q->pages_ref[0][page],
                                 .offset = (uint16_t)off,
                                 .flags = flags,
                                 .id = id,
                                 .size = (uint16_t)size};

    nf_raw_put(q, &r, sizeof(r));
}

int nf_kick(struct nf_conn *c, struct nf_queue *q)
{
    return kick(c, q, TX);
}

static int raw_take(struct nf_conn *c, struct ring *r, void *raw, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;

    for (;;) {
        int rc = ring_front_take(r, raw);
        uint64_t now;
        bool held;

        if (rc < 0)
            return front_fail(&c->f, -EPROTO, "a response index is impossible");
        if (rc > 0)
            return 1;
        held = hear(c);
        if (ring_front_rest(r) > 0)
            continue;
        now = clock_ns();
        if (now >= end)
            return 0;
        if (front_sleep(&c->f, front_nap_ms(held, now, end)) == 0) {
            rc = front_check(&c->f, ST(CONNECTED) | ST(RECONFIGURED));
            if (rc)
                return rc;
        }
    }
}

int nf_raw_answer(struct nf_conn *c, struct nf_queue *q, struct netif_tx_response *rsp, unsigned ms)
{
    uint8_t raw[NF_TX_SLOT];
    int rc = raw_take(c, &q->tx, raw, ms);

    if (rc > 0)
        memcpy(rsp, raw, sizeof(*rsp));
    return rc;
}

int nf_raw_rx(struct nf_conn *c, struct nf_queue *q, void *raw, unsigned ms)
{
    return raw_take(c, &q->rx, raw, ms);
}
