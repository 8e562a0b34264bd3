/*
 * Catalogue, chapter R: rings, grants, events.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

/* Words of the shared page, see ring.h. */
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT };

enum { GREF_NONE = 0x7ffffff0, SMALL = 60 };

static enum row_result set_prod(struct evil *e, struct ring *r, uint32_t value)
{
    ring_raw_set(r, REQ_PROD, value);
    (void)nf_kick(e->c, evil_queue(e));
    if (evil_queue(e)->port[1].port)
        (void)!evtchn_notify(&e->c->f.ev, evil_queue(e)->port[1].port);
    return evil_closes(e);
}

/* Puts n small raw frames, ids from `id` on, in pages from 0 on. */
static void put_small(struct evil *e, unsigned n, uint16_t id)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t len = evil_good(e, FRAME_RAW, SMALL, false, i % 64);

        nf_raw_tx(evil_queue(e), (uint16_t)(id + i), i % 64, 0, len, 0);
    }
}

/* ---- indexes ---- */

static enum row_result r1(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    ROW_TRY(set_prod(e, &q->tx, q->tx.prod + q->tx.slots + 1));
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    ROW_TRY(set_prod(e, &q->rx, q->rx.prod + q->rx.slots + 1));
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    return set_prod(e, &q->tx, q->tx.prod + 0x80000000u);
}

static enum row_result r2(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    ROW_TRY(set_prod(e, &q->tx, q->tx.prod - 2));
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    return set_prod(e, &q->rx, q->rx.prod - q->rx.slots - 2);
}

static enum row_result r3(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    put_small(e, 64, 0);
    /* However many are answered by now, this is more than fits behind the answers. */
    return set_prod(e, &q->tx, q->tx.prod + q->tx.slots + 1);
}

static enum row_result r4(struct evil *e)
{
    static const uint32_t base[] = {0xfffffffe, 0xffffff80, 0x7ffffff0};

