/*
 * Test traffic: frames of a flow carry consecutive bytes of an endless stream that is known at both
 * ends, so that any piece can be checked on its own, also after somebody has cut it into segments.
 * PURE.
 */
#ifndef DRVDOM_NETFRONT_FRAME_H
#define DRVDOM_NETFRONT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind { FRAME_RAW, FRAME_UDP4, FRAME_TCP4, FRAME_UDP6, FRAME_TCP6, FRAME_KINDS };

enum {
    FRAME_ETHER = 14,
    FRAME_HEADERS_MAX = 14 + 40 + 20 + 12,
    FRAME_PORT = 0x6472,     /* of the end that sends back */
    FRAME_PORT_FLOW = 20000, /* + flow: of the end that begins */
    FRAME_FLOWS = 64,
};

const char *frame_kind_name(enum frame_kind k);

struct frame_flow {
    enum frame_kind kind;
    uint8_t src[6], dst[6];
    uint32_t number; /* < FRAME_FLOWS */
    uint64_t seed;   /* of the stream */
};

/* What a frame turned out to be. */
struct frame_seen {
    enum frame_kind kind;
    uint32_t flow, offset;
    const uint8_t *payload;
    uint32_t len; /* of the payload */
    bool back;    /* sent back by the other end */
    bool wrong;   /* it is one of ours, but not as it was: `why` says where */
    const char *why;
};

/* Bytes in front of the payload. */
uint32_t frame_header_len(enum frame_kind k);

/* Stream bytes [offset, offset + len) with headers.  blank: the transport checksum holds the pseudo
 * header's sum only (raw frames have none).  Returns the frame's length; buf has room for
 * FRAME_HEADERS_MAX + len. */
uint32_t frame_build(const struct frame_flow *f, uint32_t offset, uint32_t len, bool blank,
                     uint8_t *buf);

/* True: a frame of such a flow; its addresses, lengths and checksums are checked, its payload is
 * not.  blank: the checksum is said to be blank. */
bool frame_parse(const uint8_t *buf, uint32_t len, bool blank, struct frame_seen *s);
/* Is the payload the stream's? */
bool frame_payload_ok(const struct frame_seen *s, uint64_t seed);
/* Turns it round: addresses and ports are swapped, which no checksum feels. */
void frame_reverse(uint8_t *buf, const struct frame_seen *s);

uint64_t frame_random(uint64_t *state);
/* The Internet checksum's sum, folded; memory order in, memory order out. */
uint16_t frame_sum(const uint8_t *p, size_t len, uint32_t start);

#endif
