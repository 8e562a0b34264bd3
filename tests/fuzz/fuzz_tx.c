/*
 * libFuzzer: transmit chains and the frames they carry.
 *
 * Input: one byte of rules, one byte n, n slots of 12 bytes, the rest is the frame (repeated as
 * far as the packet's length asks).  Invariants are asserted: behind the plan nothing is checked
 * again, so the plan must be right.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/headers.h"
#include "backends/net/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the kernel would refuse, or worse. */
static void check_header(const struct tx_packet *p, const struct tx_rules *r,
                         const struct virtio_net_hdr *h)
{
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        assert(h->csum_start >= ETH_HEADER &&
               (uint32_t)h->csum_start + h->csum_offset + 2 <= p->len);
    else
        assert(h->csum_start == 0 && h->csum_offset == 0 && h->gso_type == 0);
    assert(!h->gso_type == !h->gso_size);
    if (h->gso_type) {
        assert(h->hdr_len > h->csum_start && h->hdr_len < p->len);
        assert((uint32_t)h->hdr_len + h->gso_size <= r->frame_max + 2 * VLAN_TAG);
        assert((uint32_t)(p->len - h->hdr_len) <= (uint32_t)h->gso_size * TX_GSO_SEGS_MAX);
        assert(p->len - h->hdr_len > h->gso_size);
    } else {
        assert(p->len <= TX_FRAME_MAX);
    }
}

/* The frame in memory of exactly its size: a sanitizer sees any reach beyond. */
static void check_frame(struct tx_packet *p, const struct tx_rules *r, const uint8_t *data,
                        size_t size)
{
    struct virtio_net_hdr h;
    uint8_t *frame = malloc(p->len);

    assert(frame);
    for (size_t i = 0; i < p->len; i++)
        frame[i] = size ? data[i % size] : 0;
    if (tx_header(p, r, frame, &h) == TX_SEND)
        check_header(p, r, &h);
    else
        assert(p->reason);
    free(frame);
}

static void check_plan(const struct tx_packet *p)
{
    uint32_t sum = 0;

    assert(p->nsegs > 0 && p->nsegs <= 1 + TX_MORE_SLOTS_MAX);
    for (unsigned i = 0; i < p->nsegs; i++) {
        assert(p->seg[i].len > 0);
        assert((uint32_t)p->seg[i].off + p->seg[i].len <= NETIF_PAGE);
        sum += p->seg[i].len;
    }
    assert(sum == p->len && p->len >= ETH_HEADER);
}

static void check_answers(const struct tx_packet *p)
{
    for (unsigned i = 0; i < p->nslots; i++) {
        struct netif_tx_rsp rsp = tx_response(p, i, NETIF_STATUS_OKAY);

        assert(rsp.status == NETIF_STATUS_OKAY || (rsp.status == NETIF_STATUS_NULL && i > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tx_packet p;
    struct tx_rules r;
    size_t slots, used = 0;
    int more = 1;

    if (size < 2)
        return 0;
    r = (struct tx_rules){
        .frame_max = data[0] & 4 ? 9014 : 1514, .gso4 = data[0] & 1, .gso6 = data[0] & 2};
    slots = MIN((size_t)data[1], (size - 2) / NETIF_TX_SLOT);
    data += 2;
    size -= 2;
    memset(&p, 0xa5, sizeof(p));
    tx_begin(&p);
    while (more > 0 && used < slots)
        more = tx_feed(&p, data + NETIF_TX_SLOT * used++);
    assert(p.nslots == used);
    if (more < 0)
        assert(p.reason);
    if (more != 0) /* N3 is the caller's to see */
        return 0;
    check_answers(&p);
    switch (tx_check(&p, &r)) {
    case TX_SEND:
        check_plan(&p);
        check_frame(&p, &r, data + NETIF_TX_SLOT * slots, size - NETIF_TX_SLOT * slots);
        break;
    case TX_CONTROL:
        assert(p.mcast_type == NETIF_EXTRA_MCAST_ADD || p.mcast_type == NETIF_EXTRA_MCAST_DEL);
        break;
    default:
        assert(p.reason);
    }
    return 0;
}
