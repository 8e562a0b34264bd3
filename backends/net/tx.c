/* See tx.h. */
#include "backends/net/tx.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backends/net/headers.h"

enum { EXPECT_FIRST, EXPECT_EXTRA, EXPECT_FRAGMENT };

static enum tx_verdict verdict(struct tx_packet *p, enum tx_verdict v, const char *reason)
{
    p->reason = reason;
    return v;
}

static int fatal(struct tx_packet *p, const char *reason)
{
    p->reason = reason;
    return -EPROTO;
}

void tx_begin(struct tx_packet *p)
{
    /* The arrays are written before they are read: only the counters need to start at zero. */
    memset(p, 0, offsetof(struct tx_packet, seg));
}

/* After slot or extra: does the chain go on with a fragment? */
static int next_fragment(struct tx_packet *p, uint16_t flags)
{
    if (!(flags & NETIF_TXF_MORE_DATA))
        return 0;
    if (p->nsegs > TX_MORE_SLOTS_FATAL)
        return fatal(p, "a packet of more than 21 slots");
    p->expect = EXPECT_FRAGMENT;
    return 1;
}

static int feed_first(struct tx_packet *p, const struct netif_tx_req *req)
{
    p->flags = req->flags;
    p->len = req->size;
    p->seg[0] = (struct tx_seg){.gref = req->gref, .off = req->offset};
    p->nsegs = 1;
    if (req->flags & NETIF_TXF_EXTRA_INFO) {
        p->expect = EXPECT_EXTRA;
        return 1;
    }
    return next_fragment(p, req->flags);
}

static int feed_fragment(struct tx_packet *p, const struct netif_tx_req *req)
{
    /* u16 + u16 in int cannot wrap (N2). */
    if (req->offset + req->size > NETIF_PAGE)
        return fatal(p, "a slot that crosses its page");
    p->seg[p->nsegs++] = (struct tx_seg){.gref = req->gref, .off = req->offset, .len = req->size};
    p->more_sum += req->size;
    return next_fragment(p, req->flags);
}

/* Type, and each type once: that alone bounds the chain (N8, N9). */
static int feed_extra(struct tx_packet *p, const struct netif_extra *e)
{
    if (e->type < NETIF_EXTRA_GSO || e->type > NETIF_EXTRA_HASH)
        return fatal(p, "an extra info of unknown type");
    if (p->extras & (1u << e->type))
        return fatal(p, "two extra infos of one type");
    p->extras |= (uint8_t)(1u << e->type);
    switch (e->type) {
    case NETIF_EXTRA_GSO:
        p->gso_size = e->u.gso.size;
        p->gso_type = e->u.gso.type;
        break;
    case NETIF_EXTRA_MCAST_ADD:
    case NETIF_EXTRA_MCAST_DEL:
        p->mcast_type = e->type;
        memcpy(p->mcast, e->u.mcast, sizeof(p->mcast));
        break;
    default: /* a hash of the guest's own: nothing here uses it (N14) */
        break;
    }
    if (e->flags & NETIF_EXTRA_MORE)
        return 1;
    return next_fragment(p, p->flags);
}

int tx_feed(struct tx_packet *p, const void *raw)
{
    struct netif_tx_req req;
    struct netif_extra extra;

    assert(p->nslots < TX_SLOTS_MAX);
    if (p->expect == EXPECT_EXTRA) {
        p->slot[p->nslots].id = 0;
        p->slot[p->nslots++].extra = true;
        memcpy(&extra, raw, sizeof(extra));
        return feed_extra(p, &extra);
    }
    memcpy(&req, raw, sizeof(req));
    p->slot[p->nslots].id = req.id;
    p->slot[p->nslots++].extra = false;
    return p->expect == EXPECT_FIRST ? feed_first(p, &req) : feed_fragment(p, &req);
}

static void drop_empty_segs(struct tx_packet *p)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < p->nsegs; i++) {
        if (p->seg[i].len > 0)
            p->seg[kept++] = p->seg[i];
    }
    p->nsegs = (uint16_t)kept;
}

static enum tx_verdict check_gso(struct tx_packet *p, const struct tx_rules *r)
{
    if (p->gso_size == 0)
        return verdict(p, TX_FATAL, "segmentation into segments of size 0");
    if (p->gso_type != NETIF_GSO_TCPV4 && p->gso_type != NETIF_GSO_TCPV6)
        return verdict(p, TX_FATAL, "segmentation of unknown type");
    if (p->gso_type == NETIF_GSO_TCPV4 ? !r->gso4 : !r->gso6)
        return verdict(p, TX_DROP, "segmentation that was not offered");
    if (p->gso_size > p->len)
        return verdict(p, TX_DROP, "segment size beyond the packet");
    return TX_SEND;
}

