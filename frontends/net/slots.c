/* See slots.h. */
#include "frontends/net/slots.h"

#include <assert.h>
#include <string.h>

#include "transport/base/arith.h"

_Static_assert(sizeof(struct netif_tx_request) == NF_TX_SLOT, "netif.h");
_Static_assert(sizeof(struct netif_rx_response) == NF_RX_SLOT, "netif.h");
_Static_assert(sizeof(struct netif_extra_info) == NF_RX_SLOT, "netif.h");

/* ---- guest to world ---- */

static void put_extra(struct nf_tx_slot *s, const struct nf_meta *m)
{
    struct netif_extra_info e = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    e.u.gso.size = m->gso_size;
    e.u.gso.type = m->gso_type;
    memset(s, 0, sizeof(*s));
    memcpy(s->raw, &e, sizeof(e));
    s->extra = true;
}

unsigned nf_tx_build(const struct nf_meta *m, const struct nf_frag *frag, unsigned n, bool share,
                     struct nf_tx_slot slot[NF_TX_SLOTS_MAX])
{
    unsigned at = 0, total = 0;

    assert(n > 0 && n <= NF_CHAIN_MAX);
    for (unsigned i = 0; i < n; i++)
        total += frag[i].len;
    assert(total <= NF_TX_FRAME_MAX);
    for (unsigned i = 0; i < n; i++) {
        struct netif_tx_request r = {
            .gref = frag[i].gref, .offset = frag[i].off, .id = frag[i].id, .size = frag[i].len};

        if (i + 1 < n)
            r.flags |= NETTXF_more_data;
        if (i == 0) {
            r.size = share ? frag[0].len : (uint16_t)total;
            if (m->csum_blank)
                r.flags |= NETTXF_csum_blank;
            if (m->csum_blank || m->validated)
                r.flags |= NETTXF_data_validated;
            if (m->gso_type)
                r.flags |= NETTXF_extra_info;
        }
        slot[at] = (struct nf_tx_slot){.id = frag[i].id};
        memcpy(slot[at++].raw, &r, sizeof(r));
        if (i == 0 && m->gso_type)
            put_extra(&slot[at++], m);
    }
    return at;
}

static int bad(const char **why, const char *text)
{
    *why = text;
    return NF_BAD_ANSWER;
}

int nf_tx_answer(const struct nf_tx_slot *slot, const void *raw, const char **why)
{
    struct netif_tx_response rsp;

    memcpy(&rsp, raw, sizeof(rsp));
    if (slot->extra)
        return rsp.status == NETIF_RSP_NULL
                   ? rsp.status
                   : bad(why, "an extra info's slot was not answered with NULL");
    if (rsp.id != slot->id)
        return bad(why, "an answer with another slot's id");
    if (rsp.status < NETIF_RSP_DROPPED || rsp.status > NETIF_RSP_OKAY)
        return bad(why, "an answer with a status that does not exist");
    return rsp.status;
}

/* ---- world to guest ---- */

static int feed_extra(struct nf_rx *x, const struct nf_rx_rules *r, const uint8_t *raw,
                      const char **why)
{
    struct netif_extra_info e;

    memcpy(&e, raw, sizeof(e));
    if (e.type == 0 || e.type > NF_EXTRA_XDP || x->seen & 1u << e.type)
        return bad(why, "an extra info of unknown type, or twice");
    x->seen |= (uint8_t)(1u << e.type);
    if (e.type == XEN_NETIF_EXTRA_TYPE_GSO) {
        bool v4 = e.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4;

        if ((!v4 && e.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6) || !(v4 ? r->gso4 : r->gso6))
            return bad(why, "segmentation that was not accepted");
        if (e.u.gso.size == 0)
            return bad(why, "segmentation into size 0");
        x->meta.gso_type = e.u.gso.type;
        x->meta.gso_size = e.u.gso.size;
    } else if (e.type == XEN_NETIF_EXTRA_TYPE_HASH && r->hash) {
        if (e.u.hash.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ)
            return bad(why, "a hash that was not asked for");
        x->hash_type = e.u.hash.type;
        memcpy(&x->hash_value, e.u.hash.value, sizeof(x->hash_value));
    } else if (e.type == NF_EXTRA_XDP && r->headroom) {
        uint16_t headroom;

        memcpy(&headroom, raw + 2, sizeof(headroom));
        if (headroom != r->headroom)
            return bad(why, "another headroom than was asked for");
    } else {
        return bad(why, "an extra info that was not asked for");
    }
    x->extra = e.flags & XEN_NETIF_EXTRA_FLAG_MORE;
    return 0;
}

static int feed_first(struct nf_rx *x, const struct nf_rx_rules *r, uint16_t flags,
                      const char **why)
{
    x->extra = flags & NETRXF_extra_info;
    x->meta.csum_blank = flags & NETRXF_csum_blank;
    x->meta.validated = flags & NETRXF_data_validated;
    if (x->meta.csum_blank && !r->csum4 && !r->csum6)
        return bad(why, "a blank checksum that was not accepted");
    if (flags & ~(NETRXF_csum_blank | NETRXF_data_validated | NETRXF_more_data | NETRXF_extra_info))
        return bad(why, "unknown flags");
    return 0;
}

static int feed_data(struct nf_rx *x, const struct nf_rx_rules *r, const void *raw, uint16_t id,
                     const uint8_t *page, const char **why)
{
    struct netif_rx_response rsp;
    uint32_t size;
    int rc = 0;

    memcpy(&rsp, raw, sizeof(rsp));
    if (rsp.id != id)
        return bad(why, "an answer in another request's slot");
    if (x->slots == 1)
        rc = feed_first(x, r, rsp.flags, why);
    if (rc)
        return rc;
    x->more = rsp.flags & NETRXF_more_data;
    if (x->more && !r->sg)
        return bad(why, "several slots, which was not accepted");
    if (rsp.status < 0) {
        x->failed = true;
        return 0;
    }
    size = (uint32_t)rsp.status;
    if (rsp.offset + size > NF_PAGE)
        return bad(why, "data beyond its page");
    if (size < r->headroom)
        return bad(why, "data in the headroom");
    size -= r->headroom;
    if (x->len + size > NF_RX_FRAME_MAX || x->slots > NF_CHAIN_MAX + 8)
        return bad(why, "a frame without end");
    /* The page may change under us; whatever is copied now is what the frame was. */
    memcpy(x->data + x->len, page + rsp.offset + r->headroom, size);
    x->len += size;
    return 0;
}

int nf_rx_feed(struct nf_rx *x, const struct nf_rx_rules *r, const void *raw, uint16_t id,
               const uint8_t *page, const char **why)
{
    int rc;

    if (!x->open)
        memset(x, 0, offsetof(struct nf_rx, data));
    x->slots++;
    rc =
        x->extra && x->slots > 1 ? feed_extra(x, r, raw, why) : feed_data(x, r, raw, id, page, why);
    if (rc)
        return rc;
    x->open = x->extra || x->more;
    if (x->open)
        return 1;
    if (!x->failed && x->len < 14)
        return bad(why, "a frame shorter than its Ethernet header");
    if (r->headroom && !(x->seen & 1u << NF_EXTRA_XDP))
        return bad(why, "no headroom");
    if (x->meta.gso_type && !x->meta.csum_blank)
        return bad(why, "segmentation without a blank checksum");
    return 0;
}
