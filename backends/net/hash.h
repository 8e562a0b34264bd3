/*
 * The hash that a guest asks for over its control ring (netif.h, "Hash types"): which of its queues
 * a frame goes to, and a number that goes with the frame.  PURE.
 *
 * The port steers by the same rules, in the kernel: steer.c is this file as a program.
 */
#ifndef DRVDOM_NET_HASH_H
#define DRVDOM_NET_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/net/netif_abi.h"

enum {
    HASH_KEY_MAX = 40,      /* enough for 36 bytes of addresses and ports, as Linux's */
    HASH_MAPPING_MAX = 128, /* entries */
    HASH_INPUT_MAX = 36,
};

/* What the guest has set.  All zero: it wants none. */
struct net_hash {
    uint32_t algorithm;    /* NETIF_HASH_NONE or _TOEPLITZ */
    uint32_t types;        /* bit per NETIF_HASH_* */
    uint32_t mapping_size; /* 0: hash modulo the number of queues */
    uint8_t key[HASH_KEY_MAX];
    uint8_t mapping[HASH_MAPPING_MAX]; /* queue numbers */
};

/* Where in a frame the hashed bytes are: addresses, then ports right behind the IP header. */
struct hash_input {
    uint8_t type; /* NETIF_HASH_* */
    uint8_t len;
    uint8_t bytes[HASH_INPUT_MAX];
};

static inline bool hash_on(const struct net_hash *h)
{
    return h->algorithm == NETIF_HASH_TOEPLITZ && h->types != 0;
}

/* Can it be meant, with so many queues?  For what came from a process that may be compromised. */
bool hash_valid(const struct net_hash *h, uint32_t queues);

uint32_t hash_toeplitz(const uint8_t key[HASH_KEY_MAX], const uint8_t *data, size_t len);

/* Is the frame one of those that are hashed?  Then its type and value. */
bool hash_frame(const struct net_hash *h, const uint8_t *frame, size_t len, uint8_t *type,
                uint32_t *value);

/* The queue that frames of this hash go to. */
uint32_t hash_queue(const struct net_hash *h, uint32_t value, uint32_t queues);

#endif
