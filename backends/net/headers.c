/* See headers.h. */
#include "backends/net/headers.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    VLANS_MAX = 2,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    /* Extension headers are a chain the peer chose: bounded, as Linux does. */
    IPV6_HEADERS_MAX = 256,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static int parse_ipv4(const uint8_t *f, size_t len, struct headers *h)
{
    const uint8_t *ip = f + h->l3;
    unsigned size;

    if (!in_range(h->l3, IPV4_HEADER, len) || ip[0] >> 4 != 4)
        return -EINVAL;
    size = (ip[0] & 15u) * 4;
    if (size < IPV4_HEADER || !in_range(h->l3, size, len))
        return -EINVAL;
    if (be16(ip + 6) & 0x3fff) /* more fragments, or an offset */
        return -EINVAL;
    h->l4 = (uint16_t)(h->l3 + size);
    h->proto = ip[9];
    return 0;
}

/* Length of one extension header, 0 when `next` is none, -EINVAL when it is cut off or a real
 * fragment. */
static int ipv6_extension(uint8_t next, const uint8_t *p, size_t left)
{
    if (next != 0 && next != 43 && next != 60 && next != 44 && next != 51)
        return 0;
    if (left < 8)
        return -EINVAL;
    if (next == 44)
        return be16(p + 2) & 0xfff9 ? -EINVAL : 8;
    return next == 51 ? (p[1] + 2) * 4 : (p[1] + 1) * 8;
}

static int parse_ipv6(const uint8_t *f, size_t len, struct headers *h)
{
    const uint8_t *ip = f + h->l3;
    size_t at = (size_t)h->l3 + IPV6_HEADER;
    uint8_t next;
    int size;

    if (!in_range(h->l3, IPV6_HEADER, len) || ip[0] >> 4 != 6)
        return -EINVAL;
    next = ip[6];
    while ((size = ipv6_extension(next, f + at, len - at)) > 0) {
        if (!in_range(at, (size_t)size, len) || at + (size_t)size - h->l3 > IPV6_HEADERS_MAX)
            return -EINVAL;
        next = f[at];
        at += (size_t)size;
    }
    h->l4 = (uint16_t)at;
    h->proto = next;
    h->v6 = true;
    return size;
}

static int parse_transport(const uint8_t *f, size_t len, struct headers *h)
{
    unsigned size = h->proto == PROTO_TCP ? TCP_HEADER : UDP_HEADER;

    if ((h->proto != PROTO_TCP && h->proto != PROTO_UDP) || !in_range(h->l4, size, len))
        return -EINVAL;
    if (h->proto == PROTO_TCP) {
        size = (f[h->l4 + 12] >> 4) * 4u;
        if (size < TCP_HEADER || !in_range(h->l4, size, len))
            return -EINVAL;
    }
    h->payload = (uint16_t)(h->l4 + size);
    h->csum = (uint16_t)(h->l4 + (h->proto == PROTO_TCP ? 16 : 6));
    return 0;
}

int headers_parse(const uint8_t *frame, size_t len, struct headers *h)
{
    size_t at = ETH_HEADER - 2;
    uint16_t type;
    int rc;

    memset(h, 0, sizeof(*h));
    if (len < ETH_HEADER)
        return -EINVAL;
    type = be16(frame + at);
    while (type == TYPE_VLAN || type == TYPE_QINQ) {
        at += VLAN_TAG;
        if (++h->vlans > VLANS_MAX || !in_range(at, 2, len))
            return -EINVAL;
        type = be16(frame + at);
    }
    h->l3 = (uint16_t)(at + 2);
    if (type == TYPE_IPV4)
        rc = parse_ipv4(frame, len, h);
    else if (type == TYPE_IPV6)
        rc = parse_ipv6(frame, len, h);
    else
        rc = -EINVAL;
    return rc ? rc : parse_transport(frame, len, h);
}

/* Sums 16-bit words in memory order: the ones' complement sum does not care for byte order, so the
 * result, stored in memory order again, is right on any machine (RFC 1071). */
static uint64_t sum_words(uint64_t sum, const uint8_t *p, size_t len)
{
    uint32_t word;

    for (; len >= 4; p += 4, len -= 4) {
        memcpy(&word, p, 4);
        sum += word;
    }
    word = 0;
    memcpy(&word, p, len); /* an odd tail is padded with zeros */
    return sum + word;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t headers_pseudo_sum(const uint8_t *frame, size_t len, const struct headers *h)
{
    const uint8_t *addresses = frame + h->l3 + (h->v6 ? 8 : 12);
    size_t upper = len - h->l4;
    uint8_t tail[8] = {0, 0, 0, 0, 0, 0, 0, h->proto};

    tail[1] = (uint8_t)(upper >> 16);
    put_be16(tail + 2, (uint16_t)upper);
    return fold(sum_words(sum_words(0, addresses, h->v6 ? 32 : 8), tail, sizeof(tail)));
}

void headers_fill_csum(uint8_t *frame, size_t len, uint16_t start, uint16_t offset)
{
    uint16_t sum;

    assert(in_range((uint64_t)start + offset, 2, len));
    sum = (uint16_t)~fold(sum_words(0, frame + start, len - start));
    /* UDP: 0 would mean "no checksum"; for TCP both zeros are equal. */
    if (sum == 0)
        sum = 0xffff;
    memcpy(frame + start + offset, &sum, 2);
}