enum tx_verdict tx_check(struct tx_packet *p, const struct tx_rules *r)
{
    enum tx_verdict gso = TX_SEND;

    /* A request to change the multicast list carries no frame, whatever its slots say (N9). */
    if (p->mcast_type)
        return TX_CONTROL;
    if (p->extras & (1u << NETIF_EXTRA_GSO))
        gso = check_gso(p, r);
    if (gso == TX_FATAL)
        return gso;
    /* The first slot's own share is what the others leave of the total (N5). */
    if (p->more_sum > p->len)
        return verdict(p, TX_DROP, "fragments larger than the packet");
    if (p->seg[0].off + (p->len - p->more_sum) > NETIF_PAGE)
        return verdict(p, TX_FATAL, "a first slot that crosses its page");
    if (p->nsegs > 1 + TX_MORE_SLOTS_MAX)
        return verdict(p, TX_DROP, "too many slots");
    if (p->len < ETH_HEADER)
        return verdict(p, TX_DROP, "no Ethernet header");
    if (gso != TX_SEND)
        return gso;
    p->seg[0].len = (uint16_t)(p->len - p->more_sum);
    drop_empty_segs(p);
    return TX_SEND;
}

static enum tx_verdict header_gso(struct tx_packet *p, const struct tx_rules *r, uint8_t *frame,
                                  const struct headers *t, struct virtio_net_hdr *h)
{
    uint32_t payload = (uint32_t)p->len - t->payload;

    if (frame[0] & 1) /* each of its segments would go to every guest */
        return verdict(p, TX_DROP, "segmentation of a frame to a group");
    if (t->proto != PROTO_TCP || t->v6 != (p->gso_type == NETIF_GSO_TCPV6))
        return verdict(p, TX_DROP, "segmentation of something else than it says");
    /* Each segment becomes a frame on the wire: headers and one share of the payload. */
    if ((uint32_t)t->payload + p->gso_size > r->frame_max + VLAN_TAG * t->vlans)
        return verdict(p, TX_DROP, "segments larger than the MTU");
    if (payload > (uint32_t)p->gso_size * TX_GSO_SEGS_MAX)
        return verdict(p, TX_DROP, "too many segments");
    /* Segmentation needs the blank checksum; some frontends send it filled in. */
    if (!(p->flags & NETIF_TXF_CSUM_BLANK)) {
        uint16_t sum = headers_pseudo_sum(frame, p->len, t);

        memcpy(frame + t->csum, &sum, sizeof(sum));
    }
    /* One segment only is no segmentation: the kernel would refuse it. */
    if (payload <= p->gso_size)
        return TX_SEND;
    h->gso_type = t->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    h->gso_size = p->gso_size;
    h->hdr_len = t->payload;
    return TX_SEND;
}

enum tx_verdict tx_header(struct tx_packet *p, const struct tx_rules *r, uint8_t *frame,
                          struct virtio_net_hdr *h)
{
    bool gso = p->extras & (1u << NETIF_EXTRA_GSO);
    struct headers t;

    memset(h, 0, sizeof(*h));
    if (!gso && p->len > r->frame_max + VLAN_TAG)
        return verdict(p, TX_DROP, "larger than the MTU");
    if (!gso && !(p->flags & NETIF_TXF_CSUM_BLANK)) {
        if (p->flags & NETIF_TXF_DATA_VALIDATED)
            h->flags = VIRTIO_NET_HDR_F_DATA_VALID;
        return TX_SEND;
    }
    if (headers_parse(frame, p->len, &t))
        return verdict(p, TX_DROP, "offload of something that is not whole TCP or UDP over IP");
    h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h->csum_start = t.l4;
    h->csum_offset = (uint16_t)(t.csum - t.l4);
    return gso ? header_gso(p, r, frame, &t, h) : TX_SEND;
}

struct netif_tx_rsp tx_response(const struct tx_packet *p, unsigned i, int16_t status)
{
    assert(i < p->nslots);
    return (struct netif_tx_rsp){
        .id = p->slot[i].id,
        .status = p->slot[i].extra ? (int16_t)NETIF_STATUS_NULL : status,
    };
}
