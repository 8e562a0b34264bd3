/*
 * libFuzzer: frames towards the guest.  Input: one byte of what the guest accepts and has set, the
 * vnet header, the frame.  The kernel of the driver domain wrote both, but the frame's contents are
 * the world's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/rx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The responses, read as a frontend reads them, are the frame. */
static void check_responses(const struct rx_plan *p)
{
    uint32_t at = 0;
    bool more = true;

    assert(p->slots > 0 && p->slots <= RX_SLOTS_MAX);
    for (unsigned i = 0; i < p->slots; i++) {
        struct netif_rx_rsp rsp;
        uint32_t from;
        uint16_t len;

        rx_response(p, i, (uint16_t)i, true, &rsp);
        if (rx_is_extra(p, i))
            continue;
        assert(more);
        rx_share(p, i, &from, &len);
        assert(from == at && len > 0 && rsp.status == p->headroom + len && rsp.offset == 0);
        assert(rsp.status <= NETIF_PAGE);
        at += len;
        more = rsp.flags & NETIF_RXF_MORE_DATA;
        if (i == 0)
            assert(!(rsp.flags & NETIF_RXF_EXTRA_INFO) == !p->extras);
    }
    assert(at == p->len && !more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct virtio_net_hdr h;
    struct rx_caps caps;
    struct rx_plan p;
    uint8_t *frame;
    uint32_t len;

    if (size < 1 + sizeof(h))
        return 0;
    caps = (struct rx_caps){.sg = data[0] & 1,
                            .gso4 = data[0] & 2,
                            .gso6 = data[0] & 4,
                            .csum4 = data[0] & 8,
                            .csum6 = data[0] & 16,
                            .headroom = data[0] & 32 ? (data[0] & 64 ? RX_HEADROOM_MAX : 256) : 0};
    if (data[0] & 128)
        caps.hash = (struct net_hash){.algorithm = NETIF_HASH_TOEPLITZ, .types = data[0] & 15u};
    memcpy(&h, data + 1, sizeof(h));
    len = (uint32_t)(size - 1 - sizeof(h));
    frame = malloc(len ? len : 1);
    assert(frame);
    memcpy(frame, data + 1 + sizeof(h), len);
    memset(&p, 0xa5, sizeof(p));
    if (rx_plan(&caps, frame, len, &h, &p) == 0) {
        check_responses(&p);
        assert(caps.sg || p.slots == 1 + p.extras);
        assert(p.gso_size == 0 || (p.gso_type == NETIF_GSO_TCPV4 ? caps.gso4 : caps.gso6));
    }
    free(frame);
    return 0;
}
