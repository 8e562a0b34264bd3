/*
 * Catalogue, chapter N, first half: what a guest sends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

enum { MORE = NETTXF_more_data, EXTRA = NETTXF_extra_info, BLANK = NETTXF_csum_blank };
enum { GREF_NONE = 0x7ffffff0 };

static void put_extra(struct evil *e, uint8_t type, uint8_t flags, uint16_t size, uint8_t gso)
{
    struct netif_extra_info x = {.type = type, .flags = flags};

    x.u.gso.size = size;
    x.u.gso.type = gso;
    nf_raw_put(evil_queue(e), &x, sizeof(x));
}

static void put_mcast(struct evil *e, uint8_t type, const uint8_t addr[6])
{
    struct netif_extra_info x = {.type = type};

    memcpy(x.u.mcast.addr, addr, 6);
    nf_raw_put(evil_queue(e), &x, sizeof(x));
}

/* Lays a built frame over pages 0.. in slots of `share` bytes, each at the start of its page; the
 * extra, if any, must be put by the caller behind the first slot: NULL puts none. */
static unsigned put_split(struct evil *e, const uint8_t *frame, uint32_t len, uint32_t share,
                          uint16_t flags, const struct netif_extra_info *x)
{
    struct nf_queue *q = evil_queue(e);
    unsigned n = 0;

    for (uint32_t at = 0; at < len; at += share, n++) {
        uint32_t k = MIN(share, len - at);

        memcpy(nf_page(q, 0, n), frame + at, k);
        nf_raw_tx(q, (uint16_t)n, n, 0, at == 0 ? len : k,
                  (uint16_t)((at == 0 ? flags : 0) | (at + k < len ? MORE : 0)));
        if (at == 0 && x)
            nf_raw_put(q, x, sizeof(*x));
    }
    return n + (x != NULL);
}

static uint32_t build(struct evil *e, enum frame_kind k, uint32_t payload, bool blank)
{
    struct frame_flow f = evil_flow(e, k);

    return frame_build(&f, 0, payload, blank, e->frame);
}

/* The device closes; then it must be there again for the next one. */
static enum row_result fatal(struct evil *e)
{
    ROW_TRY(evil_push_closes(e));
    ROW_TRY(evil_again(e));
    return evil_connect(e);
}

/* ---- N1 to N7: chains ---- */

static enum row_result n1(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    (void)evil_good(e, FRAME_RAW, 40, false, 0);
    for (uint16_t size = 0; size < 14; size++)
        nf_raw_tx(evil_queue(e), size, 0, 0, size, 0);
    ROW_TRY(evil_answers(e, 14, 0, 0, NETIF_RSP_ERROR));
    return evil_came_back(e, 0);
}

static enum row_result n2(struct evil *e)
{
    static const struct {
        uint32_t off, size;
    } bad[] = {{4000, 97}, {4096, 60}, {65535, 65535}, {65000, 600}, {1, 65535}};

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        nf_raw_tx(evil_queue(e), 0, 0, bad[i].off, bad[i].size, 0);
        ROW_TRY(fatal(e));
        /* And as a fragment. */
        nf_raw_tx(evil_queue(e), 0, 0, 0, 65000, MORE);
        nf_raw_tx(evil_queue(e), 1, 1, bad[i].off, bad[i].size, 0);
        ROW_TRY(fatal(e));
    }
    return evil_came_back(e, 0);
}

static enum row_result n3(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    nf_raw_tx(evil_queue(e), 0, 0, 0, 200, MORE);
    return evil_push_closes(e);
}

/* `more` slots of 50 bytes each behind a first one of 50. */
static unsigned put_chain(struct evil *e, unsigned more)
{
    uint32_t len = build(e, FRAME_RAW, (more + 1) * 50 - FRAME_ETHER - 12, false);

    return put_split(e, e->frame, len, 50, 0, NULL);
}

static enum row_result n4(struct evil *e)
{
    unsigned n;

    ROW_TRY(evil_connect(e));
    n = put_chain(e, 17);
    ROW_TRY(evil_answers(e, n, 0, 0, NETIF_RSP_OKAY));
    ROW_TRY(evil_came_back(e, 1));
    n = put_chain(e, 19);
    ROW_TRY(evil_answers(e, n, 0, 0, NETIF_RSP_ERROR));
    ROW_TRY(evil_came_back(e, 0));
    put_chain(e, 40);
    return evil_push_closes(e);
}

