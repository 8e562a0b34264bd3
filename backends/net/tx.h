/*
 * A guest's transmit slots become a packet, or a verdict.  PURE.
 *
 * In:  private copies of slots, one by one, in ring order.  Nothing of them is trusted.
 * Out: the list of grant copies that bring the frame together, then (once the bytes are here) the
 *      vnet header that goes with it; and one response per slot, whatever the verdict.
 *
 *   tx_begin -> tx_feed ... until it says complete -> tx_check -> [grant copies] -> tx_header
 *
 * Implements the rules N1..N12 and N15 of the hostile-peer catalogue.
 */
#ifndef DRVDOM_NET_TX_H
#define DRVDOM_NET_TX_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/net/netif_abi.h"
#include "transport/base/arith.h"

enum {
    /* Slots after the first one.  Linux frontends of any age stay within 18; up to 20 the packet
     * is dropped, a longer chain is an attack (N4). */
    TX_MORE_SLOTS_MAX = 18,
    TX_MORE_SLOTS_FATAL = 20,
    TX_EXTRAS_MAX = NETIF_EXTRA_HASH, /* one of each type */
    TX_SEGS_MAX = 1 + TX_MORE_SLOTS_FATAL,
    TX_SLOTS_MAX = TX_SEGS_MAX + TX_EXTRAS_MAX,
    TX_FRAME_MAX = 65535,
    /* Segments one GSO packet may be cut into: MSS 1 would make 64 K of them (N11). */
    TX_GSO_SEGS_MAX = 1024,
};

/* What this device allows; fixed while a frontend is connected. */
struct tx_rules {
    uint32_t frame_max; /* bytes of a frame on the wire without VLAN tags: MTU + 14 */
    bool gso4, gso6;    /* offered to the guest */
};

/* Bytes [off, off + len) of the peer's page `gref`. */
struct tx_seg {
    uint32_t gref;
    uint16_t off, len;
};

enum tx_verdict {
    TX_SEND,    /* copy the segments, then tx_header() */
    TX_CONTROL, /* no frame: multicast list change in mcast_type, mcast */
    TX_DROP,    /* answer every slot with an error; `reason` says why */
    TX_FATAL,   /* the frontend broke the protocol: stop the ring; `reason` says why */
};

struct tx_packet {
    const char *reason; /* set with TX_DROP and TX_FATAL; a static string */
    uint16_t flags;     /* of the first slot */
    uint16_t len;       /* of the frame */
    uint16_t nsegs, nslots;
    uint32_t more_sum; /* bytes of segments 1.. */
    uint8_t expect;    /* private: what the next slot is */
    uint8_t extras;    /* bit per extra type seen */
    uint8_t gso_type;  /* NETIF_GSO_*, valid with bit NETIF_EXTRA_GSO */
    uint16_t gso_size;
    uint8_t mcast_type; /* NETIF_EXTRA_MCAST_*, or 0 */
    uint8_t mcast[6];
    struct tx_seg seg[TX_SEGS_MAX];
    struct {
        uint16_t id;
        bool extra;
    } slot[TX_SLOTS_MAX];
};

void tx_begin(struct tx_packet *p);

/* Takes the next slot (NETIF_TX_SLOT bytes).  1: another slot belongs to this packet, 0: complete,
 * -EPROTO: fatal, p->reason is set. */
int tx_feed(struct tx_packet *p, const void *raw) must_check;

/* Judges a complete packet.  With TX_SEND the segments are exact: each inside its page, none of
 * length 0, their sum is p->len. */
enum tx_verdict tx_check(struct tx_packet *p, const struct tx_rules *r) must_check;

/* Judges the frame itself (p->len bytes, writable: a missing pseudo header sum is put in) and
 * fills the header that the port gets in front of it.  TX_SEND or TX_DROP. */
enum tx_verdict tx_header(struct tx_packet *p, const struct tx_rules *r, uint8_t *frame,
                          struct virtio_net_hdr *h) must_check;

/* Response to slot i (0 .. nslots - 1); `status` NETIF_STATUS_* for the packet as a whole. */
struct netif_tx_rsp tx_response(const struct tx_packet *p, unsigned i, int16_t status);

#endif
