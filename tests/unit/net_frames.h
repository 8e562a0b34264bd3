/* Frames with known contents for the network tests: built by the book. */
#ifndef DRVDOM_TESTS_NET_FRAMES_H
#define DRVDOM_TESTS_NET_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum frame_kind { FRAME_TCP4, FRAME_UDP4, FRAME_TCP6, FRAME_UDP6 };

/* Writes Ethernet, IP and TCP (20 bytes) or UDP headers in front of `payload` bytes 0, 1, 2...;
 * the checksum of the transport is left 0.  `tags` VLAN tags.  Returns the length. */
static inline size_t frame_build(uint8_t *f, enum frame_kind kind, unsigned tags, size_t payload)
{
    static const uint8_t macs[12] = {0x00, 0x16, 0x3e, 1, 2, 3, 0x00, 0x16, 0x3e, 4, 5, 6};
    int v6 = kind == FRAME_TCP6 || kind == FRAME_UDP6;
    int tcp = kind == FRAME_TCP4 || kind == FRAME_TCP6;
    size_t at = 12, l4 = (tcp ? 20 : 8) + payload;

    memcpy(f, macs, sizeof(macs));
    for (unsigned i = 0; i < tags; i++, at += 4)
        memcpy(f + at, "\x81\x00\x00\x05", 4);
    memcpy(f + at, v6 ? "\x86\xdd" : "\x08\x00", 2);
    at += 2;
    if (v6) {
        memset(f + at, 0, 40);
        f[at] = 0x60;
        f[at + 4] = (uint8_t)(l4 >> 8);
        f[at + 5] = (uint8_t)l4;
        f[at + 6] = tcp ? 6 : 17;
        f[at + 7] = 64;
        memcpy(f + at + 8, "\xfe\x80\0\0\0\0\0\0\x02\x16\x3e\xff\xfe\x04\x05\x06", 16);
        memcpy(f + at + 24, "\xfe\x80\0\0\0\0\0\0\x02\x16\x3e\xff\xfe\x01\x02\x03", 16);
        at += 40;
    } else {
        memset(f + at, 0, 20);
        f[at] = 0x45;
        f[at + 2] = (uint8_t)((20 + l4) >> 8);
        f[at + 3] = (uint8_t)(20 + l4);
        f[at + 8] = 64;
        f[at + 9] = tcp ? 6 : 17;
        memcpy(f + at + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
        at += 20;
    }
    memset(f + at, 0, tcp ? 20 : 8);
    memcpy(f + at, "\x12\x34\x00\x50", 4);
    if (tcp) {
        f[at + 12] = 0x50;
        f[at + 13] = 0x18;
    } else {
        f[at + 4] = (uint8_t)(l4 >> 8);
        f[at + 5] = (uint8_t)l4;
    }
    at += tcp ? 20 : 8;
    for (size_t i = 0; i < payload; i++)
        f[at + i] = (uint8_t)i;
    return at + payload;
}

#endif