static enum row_result n5(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    nf_raw_tx(q, 0, 0, 0, 100, MORE);
    nf_raw_tx(q, 1, 1, 0, 60, MORE);
    nf_raw_tx(q, 2, 2, 0, 60, 0);
    ROW_TRY(evil_answers(e, 3, 0, 0, NETIF_RSP_ERROR));
    /* 17 pages: 64 KiB and more, which a u16 sum would take for less. */
    nf_raw_tx(q, 0, 0, 0, 4196, MORE);
    for (uint16_t i = 1; i < 18; i++)
        nf_raw_tx(q, i, i, 0, 4096, i < 17 ? MORE : 0);
    ROW_TRY(evil_answers(e, 18, 0, 0, NETIF_RSP_ERROR));
    return evil_came_back(e, 0);
}

static enum row_result n6(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    uint32_t len;

    ROW_TRY(evil_connect(e));
    len = evil_good(e, FRAME_RAW, 400, false, 0);
    nf_raw_tx(q, 0, 0, 0, len, MORE);
    for (uint16_t i = 1; i < 8; i++)
        nf_raw_tx(q, i, i, 4096, 0, i < 7 ? MORE : 0);
    ROW_TRY(evil_answers(e, 8, 0, 0, NETIF_RSP_OKAY));
    ROW_TRY(evil_came_back(e, 1));
    /* All of it behind an empty first share. */
    memcpy(nf_page(q, 0, 1), nf_page(q, 0, 0), len);
    nf_raw_tx(q, 0, 9, 0, len, MORE);
    nf_raw_tx(q, 1, 1, 0, len, 0);
    ROW_TRY(evil_answers(e, 2, 0, 0, NETIF_RSP_OKAY));
    ROW_TRY(evil_came_back(e, 1));
    /* Nothing but empty fragments: no frame. */
    nf_raw_tx(q, 0, 0, 0, 0, MORE);
    nf_raw_tx(q, 1, 1, 0, 0, MORE);
    nf_raw_tx(q, 2, 2, 0, 0, 0);
    ROW_TRY(evil_answers(e, 3, 0, 0, NETIF_RSP_ERROR));
    return evil_came_back(e, 0);
}

static enum row_result n7(struct evil *e)
{
    unsigned n;
    uint32_t len;

    ROW_TRY(evil_connect(e));
    /* 1 + 18 slots and 128 bytes (XSA-432): any verdict, one answer per slot. */
    len = build(e, FRAME_UDP4, 128 - frame_header_len(FRAME_UDP4), true);
    n = put_split(e, e->frame, len, 7, BLANK, NULL);
    ROW_TRY(evil_answers(e, n, 0, 0, EVIL_STATUS_ANY));
    ROW_TRY(evil_await_back(e));
    /* One byte per slot in the headers (XSA-423). */
    len = build(e, FRAME_UDP4, 200, true);
    memcpy(nf_page(evil_queue(e), 0, 30), e->frame, len);
    nf_raw_tx(evil_queue(e), 0, 30, 0, len, BLANK | MORE);
    for (unsigned i = 1; i < 16; i++)
        nf_raw_tx(evil_queue(e), (uint16_t)i, 30, i, 1, MORE);
    nf_raw_tx(evil_queue(e), 16, 30, 16, len - 16, 0);
    ROW_TRY(evil_answers(e, 17, 0, 0, NETIF_RSP_OKAY));
    return evil_came_back(e, 1);
}

/* ---- N8, N9, N14: extra infos ---- */

static enum row_result n8(struct evil *e)
{
    static const uint8_t types[] = {0, 5, 6, 255};
    uint32_t len;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        len = evil_good(e, FRAME_RAW, 60, false, 0);
        nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA);
        put_extra(e, types[i], 0, 1, 1);
        ROW_TRY(fatal(e));
    }
    /* Announced, and not there; and a chain of them that does not end. */
    len = evil_good(e, FRAME_RAW, 60, false, 0);
    nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA);
    ROW_TRY(fatal(e));
    nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA);
    for (unsigned i = 0; i < 200; i++)
        put_extra(e, XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    ROW_TRY(fatal(e));
    return evil_came_back(e, 0);
}

