/*
 * Catalogue, chapter N, second half: what a guest receives, and how.
 */
#include <errno.h>
#include <string.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

enum { GREF_NONE = 0x7ffffff0 };

/* A receive request of our making: page `page`, or any grant. */
static void put_rx(struct evil *e, uint16_t id, uint32_t gref)
{
    struct netif_rx_request r = {.id = id, .gref = gref};

    ring_front_put(&evil_queue(e)->rx, &r, sizeof(r));
}

static void push_rx(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    if (ring_front_push(&q->rx))
        (void)!evtchn_notify(&e->c->f.ev, q->port[q->port[1].port ? 1 : 0].port);
}

static enum row_result connect_dry(struct evil *e)
{
    e->want.no_buffers = true;
    e->c->watched = false;
    return evil_connect(e);
}

/* Sends one frame to the echo, which sends it back; our side's answer is taken. */
static enum row_result provoke(struct evil *e, enum frame_kind k, uint32_t payload)
{
    struct frame_flow f = evil_flow(e, k);
    struct nf_meta m = {.csum_blank = k != FRAME_RAW};
    uint32_t len;
    int rc;

    if (payload > e->traffic->mtu) {
        m.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
        m.gso_size = 1400;
    }
    len = frame_build(&f, 0, payload, m.csum_blank, e->frame);
    rc = nf_send(e->c, evil_queue(e), e->frame, len, &m, NULL);
    if (!rc)
        rc = nf_push(e->c, evil_queue(e));
    while (!rc && nf_tx_waiting(evil_queue(e)) > 0) {
        rc = nf_reap(e->c, evil_queue(e));
        rc = MIN(rc, 0);
        evil_sleep(1);
    }
    return rc ? evil_wrong(e, "cannot send: %s", e->c->f.why) : ROW_OK;
}

/* The port of a fresh link takes a while until it forwards: frames go until one is back, but not so
 * many that a slow way holds more of them than the ring has slots. */
static enum row_result first_back(struct evil *e, struct netif_rx_response *rsp)
{
    for (unsigned ms = 50; ms < EVIL_REACT_MS; ms *= 2) {
        int rc;

        ROW_TRY(provoke(e, FRAME_RAW, 60));
        rc = nf_raw_rx(e->c, evil_queue(e), rsp, ms);
        if (rc > 0)
            return ROW_OK;
        if (rc < 0)
            return evil_wrong(e, "%s", e->c->f.why);
    }
    return evil_wrong(e, "nothing was received");
}

static enum row_result next_rx(struct evil *e, struct netif_rx_response *rsp)
{
    int rc = nf_raw_rx(e->c, evil_queue(e), rsp, EVIL_REACT_MS);

    return rc == 1
               ? ROW_OK
               : evil_wrong(e, "nothing was received%s%s", rc ? ": " : "", rc ? e->c->f.why : "");
}

enum { QUIET_MS = 300 };

/* Posts n good slots and takes what still comes into them, until it is quiet. */
static enum row_result settle(struct evil *e, unsigned n)
{
    uint8_t raw[NF_RX_SLOT];
    int rc;

    for (unsigned i = 0; i < n; i++)
        put_rx(e, (uint16_t)i, evil_queue(e)->pages_ref[1][i]);
    push_rx(e);
    while ((rc = nf_raw_rx(e->c, evil_queue(e), raw, QUIET_MS)) > 0)
        ;
    return rc == 0 ? ROW_OK : evil_wrong(e, "%s", e->c->f.why);
}

/* ---- N16, N17: no slots, too few ---- */

static enum row_result n16(struct evil *e)
{
    struct netif_rx_response rsp;

    ROW_TRY(connect_dry(e));
    for (unsigned i = 0; i < 600; i++)
        ROW_TRY(provoke(e, FRAME_RAW, 1000));
    if (ring_raw_get(&evil_queue(e)->rx, 2) != 0)
        return evil_wrong(e, "answers without a request");
    put_rx(e, 3, evil_queue(e)->pages_ref[1][3]);
    push_rx(e);
    ROW_TRY(next_rx(e, &rsp));
    if (rsp.id != 3 || rsp.status < 14)
        return evil_wrong(e, "id %u, status %d", rsp.id, rsp.status);
    return settle(e, 200);
}

static enum row_result n17(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    struct netif_rx_response rsp;
    uint32_t before;

    if (!e->want.sg || !e->want.gso4)
        return evil_skip(e, "needs scatter-gather and segmentation");
    ROW_TRY(connect_dry(e));
    for (uint16_t i = 0; i < 4; i++)
        put_rx(e, i, q->pages_ref[1][i]);
    push_rx(e);
    ROW_TRY(first_back(e, &rsp));
    ROW_TRY(settle(e, 0));
    /* What is left of the four is used up, but for one. */
    while (q->rx.prod - q->rx.cons > 1) {
        ROW_TRY(provoke(e, FRAME_RAW, 60));
        ROW_TRY(next_rx(e, &rsp));
    }
    if (q->rx.prod == q->rx.cons) { /* several had come back */
        put_rx(e, 4, q->pages_ref[1][4]);
        push_rx(e);
    }
    before = ring_raw_get(&q->rx, 2);
    ROW_TRY(provoke(e, FRAME_TCP4, 9000)); /* three pages and an extra info */
    evil_sleep(EVIL_STEADY_MS);
    if (ring_raw_get(&q->rx, 2) != before)
        return evil_wrong(e, "a part of a frame was given");
    for (uint16_t i = 10; i < 12; i++)
        put_rx(e, i, q->pages_ref[1][i]);
    push_rx(e);
    evil_sleep(EVIL_STEADY_MS);
    if (ring_raw_get(&q->rx, 2) != before)
        return evil_wrong(e, "a part of a frame was given when three slots were there");
    put_rx(e, 12, q->pages_ref[1][12]);
    push_rx(e);
    ROW_TRY(next_rx(e, &rsp));
    if (!(rsp.flags & NETRXF_more_data) || !(rsp.flags & NETRXF_extra_info) ||
        q->rx.prod - ring_raw_get(&q->rx, 2) != 0)
        return evil_wrong(e, "the frame did not come in one piece");
    return ROW_OK;
}

