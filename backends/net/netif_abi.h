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

/* The control ring: requests and responses both take a slot of 16 bytes. */
enum { NETIF_CTRL_SLOT = 16 };

struct netif_ctrl_req {
    uint16_t id;
    uint16_t type; /* NETIF_CTRL_* */
    uint32_t data[3];
};
_Static_assert(sizeof(struct netif_ctrl_req) == NETIF_CTRL_SLOT, "netif.h: control request");

struct netif_ctrl_rsp {
    uint16_t id;
    uint16_t type;
    uint32_t status; /* NETIF_CTRL_STATUS_* */
    uint32_t data;
};
_Static_assert(sizeof(struct netif_ctrl_rsp) == 12, "netif.h: control response");

enum {
    NETIF_CTRL_GET_HASH_FLAGS = 1,
    NETIF_CTRL_SET_HASH_FLAGS = 2,
    NETIF_CTRL_SET_HASH_KEY = 3,
    NETIF_CTRL_GET_HASH_MAPPING_SIZE = 4,
    NETIF_CTRL_SET_HASH_MAPPING_SIZE = 5,
    NETIF_CTRL_SET_HASH_MAPPING = 6,
    NETIF_CTRL_SET_HASH_ALGORITHM = 7,

    NETIF_CTRL_STATUS_SUCCESS = 0,
    NETIF_CTRL_STATUS_NOT_SUPPORTED = 1,
    NETIF_CTRL_STATUS_INVALID = 2,
    NETIF_CTRL_STATUS_OVERFLOW = 3,
};

/* Types of hashes: number in an extra info, bit in the control ring's flags. */
enum {
    NETIF_HASH_IPV4,
    NETIF_HASH_IPV4_TCP,
    NETIF_HASH_IPV6,
    NETIF_HASH_IPV6_TCP,
    NETIF_HASH_TYPES,

    NETIF_HASH_NONE = 0,
    NETIF_HASH_TOEPLITZ = 1,
};

enum { NETIF_GSO_TCPV4 = 1, NETIF_GSO_TCPV6 = 2 };

enum {
    NETIF_STATUS_DROPPED = -2,
    NETIF_STATUS_ERROR = -1,
    NETIF_STATUS_OKAY = 0,
    NETIF_STATUS_NULL = 1, /* answers an extra info's slot */
};

#endif