static enum row_result n9(struct evil *e)
{
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 1, 2, 3};
    uint32_t len;

    ROW_TRY(evil_connect(e));
    len = build(e, FRAME_TCP4, 3000, true);
    memcpy(nf_page(evil_queue(e), 0, 0), e->frame, len);
    nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA | BLANK);
    put_extra(e, XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1400, 1);
    put_extra(e, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, 1);
    ROW_TRY(fatal(e));
    /* A change of the list with data: the change counts, the data goes nowhere. */
    len = evil_good(e, FRAME_RAW, 60, false, 0);
    nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA);
    put_mcast(e, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, group);
    ROW_TRY(evil_answers(e, 2, 0, 2, NETIF_RSP_OKAY));
    ROW_TRY(evil_came_back(e, 0));
    /* The flag on a later slot means nothing, or closes; the next slot is a frame of its own. */
    nf_raw_tx(evil_queue(e), 0, 0, 0, len, MORE);
    nf_raw_tx(evil_queue(e), 1, 1, 0, 0, EXTRA);
    ROW_TRY(evil_answers(e, 2, 0, 0, NETIF_RSP_OKAY));
    return evil_came_back(e, 1);
}

static enum row_result n14(struct evil *e)
{
    struct netif_extra_info x = {.type = XEN_NETIF_EXTRA_TYPE_HASH};
    uint32_t len;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 4; i++) {
        len = evil_good(e, FRAME_UDP4, 60, false, i);
        x.u.hash.type = (uint8_t)(i * 77);
        x.u.hash.algorithm = (uint8_t)(i * 99);
        nf_raw_tx(evil_queue(e), (uint16_t)i, i, 0, len, EXTRA);
        nf_raw_put(evil_queue(e), &x, sizeof(x));
    }
    ROW_TRY(evil_push(e));
    for (uint16_t i = 0; i < 4; i++)
        ROW_TRY(evil_answers(e, 2, i, 2, NETIF_RSP_OKAY));
    return evil_came_back(e, 4);
}

/* ---- N10 to N12: offloads ---- */

static enum row_result gso_frame(struct evil *e, enum frame_kind k, uint32_t payload, uint16_t size,
                                 uint8_t type, int status)
{
    struct netif_extra_info x = {.type = XEN_NETIF_EXTRA_TYPE_GSO};
    uint32_t len = build(e, k, payload, true);
    unsigned n;

    x.u.gso.size = size;
    x.u.gso.type = type;
    n = put_split(e, e->frame, len, 4096, EXTRA | BLANK, &x);
    return evil_answers(e, n, 0, 2, status);
}

static enum row_result n10(struct evil *e)
{
    static const struct {
        uint16_t size;
        uint8_t type;
    } bad[] = {{0, 1}, {0, 2}, {1000, 0}, {1000, 3}, {1000, 255}};

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint32_t len = build(e, FRAME_TCP4, 3000, true);

        memcpy(nf_page(evil_queue(e), 0, 0), e->frame, len);
        nf_raw_tx(evil_queue(e), 0, 0, 0, len, EXTRA | BLANK);
        put_extra(e, XEN_NETIF_EXTRA_TYPE_GSO, 0, bad[i].size, bad[i].type);
        ROW_TRY(fatal(e));
    }
    return evil_came_back(e, 0);
}

static enum row_result n11(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    ROW_TRY(gso_frame(e, FRAME_TCP4, 1000, 5000, 1, NETIF_RSP_ERROR)); /* beyond the frame */
    ROW_TRY(gso_frame(e, FRAME_TCP4, 30000, 1, 1, NETIF_RSP_ERROR));   /* 30000 segments */
    ROW_TRY(gso_frame(e, FRAME_UDP4, 9000, 1000, 1, NETIF_RSP_ERROR)); /* not TCP */
    ROW_TRY(gso_frame(e, FRAME_RAW, 9000, 1000, 1, NETIF_RSP_ERROR));  /* not even IP */
    ROW_TRY(gso_frame(e, FRAME_TCP4, 9000, 1000, 2, NETIF_RSP_ERROR)); /* v4 said to be v6 */
    ROW_TRY(gso_frame(e, FRAME_TCP6, 9000, 1000, 1, NETIF_RSP_ERROR)); /* v6 said to be v4 */
    /* Segments that the wire does not take. */
    ROW_TRY(gso_frame(e, FRAME_TCP4, 30000, (uint16_t)(e->traffic->mtu + 1), 1, NETIF_RSP_ERROR));
    /* Headers that are cut off, or longer than the frame. */
    for (uint32_t cut = 20; cut < 54; cut += 7) {
        uint32_t len = evil_good(e, FRAME_TCP4, 1000, true, 0);

        (void)len;
        nf_raw_tx(evil_queue(e), 0, 0, 0, cut, EXTRA | BLANK);
        put_extra(e, XEN_NETIF_EXTRA_TYPE_GSO, 0, 10, 1);
        ROW_TRY(evil_answers(e, 2, 0, 2, NETIF_RSP_ERROR));
    }
    ROW_TRY(evil_came_back(e, 0));
    /* The largest that can be. */
    ROW_TRY(gso_frame(e, FRAME_TCP4, NF_TX_FRAME_MAX - 54, 1448, 1, NETIF_RSP_OKAY));
    return evil_await_back(e);
}