/* ---- N18, N19: what the requests say ---- */

static enum row_result expect_status(struct evil *e, uint16_t id, bool good)
{
    struct netif_rx_response rsp;

    ROW_TRY(provoke(e, FRAME_RAW, 60));
    ROW_TRY(next_rx(e, &rsp));
    if (rsp.id != id)
        return evil_wrong(e, "id %u in the slot of %u", rsp.id, id);
    if (good ? rsp.status < 14 : rsp.status >= 0)
        return evil_wrong(e, "slot of id %u has status %d", id, rsp.status);
    return ROW_OK;
}

static enum row_result n18(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    struct netif_rx_response rsp;
    uint32_t ro_ref;
    void *ro = share_pages(&e->c->f.share, e->c->f.back_domid, 1, &ro_ref, false);
    enum row_result result;

    if (!ro)
        return evil_wrong(e, "no page: %s", strerror(errno));
    ROW_TRY(connect_dry(e));
    put_rx(e, 0, q->pages_ref[1][0]);
    push_rx(e);
    ROW_TRY(first_back(e, &rsp));
    evil_sleep(50);
    ROW_TRY(settle(e, 40)); /* what came in the meantime */
    while (q->rx.prod != q->rx.cons) {
        ROW_TRY(provoke(e, FRAME_RAW, 60));
        ROW_TRY(next_rx(e, &rsp));
    }
    put_rx(e, 70, GREF_NONE);
    put_rx(e, 71, ro_ref);
    put_rx(e, 72, q->pages_ref[1][5]);
    put_rx(e, 73, q->pages_ref[1][5]); /* twice the same */
    put_rx(e, 74, 0xffffffff);
    put_rx(e, 75, q->pages_ref[1][6]);
    push_rx(e);
    result = expect_status(e, 70, false);
    if (result == ROW_OK)
        result = expect_status(e, 71, false);
    if (result == ROW_OK)
        result = expect_status(e, 72, true);
    if (result == ROW_OK)
        result = expect_status(e, 73, true);
    if (result == ROW_OK)
        result = expect_status(e, 74, false);
    if (result == ROW_OK)
        result = expect_status(e, 75, true);
    for (unsigned i = 0; result == ROW_OK && i < NF_PAGE; i++) {
        if (((uint8_t *)ro)[i] != 0)
            result = evil_wrong(e, "a page granted for reading was written");
    }
    (void)share_end(&e->c->f.share, ro, 1);
    return result;
}

static enum row_result n19(struct evil *e)
{
    static const uint16_t id[] = {0xffff, 0, 0xffff, 0x8000, 7, 7};
    struct netif_rx_response rsp;

    ROW_TRY(connect_dry(e));
    put_rx(e, 1, evil_queue(e)->pages_ref[1][0]);
    push_rx(e);
    ROW_TRY(first_back(e, &rsp));
    evil_sleep(50);
    ROW_TRY(settle(e, 40));
    while (evil_queue(e)->rx.prod != evil_queue(e)->rx.cons) {
        ROW_TRY(provoke(e, FRAME_RAW, 60));
        ROW_TRY(next_rx(e, &rsp));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(id); i++)
        put_rx(e, id[i], evil_queue(e)->pages_ref[1][i]);
    push_rx(e);
    for (unsigned i = 0; i < ARRAY_SIZE(id); i++)
        ROW_TRY(expect_status(e, id[i], true));
    return ROW_OK;
}

/* ---- N26: only the frame's bytes ---- */

static enum row_result n26(struct evil *e)
{
    struct traffic_options o = *e->traffic;
    static struct traffic_result r;

    e->c->watched = true; /* every byte of every page is compared with what it was */
    ROW_TRY(evil_connect(e));
    o.kinds = (1u << FRAME_KINDS) - 1;
    o.frames = 2000;
    o.seconds = 0;
    o.size = 0;
    if (traffic_verify(e->c, &o, &r))
        return evil_wrong(e, "%s", e->c->f.why);
    return ROW_OK;
}

/* ---- N23: queues ---- */

static enum row_result n23(struct evil *e)
{
    static const char *const bad[] = {"0", "5", "64", "65", "4294967297", "two", "-1", "", "1 "};
    struct evil_key k = {VIF_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, NULL};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        k.value = bad[i];
        ROW_TRY(evil_refused(e, evil_set_key, &k));
    }
    /* Keys of one queue, said to be two. */
    k.value = "2";
    return evil_refused(e, evil_set_key, &k);
}

#define SAME_SLOT "answered in the same slot; the next one is good"

const struct row evil_rx[] = {
    {"N16", "no receive slots", "a bounded number is kept, nothing is answered", n16, NULL},
    {"N17", "fewer receive slots than the frame takes", "given whole or not at all", n17, NULL},
    {"N18", "receive slots read-only, invalid, twice", SAME_SLOT, n18, NULL},
    {"N19", "any ids in receive slots", SAME_SLOT, n19, NULL},
    {"N23", "queues 0, too many, no number, missing", "the device is closed", n23, NULL},
    {"N26", "pages around received data", "no other byte is written", n26, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
