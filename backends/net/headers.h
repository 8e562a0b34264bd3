/*
 * The headers of one Ethernet frame, as far as checksum and segmentation offload need them, and
 * the Internet checksum.  PURE.  The frame is a private copy, its contents are the peer's.
 */
#ifndef DRVDOM_NET_HEADERS_H
#define DRVDOM_NET_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { ETH_HEADER = 14, VLAN_TAG = 4, PROTO_TCP = 6, PROTO_UDP = 17 };

/* Offsets are from the start of the frame.  After headers_parse() succeeded all of these bytes lie
 * inside the frame: the IP header(s) at l3 .. l4 and the TCP or UDP header at l4 .. payload. */
struct headers {
    uint16_t l3, l4, payload;
    uint16_t csum; /* where the transport checksum stands */
    uint8_t proto; /* PROTO_TCP or PROTO_UDP */
    uint8_t vlans; /* tags skipped */
    bool v6;
};

/* 0: TCP or UDP over IPv4 or IPv6, whole headers present.  -EINVAL: anything else, fragments
 * included (their checksum covers bytes that are elsewhere: N12). */
int headers_parse(const uint8_t *frame, size_t len, struct headers *h) must_check;

/* The sum of the pseudo header, folded, not inverted: what a "blank" checksum field holds. */
uint16_t headers_pseudo_sum(const uint8_t *frame, size_t len, const struct headers *h);

/* Writes the true checksum at `start + offset`, over frame[start .. len).  The field must hold the
 * pseudo header's sum, as with every partial checksum; start + offset + 2 <= len is the caller's
 * promise (asserted). */
void headers_fill_csum(uint8_t *frame, size_t len, uint16_t start, uint16_t offset);

#endif