/* A frame whose byte `at` is made `value`; blank; status. */
static enum row_result spoilt(struct evil *e, enum frame_kind k, uint32_t size, uint32_t at,
                              uint8_t value, int status)
{
    uint32_t len = evil_good(e, k, 100, true, 0);

    nf_page(evil_queue(e), 0, 0)[at] = value;
    nf_raw_tx(evil_queue(e), 0, 0, 0, size ? size : len, BLANK);
    return evil_answers(e, 1, 0, 0, status);
}

static enum row_result n12(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    ROW_TRY(spoilt(e, FRAME_RAW, 0, 0, e->traffic->to[0], NETIF_RSP_ERROR)); /* not IP */
    ROW_TRY(spoilt(e, FRAME_UDP4, 0, 20, 0x20, NETIF_RSP_ERROR));            /* more fragments */
    ROW_TRY(spoilt(e, FRAME_UDP4, 0, 21, 0x05, NETIF_RSP_ERROR));            /* a later fragment */
    ROW_TRY(spoilt(e, FRAME_UDP4, 0, 23, 1, NETIF_RSP_ERROR));               /* ICMP */
    ROW_TRY(spoilt(e, FRAME_UDP4, 0, 14, 0x44, NETIF_RSP_ERROR));            /* header of 16 */
    ROW_TRY(spoilt(e, FRAME_UDP4, 0, 14, 0x4f, EVIL_STATUS_ANY));            /* header of 60 */
    ROW_TRY(spoilt(e, FRAME_UDP4, 36, 14, 0x45, NETIF_RSP_ERROR)); /* field outside the frame */
    ROW_TRY(spoilt(e, FRAME_TCP4, 50, 14, 0x45, NETIF_RSP_ERROR));
    ROW_TRY(spoilt(e, FRAME_TCP4, 0, 46, 0x10, NETIF_RSP_ERROR)); /* TCP header of 4 */
    ROW_TRY(spoilt(e, FRAME_TCP6, 0, 20, 44, NETIF_RSP_ERROR));   /* a fragment header of data */
    ROW_TRY(spoilt(e, FRAME_TCP6, 0, 20, 0, EVIL_STATUS_ANY));    /* hop by hop without end */
    ROW_TRY(spoilt(e, FRAME_UDP6, 60, 14, 0x60, NETIF_RSP_ERROR));
    return evil_await_back(e);
}

/* ---- N13: the multicast list ---- */

static enum row_result n13(struct evil *e)
{
    uint8_t addr[6] = {0x01, 0x00, 0x5e, 0, 0, 0};
    unsigned refused = 0;

    if (!e->c->offer.mcast && nf_read_offer(e->c) == 0 && !e->c->offer.mcast)
        return evil_skip(e, "multicast control is not offered");
    e->want.mcast = true;
    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 1000; i++) {
        struct netif_tx_response rsp[2];

        addr[4] = (uint8_t)(i >> 8);
        addr[5] = (uint8_t)i;
        nf_raw_tx(evil_queue(e), 1, 0, 0, 0, EXTRA);
        put_mcast(e, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, addr);
        ROW_TRY(evil_push(e));
        for (unsigned k = 0; k < 2; k++) {
            if (nf_raw_answer(e->c, evil_queue(e), &rsp[k], EVIL_REACT_MS) != 1)
                return evil_wrong(e, "no answer to address %u: %s", i, e->c->f.why);
        }
        refused += rsp[0].status != NETIF_RSP_OKAY;
        if (rsp[1].status != NETIF_RSP_NULL)
            return evil_wrong(e, "the extra info's slot was answered %d", rsp[1].status);
    }
    if (refused == 0)
        return evil_wrong(e, "1000 addresses were taken");
    /* One that is no group's; one that was never added. */
    addr[0] = 0x02;
    nf_raw_tx(evil_queue(e), 0, 0, 0, 0, EXTRA);
    put_mcast(e, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, addr);
    ROW_TRY(evil_answers(e, 2, 0, 2, NETIF_RSP_ERROR));
    addr[0] = 0x03;
    nf_raw_tx(evil_queue(e), 0, 0, 0, 0, EXTRA);
    put_mcast(e, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, addr);
    ROW_TRY(evil_answers(e, 2, 0, 2, EVIL_STATUS_ANY));
    return evil_await_back(e);
}

