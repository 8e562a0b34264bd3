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

static uint32_t data_slots(const struct rx_caps *caps, uint32_t len)
{
    uint32_t room = NETIF_PAGE - (uint32_t)caps->headroom;

    return (len + room - 1) / room;
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
    p->headroom = caps->headroom;
    p->hashed = hash_frame(&caps->hash, frame, len, &p->hash_type, &p->hash_value);
    p->extras = (uint8_t)((p->gso_size > 0) + p->hashed + (p->headroom > 0));
    data = data_slots(caps, len);
    p->slots = (uint16_t)(data + p->extras);
    return data > 1 && !caps->sg ? -EINVAL : 0;
}

unsigned rx_slots_needed(const struct rx_caps *caps, uint32_t frame_max)
{
    unsigned extras = (unsigned)hash_on(&caps->hash) + (caps->headroom > 0);

    if (!caps->sg)
        return 1 + extras;
    if (caps->gso4 || caps->gso6)
        return data_slots(caps, RX_FRAME_MAX) + 1 + extras;
    return data_slots(caps, frame_max + VLAN_TAG) + extras;
}

void rx_share(const struct rx_plan *p, unsigned i, uint32_t *from, uint16_t *len)
{
    unsigned data = i > 0 ? i - p->extras : 0;
    uint32_t room = NETIF_PAGE - (uint32_t)p->headroom;

    assert(i < p->slots && !rx_is_extra(p, i));
    *from = data * room;
    *len = (uint16_t)MIN(p->len - *from, room);
}

/* Extra number n of the frame, in the order of their types. */
static void put_extra(const struct rx_plan *p, unsigned n, void *out)
{
    struct netif_extra e = {.flags = n + 1 < p->extras ? NETIF_EXTRA_MORE : 0};

    if (p->gso_size > 0 && n-- == 0) {
        e.type = NETIF_EXTRA_GSO;
        e.u.gso.size = p->gso_size;
        e.u.gso.type = p->gso_type;
    } else if (p->hashed && n-- == 0) {
        e.type = NETIF_EXTRA_HASH;
        e.u.hash.type = p->hash_type;
        e.u.hash.algorithm = NETIF_HASH_TOEPLITZ;
        memcpy(e.u.hash.value, &p->hash_value, sizeof(e.u.hash.value)); /* its low byte first */
    } else {
        e.type = NETIF_EXTRA_XDP;
        e.u.xdp.headroom = p->headroom;
    }
    memcpy(out, &e, sizeof(e));
}

void rx_response(const struct rx_plan *p, unsigned i, uint16_t id, bool copied, void *out)
{
    struct netif_rx_rsp rsp = {.id = id, .status = NETIF_STATUS_ERROR};
    uint32_t from;
    uint16_t len;

    if (rx_is_extra(p, i)) {
        put_extra(p, i - 1, out);
        return;
    }
    rx_share(p, i, &from, &len);
    if (i == 0)
        rsp.flags = (uint16_t)(p->flags | (p->extras > 0 ? NETIF_RXF_EXTRA_INFO : 0));
    if (from + len < p->len)
        rsp.flags |= NETIF_RXF_MORE_DATA;
    if (copied) /* netback's way: the data's end in the page, from offset 0 */
        rsp.status = (int16_t)(p->headroom + len);
    memcpy(out, &rsp, sizeof(rsp));
}
