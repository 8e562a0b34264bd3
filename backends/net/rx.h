/*
 * A frame from the port, with its vnet header, becomes responses in the guest's receive slots.
 * PURE.
 *
 * The kernel of the driver domain is trusted here; what the guest accepts is what it said at
 * connect.  A response stands in the slot of its own request, extra infos included: frontends do
 * not look at ids (netif.h), so slots are used strictly in ring order.
 *
 * Implements N18, N19 and N26 of the hostile-peer catalogue.
 */
#ifndef DRVDOM_NET_RX_H
#define DRVDOM_NET_RX_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/net/hash.h"
#include "backends/net/netif_abi.h"
#include "transport/base/arith.h"

enum {
    RX_FRAME_MAX = 65535 + 18, /* IP's largest, Ethernet header, one tag */
    RX_PAGES_MAX = RX_FRAME_MAX / 4096 + 1,
    /* Room that a guest may ask for in front of the data of each slot.  Linux asks for 256; with
     * much more a large frame would take more slots than guests keep posted. */
    RX_HEADROOM_MAX = 1024,
    RX_DATA_SLOTS_MAX = RX_FRAME_MAX / (4096 - RX_HEADROOM_MAX) + 1,
    RX_EXTRAS_MAX = 3, /* GSO, hash, headroom */
    RX_SLOTS_MAX = RX_DATA_SLOTS_MAX + RX_EXTRAS_MAX,
};

/* What the guest accepts; fixed while it is connected. */
struct rx_caps {
    bool sg;           /* more than one slot per frame */
    bool gso4, gso6;   /* large TCP segments */
    bool csum4, csum6; /* frames whose checksum is still blank */
    uint16_t headroom; /* bytes left free in front of each slot's data, <= RX_HEADROOM_MAX */
    struct net_hash hash;
};

struct rx_plan {
    uint32_t len;
    uint16_t slots; /* ring slots used: data, and the extras if any */
    uint16_t flags; /* NETIF_RXF_CSUM_BLANK, _DATA_VALIDATED */
    uint8_t extras; /* how many: slots 1 .. extras */
    uint8_t gso_type;
    uint16_t gso_size; /* 0: no GSO extra */
    uint16_t headroom; /* 0: no XDP extra */
    bool hashed;       /* there is a hash extra */
    uint8_t hash_type;
    uint32_t hash_value;
};

/* Plans one frame and, where the guest cannot take a blank checksum, fills it in.
 * 0, or -EINVAL: this guest cannot be given the frame; it is dropped and counted. */
int rx_plan(const struct rx_caps *caps, uint8_t *frame, uint32_t len,
            const struct virtio_net_hdr *h, struct rx_plan *p) must_check;

/* Slots that the largest frame for this guest takes (N17: what a stall is judged by). */
unsigned rx_slots_needed(const struct rx_caps *caps, uint32_t frame_max);

/* Is slot i (0 .. slots - 1) an extra info?  It takes no data. */
static inline bool rx_is_extra(const struct rx_plan *p, unsigned i)
{
    return i - 1 < p->extras;
}

/* Byte range of the frame that goes into slot i, which must not be an extra, behind the headroom.
 */
void rx_share(const struct rx_plan *p, unsigned i, uint32_t *from, uint16_t *len);

/* The response for slot i into `out` (NETIF_RX_SLOT bytes): id of its request, and whether its
 * copy worked (N18: an error in that slot, the chain stays whole). */
void rx_response(const struct rx_plan *p, unsigned i, uint16_t id, bool copied, void *out);

#endif