/* ---- N15: grants ---- */

static enum row_result n15(struct evil *e)
{
    static const struct netif_extra_info hash = {.type = XEN_NETIF_EXTRA_TYPE_HASH};
    struct nf_queue *q = evil_queue(e);
    uint32_t len, keep;

    ROW_TRY(evil_connect(e));
    len = build(e, FRAME_RAW, 400, false);
    for (unsigned bad = 0; bad < 5; bad++) {
        unsigned n;

        keep = q->pages_ref[0][bad];
        q->pages_ref[0][bad] = GREF_NONE;
        n = put_split(e, e->frame, len, 90, EXTRA, &hash);
        q->pages_ref[0][bad] = keep;
        ROW_TRY(evil_answers(e, n, 0, 2, NETIF_RSP_ERROR));
    }
    ROW_TRY(evil_came_back(e, 0));
    (void)put_split(e, e->frame, len, 90, 0, NULL);
    ROW_TRY(evil_answers(e, 5, 0, 0, NETIF_RSP_OKAY));
    return evil_came_back(e, 1);
}

/* ---- N24, N25: policy, sizes ---- */

static enum row_result n24(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    uint32_t len;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 6; i++) { /* each byte of the address; also a group's */
        len = evil_good(e, FRAME_RAW, 60, false, 0);
        nf_page(q, 0, 0)[6 + i] ^= 1;
        nf_raw_tx(q, 0, 0, 0, len, 0);
        ROW_TRY(evil_answers(e, 1, 0, 0, NETIF_RSP_ERROR));
    }
    /* Larger than the MTU, without segmentation: by one tag's size and one byte, and much. */
    len = build(e, FRAME_RAW, e->traffic->mtu - 12 + 5, false);
    ROW_TRY(evil_answers(e, put_split(e, e->frame, len, 4096, 0, NULL), 0, 0, NETIF_RSP_ERROR));
    len = build(e, FRAME_UDP4, 60000, true);
    ROW_TRY(evil_answers(e, put_split(e, e->frame, len, 4096, BLANK, NULL), 0, 0, NETIF_RSP_ERROR));
    return evil_came_back(e, 0);
}

static enum row_result n25(struct evil *e)
{
    uint64_t end = clock_ns() + (uint64_t)EVIL_STEADY_MS * 1000000;

    ROW_TRY(evil_connect(e));
    while (clock_ns() < end)
        ROW_TRY(gso_frame(e, FRAME_TCP4, NF_TX_FRAME_MAX - 54, 1448, 1, NETIF_RSP_OKAY));
    evil_sleep(50);
    (void)!nf_poll(e->c, 10);
    return evil_await_back(e);
}

#define CLOSED  "the device is closed"
#define DROPPED "dropped, every slot answered once"

const struct row evil_frames[] = {
    {"N1", "frames of 0 to 13 bytes", DROPPED, n1, NULL},
    {"N2", "slots that cross their page", CLOSED, n2, NULL},
    {"N3", "a chain beyond the request index", CLOSED, n3, NULL},
    {"N4", "chains of 18, 20 and 41 slots", "sent, dropped, closed", n4, NULL},
    {"N5", "fragments larger than the frame", DROPPED, n5, NULL},
    {"N6", "empty fragments", "skipped, answered okay", n6, NULL},
    {"N7", "19 slots of 128 bytes; a byte per slot", "sent or dropped", n7, NULL},
    {"N8", "extra infos unknown, missing, without end", CLOSED, n8, NULL},
    {"N9", "extra infos twice, with data, late", "one rule", n9, NULL},
    {"N10", "segmentation of size 0, of unknown type", CLOSED, n10, NULL},
    {"N11", "segmentation that cannot be", DROPPED, n11, NULL},
    {"N12", "blank checksums that cannot be", DROPPED, n12, NULL},
    {"N13", "multicast addresses without end, of no group", "refused beyond a limit", n13, NULL},
    {"N14", "a hash of unknown kind", "ignored", n14, NULL},
    {"N15", "a bad grant at each place of a chain", DROPPED, n15, NULL},
    {"N24", "others' addresses, frames beyond the MTU", DROPPED, n24, NULL},
    {"N25", "the largest frames, without a pause", "served on", n25, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