    for (unsigned i = 0; i < ARRAY_SIZE(base); i++) {
        e->want.ring_base = base[i];
        ROW_TRY(evil_connect(e));
        ROW_TRY(evil_serves(e));
        ROW_TRY(evil_serves(e));
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

/* ---- slots that change ---- */

struct flip {
    struct nf_queue *q;
    struct netif_tx_request good, bad;
};

static void flip_slots(void *arg, uint64_t round)
{
    struct flip *f = arg;

    for (uint32_t i = 0; i < f->q->tx.slots; i++)
        ring_raw_write(&f->q->tx, i, round & 1 ? &f->good : &f->bad, sizeof(f->good));
}

/* One field after the other, between what is good and what is refused; the last two cost the
 * device when they are seen. */
enum { SPOILS = 7, SPOILS_FATAL = 5 };
static void spoil(struct netif_tx_request *r, unsigned what)
{
    switch (what) {
    case 0:
        r->gref = GREF_NONE;
        break;
    case 1:
        r->size = 3;
        break;
    case 2:
        r->flags = NETTXF_csum_blank;
        break;
    case 3:
        r->id = 0xffff;
        break;
    case 4:
        r->offset = 2000;
        break;
    case SPOILS_FATAL:
        r->offset = 4090;
        break;
    default:
        r->flags = NETTXF_more_data;
        r->size = 65535;
        break;
    }
}

/* Answers of slots that are being overwritten mean nothing; that there is one for each does. */
static enum row_result drain(struct evil *e, uint32_t n, bool may_close)
{
    uint64_t end = clock_ns() + (uint64_t)EVIL_REACT_MS * 1000000;
    struct ring *r = &evil_queue(e)->tx;

    while (ring_raw_get(r, RSP_PROD) - r->cons < n) {
        if (clock_ns() > end)
            return evil_wrong(e, "%u of %u slots were answered",
                              ring_raw_get(r, RSP_PROD) - r->cons, n);
        if (front_state(&e->c->f) != XENBUS_CONNECTED)
            return may_close ? ROW_SKIPPED : evil_wrong(e, "the device was closed");
        evil_sleep(1);
    }
    r->cons += n;
    r->seen = r->cons;
    return ROW_OK;
}

static enum row_result flip_round(struct evil *e, unsigned what)
{
    struct flip f = {.q = evil_queue(e)};
    uint64_t end = clock_ns() + 50000000;
    enum row_result result = ROW_OK;
    struct twin twin;

    f.good = (struct netif_tx_request){.gref = f.q->pages_ref[0][0],
                                       .size = (uint16_t)evil_good(e, FRAME_RAW, SMALL, false, 0)};
    f.bad = f.good;
    spoil(&f.bad, what);
    if (twin_start(&twin, flip_slots, &f))
        return evil_wrong(e, "no thread");
    while (result == ROW_OK && clock_ns() < end) {
        uint32_t n = MIN(ring_front_space(&f.q->tx), 16u);

        for (uint32_t i = 0; i < n; i++)
            nf_raw_put(f.q, &f.good, sizeof(f.good));
        (void)!ring_front_push(&f.q->tx);
        (void)nf_kick(e->c, f.q);
        result = drain(e, n, what >= SPOILS_FATAL);
        (void)!nf_poll(e->c, 0);
    }
    twin_stop(&twin);
    return result;
}

static enum row_result r5(struct evil *e)
{
    for (unsigned i = 0; i < SPOILS; i++) {
        ROW_TRY(evil_connect(e));
        if (flip_round(e, i) == ROW_WRONG) {
            char text[ROW_TEXT_MAX];

            snprintf(text, sizeof(text), "%.200s", e->text);
            return evil_wrong(e, "field %u: %s", i, text);
        }
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

/* ---- words that are not ours to write ---- */

static enum row_result r6(struct evil *e)
{
    struct ring *ring = &evil_queue(e)->tx;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 16; i++) {
        ring_raw_set(ring, REQ_EVENT, 0x1234567u * i);
        ring_raw_set(ring, RSP_PROD, 0x89abcdefu * (i + 1));
        ring_raw_set(ring, RSP_EVENT, 0xdeadbeefu * i);
        put_small(e, 1, 7);
        (void)!ring_front_push(ring);
        (void)nf_kick(e->c, evil_queue(e));
        /* It must write the index of its own count, not of what it finds there. */
        for (unsigned ms = 0; ring_raw_get(ring, RSP_PROD) != ring->prod; ms++) {
            if (ms > EVIL_REACT_MS)
                return evil_wrong(e, "its index became %u instead of %u",
                                  ring_raw_get(ring, RSP_PROD), ring->prod);
            evil_sleep(1);
        }
        ring->cons = ring->seen = ring->prod;
    }
    return evil_await_back(e);
}

static enum row_result r7(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    /* Never an event: the answers must be there all the same. */
    put_small(e, 32, 0);
    ring_raw_set(&q->tx, RSP_EVENT, q->tx.prod + 0x40000000);
    ring_raw_set(&q->rx, RSP_EVENT, q->rx.cons + 0x40000000);
    (void)!ring_front_push(&q->tx);
    (void)nf_kick(e->c, q);
    ROW_TRY(drain(e, 32, false));
    evil_sleep(50);
    (void)!nf_poll(e->c, 0);
    /* An event for every single one. */
    for (unsigned i = 0; i < 64; i++) {
        put_small(e, 1, 1);
        ring_raw_set(&q->tx, RSP_EVENT, q->tx.cons + 1);
        ROW_TRY(evil_answers(e, 1, 1, 0, NETIF_RSP_OKAY));
    }
    return evil_await_back(e);
}

/* ---- events ---- */

static void storm(void *arg, uint64_t round)
{
    struct nf_conn *c = arg;
    const struct nf_queue *q = &c->queue[0];

    (void)!evtchn_notify(&c->f.ev, q->port[round & 1 && q->port[1].port ? 1 : 0].port);
}

static enum row_result r8(struct evil *e)
{
    struct twin twin;
    enum row_result result;

    ROW_TRY(evil_connect(e));
    if (twin_start(&twin, storm, e->c))
        return evil_wrong(e, "no thread");
    evil_sleep(EVIL_STEADY_MS);
    put_small(e, 1, 9);
    result = evil_answers(e, 1, 9, 0, NETIF_RSP_OKAY); /* late, but not never */
    twin_stop(&twin);
    ROW_TRY(result);
    return evil_serves(e);
}

static enum row_result r9(struct evil *e)
{
    struct netif_tx_response rsp;

    ROW_TRY(evil_connect(e));
    for (int i = 0; i < 3; i++) {       /* once it may be awake for another reason */
        evil_sleep(2 * EVIL_STEADY_MS); /* until it sleeps */
        put_small(e, 1, 3);
        (void)!ring_front_push(&evil_queue(e)->tx); /* and no event, although it asked for one */
        if (nf_raw_answer(e->c, evil_queue(e), &rsp, EVIL_REACT_MS) != 1)
            return evil_wrong(e, "the frame was never looked at");
    }
    return evil_serves(e);
}

static enum row_result r10(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    uint64_t end, n = 0;

    ROW_TRY(evil_connect(e));
    put_small(e, 1, 0);
    /* From here: connecting may take longer on a busy machine, and what was put must be pushed. */
    end = clock_ns() + (uint64_t)EVIL_STEADY_MS * 1000000;
    while (clock_ns() < end) {
        struct netif_tx_response rsp;

        while (ring_front_space(&q->tx) > 0)
            nf_raw_tx(q, 0, 0, 0, FRAME_ETHER + 12 + SMALL, 0);
        if (ring_front_push(&q->tx))
            (void)nf_kick(e->c, q);
        if (nf_raw_answer(e->c, q, &rsp, EVIL_REACT_MS) != 1)
            return evil_wrong(e, "no answer while the ring was full (%llu before): %s",
                              (unsigned long long)n, e->c->f.why);
        n++;
    }
    ROW_TRY(drain(e, q->tx.prod - q->tx.cons, false));
    evil_sleep(50); /* what the echo still has */
    (void)!nf_poll(e->c, 10);
    return evil_await_back(e);
}

/* Xen drops what is sent to a port that its owner closed, and tells nobody: the backend may see it
 * or not, but it must neither spin nor lose the way to close. */
static enum row_result r12(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    put_small(e, 1, 3);
    (void)!ring_front_push(&q->tx);
    front_port_close(&e->c->f, &q->port[0]);
    for (unsigned ms = 0; ms < EVIL_REACT_MS; ms += 10) {
        unsigned s = front_state(&e->c->f);

        if (s == XENBUS_CLOSING || s == XENBUS_CLOSED ||
            ring_raw_get(&q->tx, RSP_PROD) == q->tx.prod)
            return ROW_OK;
        evil_sleep(10);
    }
    return evil_wrong(e, "neither closed nor answered");
}

/* ---- answers not taken, things that run out ---- */

static enum row_result r16(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    uint32_t n;

    ROW_TRY(evil_connect(e));
    n = ring_front_space(&q->tx);
    put_small(e, n, 0);
    (void)!ring_front_push(&q->tx);
    for (unsigned i = 0; i < 50; i++) { /* and it is told to go on, again and again */
        (void)nf_kick(e->c, q);
        evil_sleep(EVIL_STEADY_MS / 50);
    }
    ROW_TRY(drain(e, n, false));
    (void)!nf_poll(e->c, 10);
    return evil_await_back(e);
}

static enum row_result r17(struct evil *e)
{
    int rc;

    if (!evil_hook(e, "begin"))
        return evil_skip(e, "no hook that takes the driver domain's grant maps away");
    rc = nf_connect(e->c, &e->want);
    if (!evil_hook(e, "end"))
        return evil_wrong(e, "the hook failed");
    if (rc != -ECONNREFUSED)
        return evil_wrong(e, "not refused while nothing can be mapped: %s",
                          rc ? e->c->f.why : "connected");
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    return evil_serves(e);
}

/* One poisoned frame in a batch of good ones: the good ones' data must be true. */
static enum row_result r18(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    put_small(e, 8, 0);
    q->pages_ref[0][90] ^= GREF_NONE;
    nf_raw_tx(q, 8, 90, 0, 80, 0);
    q->pages_ref[0][90] ^= GREF_NONE;
    for (unsigned i = 0; i < 4; i++)
        nf_raw_tx(q, (uint16_t)(9 + i), i, 0, FRAME_ETHER + 12 + SMALL, 0);
    ROW_TRY(evil_answers(e, 8, 0, 0, NETIF_RSP_OKAY));
    ROW_TRY(evil_answers(e, 1, 8, 0, NETIF_RSP_ERROR));
    ROW_TRY(evil_answers(e, 4, 9, 0, NETIF_RSP_OKAY));
    ROW_TRY(evil_came_back(e, 12));
    /* Beyond the page: no copy at all may be tried with it. */
    put_small(e, 4, 0);
    nf_raw_tx(q, 4, 0, 4000, 200, 0);
    return evil_push_closes(e);
}

#define CLOSED "the device is closed"
#define SERVED "served on"

const struct row evil_rings[] = {
    {"R1", "request index more than a ring ahead, either ring", CLOSED, r1, NULL},
    {"R2", "request index backwards, either ring", CLOSED, r2, NULL},
    {"R3", "request index past the free response slots", CLOSED, r3, NULL},
    {"R4", "indexes wrap at 2^32", SERVED, r4, NULL},
    {"R5", "slots rewritten while they are read", "either value counts, nothing else", r5, NULL},
    {"R6", "writes to the backend's indexes", "ignored", r6, NULL},
    {"R7", "events wanted for no answer, for every answer", SERVED, r7, NULL},
    {"R8", "events without frames", SERVED, r8, NULL},
    {"R9", "a frame without an event", "served within seconds", r9, NULL},
    {"R10", "ring always full", SERVED, r10, NULL},
    {"R12", "port closed while connected", "no loop, closes in order", r12, NULL},
    {"R16", "answers never taken", "no more than a ring is kept", r16, NULL},
    {"R17", "grant maps run out", "refused, then served", r17, "a hook: no grant maps"},
    {"R18", "a poisoned frame among good ones", "only that frame fails", r18, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
