/*
 * A frame as slots of the transmit ring, and slots of the receive ring as a frame.  PURE.
 *
 * The layouts are Xen's own header's, not the backend's: a mistake in either would otherwise be
 * shared by both and never be seen.
 *
 * The receiving half reads what a backend wrote, which may be hostile (hostile-peers F1, F3); it is
 * as strict as the strictest known frontend, so that a backend that satisfies it satisfies all.
 */
#ifndef DRVDOM_NETFRONT_SLOTS_H
#define DRVDOM_NETFRONT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/io/netif.h>

enum {
    NF_PAGE = 4096,
    NF_TX_SLOT = 12,
    NF_RX_SLOT = 8,
    NF_RING_SLOTS = 256,
    NF_TX_FRAME_MAX = 65535, /* the length is one u16 */
    NF_RX_FRAME_MAX = 65535 + 18,
    NF_CHAIN_MAX = XEN_NETIF_NR_SLOTS_MIN, /* data slots of a packet that any backend takes */
    NF_EXTRA_XDP = 5,                      /* Linux's, not in Xen's header */
};

/* What goes with a frame, in either direction. */
struct nf_meta {
    bool csum_blank, validated;
    uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_*, 0: none */
    uint16_t gso_size;
};

/* ---- guest to world ---- */

struct nf_frag {
    uint32_t gref;
    uint16_t id, off, len;
};

/* One slot of a transmit ring, as it stands or stood there. */
struct nf_tx_slot {
    uint8_t raw[NF_TX_SLOT];
    uint16_t id;
    bool extra;
};

enum { NF_TX_SLOTS_MAX = NF_CHAIN_MAX + 1 };

/* The number of slots; n is 1 .. NF_CHAIN_MAX.  share: the first slot says its own length. */
unsigned nf_tx_build(const struct nf_meta *m, const struct nf_frag *frag, unsigned n, bool share,
                     struct nf_tx_slot slot[NF_TX_SLOTS_MAX]);

/* Does this answer belong to that slot?  Its status (an extra info's is NETIF_RSP_NULL), or
 * NF_BAD_ANSWER with *why.  Answers are owed in order and one for each slot, extras included. */
enum { NF_BAD_ANSWER = 1000 };
int nf_tx_answer(const struct nf_tx_slot *slot, const void *raw, const char **why);

/* ---- world to guest ---- */

struct nf_rx_rules {
    bool gso4, gso6; /* accepted */
    bool csum4, csum6;
    bool sg;
    bool hash; /* a hash was set over the control ring */
    uint16_t headroom;
};

/* A frame being put together.  memset 0 is the start. */
struct nf_rx {
    bool open;    /* more slots belong to it */
    bool extra;   /* the next slot is an extra info */
    bool more;    /* of the last data slot: another one follows */
    bool failed;  /* a slot with an error: the frame is lost, its slots are not */
    uint8_t seen; /* bit per type of extra info */
    unsigned slots;
    uint8_t hash_type; /* with the extra info's bit in seen */
    uint32_t hash_value;
    struct nf_meta meta;
    uint32_t len;
    uint8_t data[NF_RX_FRAME_MAX + NF_PAGE];
};

/* Takes the next slot; `page` is what its request granted, id what its request said.
 * 1: more belongs to the frame, 0: the frame is whole (unless failed), NF_BAD_ANSWER with *why. */
int nf_rx_feed(struct nf_rx *x, const struct nf_rx_rules *r, const void *raw, uint16_t id,
               const uint8_t *page, const char **why);

#endif
