/*
 * What netif looks like in memory (xen/io/netif.h).  Our own structs, so that the layout is stated
 * and checked here; tests/unit/test_net_abi.c compares them with Xen's header.
 *
 * Slots of the tx ring are 12 bytes, of the rx ring 8.  Extra infos overlay either.
 */
#ifndef DRVDOM_NET_NETIF_ABI_H
#define DRVDOM_NET_NETIF_ABI_H

#include <stddef.h>
#include <stdint.h>

enum {
    NETIF_PAGE = 4096,
    NETIF_TX_SLOT = 12,
    NETIF_RX_SLOT = 8,
    NETIF_RING_SLOTS = 256, /* of a one-page ring, both kinds */
};

/* Guest to world. */
struct netif_tx_req {
    uint32_t gref;
    uint16_t offset;
    uint16_t flags; /* NETIF_TXF_* */
    uint16_t id;
    uint16_t size; /* first slot of a packet: of the whole packet; others: of the fragment */
};
_Static_assert(sizeof(struct netif_tx_req) == NETIF_TX_SLOT, "netif.h: tx request");

struct netif_tx_rsp {
    uint16_t id;
    int16_t status;
};
_Static_assert(sizeof(struct netif_tx_rsp) == 4, "netif.h: tx response");

/* World to guest. */
struct netif_rx_req {
    uint16_t id;
    uint16_t pad;
    uint32_t gref;
};
_Static_assert(sizeof(struct netif_rx_req) == NETIF_RX_SLOT, "netif.h: rx request");

struct netif_rx_rsp {
    uint16_t id;
    uint16_t offset;
    uint16_t flags; /* NETIF_RXF_* */
    int16_t status; /* bytes in this slot, or NETIF_STATUS_* below 0 */
};
_Static_assert(sizeof(struct netif_rx_rsp) == NETIF_RX_SLOT, "netif.h: rx response");

struct netif_extra {
    uint8_t type;
    uint8_t flags;
    union {
        struct {
            uint16_t size; /* payload bytes per segment */
            uint8_t type;  /* NETIF_GSO_* */
            uint8_t pad;
            uint16_t features;
        } gso;
        uint8_t mcast[6];
        struct {
            uint8_t type, algorithm, value[4];
        } hash;
        struct {
            uint16_t headroom;
            uint16_t pad[2];
        } xdp; /* Linux only */
    } u;
};
_Static_assert(sizeof(struct netif_extra) == NETIF_RX_SLOT, "netif.h: extra info");

/* The meaning of bits 0 and 1 is swapped between the two directions. */
enum {
    NETIF_TXF_CSUM_BLANK = 1,
    NETIF_TXF_DATA_VALIDATED = 2,
    NETIF_TXF_MORE_DATA = 4,
    NETIF_TXF_EXTRA_INFO = 8,

    NETIF_RXF_DATA_VALIDATED = 1,
    NETIF_RXF_CSUM_BLANK = 2,
    NETIF_RXF_MORE_DATA = 4,
    NETIF_RXF_EXTRA_INFO = 8,
};

enum {
    NETIF_EXTRA_GSO = 1,
    NETIF_EXTRA_MCAST_ADD = 2,
    NETIF_EXTRA_MCAST_DEL = 3,
    NETIF_EXTRA_HASH = 4,
    NETIF_EXTRA_XDP = 5,  /* Linux's, backend to frontend only */
    NETIF_EXTRA_MORE = 1, /* flag: another extra follows */
};

enum { NETIF_GSO_TCPV4 = 1, NETIF_GSO_TCPV6 = 2 };

enum {
    NETIF_STATUS_DROPPED = -2,
    NETIF_STATUS_ERROR = -1,
    NETIF_STATUS_OKAY = 0,
    NETIF_STATUS_NULL = 1, /* answers an extra info's slot */
};

#endif
