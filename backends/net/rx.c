/* See rx.h. */
#include "backends/net/rx.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backends/net/headers.h"

/* VIRTIO_NET_HDR_F_NEEDS_CSUM: the frame's checksum is partial.  netif has no words for where it
 * stands: the frontend looks for itself, and only at plain TCP and UDP.  Anything else, and
 * anything this guest did not accept, is summed here. */
static int plan_checksum(const struct rx_caps *caps, uint8_t *frame, uint32_t len,
                         const struct virtio_net_hdr *h, struct rx_plan *p)
{
    struct headers t;

    if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
        if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
            p->flags = NETIF_RXF_DATA_VALIDATED;
        return 0;
    }
    if (!in_range((uint64_t)h->csum_start + h->csum_offset, 2, len))
        return -EINVAL;
    p->flags = NETIF_RXF_DATA_VALIDATED;
    if (headers_parse(frame, len, &t) == 0 && t.vlans == 0 && t.l4 == h->csum_start &&
        t.csum == t.l4 + h->csum_offset && (t.v6 ? caps->csum6 : caps->csum4)) {
        p->flags |= NETIF_RXF_CSUM_BLANK;
        return 0;
    }
    if (p->gso_size > 0)
        return -EINVAL;
    headers_fill_csum(frame, len, h->csum_start, h->csum_offset);
    return 0;
}

static int plan_gso(const struct rx_caps *caps, const struct virtio_net_hdr *h, struct rx_plan *p)
{
    switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return 0;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        p->gso_type = NETIF_GSO_TCPV4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        p->gso_type = NETIF_GSO_TCPV6;
        break;
    default:
        return -EINVAL;
    }
    p->gso_size = h->gso_size;
    if (h->gso_size == 0 || (p->gso_type == NETIF_GSO_TCPV4 ? !caps->gso4 : !caps->gso6))
        return -EINVAL;
    return 0;
}

int rx_plan(const struct rx_caps *caps, uint8_t *frame, uint32_t len,
            const struct virtio_net_hdr *h, struct rx_plan *p)
{
    uint32_t data;
    int rc;

    memset(p, 0, sizeof(*p));
    if (len < ETH_HEADER || len > RX_FRAME_MAX)
        return -EINVAL;
    p->len = len;
    rc = plan_gso(caps, h, p);
    if (rc == 0)
        rc = plan_checksum(caps, frame, len, h, p);
    if (rc)
        return rc;
    data = (len + NETIF_PAGE - 1) / NETIF_PAGE;
    p->slots = (uint16_t)(data + (p->gso_size > 0));
    return p->slots > 1 && !caps->sg ? -EINVAL : 0;
}

unsigned rx_slots_needed(const struct rx_caps *caps, uint32_t frame_max)
{
    if (!caps->sg)
        return 1;
    if (caps->gso4 || caps->gso6)
        return RX_SLOTS_MAX;
    return (frame_max + VLAN_TAG + NETIF_PAGE - 1) / NETIF_PAGE;
}

void rx_share(const struct rx_plan *p, unsigned i, uint32_t *from, uint16_t *len)
{
    unsigned page = i > 0 && p->gso_size > 0 ? i - 1 : i;

    assert(i < p->slots && !rx_is_extra(p, i));
    *from = page * NETIF_PAGE;
    *len = (uint16_t)MIN(p->len - *from, (uint32_t)NETIF_PAGE);
}

void rx_response(const struct rx_plan *p, unsigned i, uint16_t id, bool copied, void *out)
{
    struct netif_rx_rsp rsp = {.id = id, .status = NETIF_STATUS_ERROR};
    uint32_t from;
    uint16_t len;

    if (rx_is_extra(p, i)) {
        struct netif_extra e = {.type = NETIF_EXTRA_GSO};

        e.u.gso.size = p->gso_size;
        e.u.gso.type = p->gso_type;
        memcpy(out, &e, sizeof(e));
        return;
    }
    rx_share(p, i, &from, &len);
    if (i == 0)
        rsp.flags = (uint16_t)(p->flags | (p->gso_size > 0 ? NETIF_RXF_EXTRA_INFO : 0));
    if (from + len < p->len)
        rsp.flags |= NETIF_RXF_MORE_DATA;
    if (copied)
        rsp.status = (int16_t)len;
    memcpy(out, &rsp, sizeof(rsp));
}
