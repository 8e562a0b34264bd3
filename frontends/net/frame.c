/* See frame.h. */
#include "frontends/net/frame.h"

#include <assert.h>
#include <string.h>

#include "transport/base/arith.h"

enum {
    TYPE_RAW = 0x88b5, /* for local experiments */
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    UDP = 17,
    TCP = 6,
    HEAD = 12, /* in front of the stream where the protocol does not count bytes */
};
static const uint8_t MAGIC[4] = {'d', 'r', 'v', 'd'};

static const struct {
    const char *name;
    bool ip, v6, tcp;
} kinds[FRAME_KINDS] = {
    [FRAME_RAW] = {"raw", false, false, false}, [FRAME_UDP4] = {"udp4", true, false, false},
    [FRAME_TCP4] = {"tcp4", true, false, true}, [FRAME_UDP6] = {"udp6", true, true, false},
    [FRAME_TCP6] = {"tcp6", true, true, true},
};

const char *frame_kind_name(enum frame_kind k)
{
    return kinds[k].name;
}

uint64_t frame_random(uint64_t *state)
{
    uint64_t x = *state ? *state : 1;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1d;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}
static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)(p[0] << 8 | p[1]);
}
static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

/* ---- the stream ---- */

/* Byte words of 8, each from its own place: no state, so a piece can start anywhere. */
static uint64_t stream_word(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + (index + 1) * 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void stream_get(uint64_t seed, uint32_t offset, uint8_t *buf, uint32_t len)
{
    uint32_t done = 0;

    while (done < len) {
        uint64_t w = stream_word(seed, (offset + done) / 8);
        uint32_t skip = (offset + done) % 8, n = MIN(8 - skip, len - done);

        memcpy(buf + done, (const uint8_t *)&w + skip, n);
        done += n;
    }
}

bool frame_payload_ok(const struct frame_seen *s, uint64_t seed)
{
    uint8_t want[512];

    for (uint32_t at = 0; at < s->len; at += sizeof(want)) {
        uint32_t n = MIN(s->len - at, (uint32_t)sizeof(want));

        stream_get(seed, s->offset + at, want, n);
        if (memcmp(want, s->payload + at, n) != 0)
            return false;
    }
    return true;
}

/* ---- checksums ---- */

uint16_t frame_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint64_t sum = start;

    for (; len >= 2; p += 2, len -= 2)
        sum += get16(p);
    if (len)
        sum += (uint32_t)p[0] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint32_t pseudo(const uint8_t *ip, bool v6, uint32_t proto, uint32_t upper)
{
    return frame_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, proto + (upper >> 16) + (upper & 0xffff));
}

/* ---- building ---- */

uint32_t frame_header_len(enum frame_kind k)
{
    if (!kinds[k].ip)
        return FRAME_ETHER + HEAD;
    return FRAME_ETHER + (kinds[k].v6 ? 40 : 20) + (kinds[k].tcp ? 20 : 8 + HEAD);
}

static void put_ip4(uint8_t *ip, const struct frame_flow *f, uint32_t proto, uint32_t total)
{
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, total);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = (uint8_t)proto;
    memcpy(ip + 12, (const uint8_t[]){10, 0, f->src[4], f->src[5]}, 4);
    memcpy(ip + 16, (const uint8_t[]){10, 0, f->dst[4], f->dst[5]}, 4);
    put16(ip + 10, (uint16_t)~frame_sum(ip, 20, 0));
}

static void put_ip6(uint8_t *ip, const struct frame_flow *f, uint32_t proto, uint32_t upper)
{
    memset(ip, 0, 40);
    ip[0] = 0x60;
    put16(ip + 4, upper);
    ip[6] = (uint8_t)proto;
    ip[7] = 64;
    ip[8] = ip[24] = 0xfd;
    memcpy(ip + 18, f->src, 6);
    memcpy(ip + 34, f->dst, 6);
}

static void put_head(uint8_t *p, const struct frame_flow *f, uint32_t offset)
{
    memcpy(p, MAGIC, 4);
    put32(p + 4, f->number);
    put32(p + 8, offset);
}

static void put_transport(uint8_t *t, const struct frame_flow *f, uint32_t offset, uint32_t upper)
{
    put16(t, FRAME_PORT_FLOW + f->number);
    put16(t + 2, FRAME_PORT);
    if (kinds[f->kind].tcp) {
        memset(t + 4, 0, 16);
        put32(t + 4, offset);
        t[12] = 0x50;
        t[13] = 0x10; /* ACK: what a stream in the middle looks like */
        put16(t + 14, 0xffff);
    } else {
        put16(t + 4, upper);
        put16(t + 6, 0);
        put_head(t + 8, f, offset);
    }
}

uint32_t frame_build(const struct frame_flow *f, uint32_t offset, uint32_t len, bool blank,
                     uint8_t *buf)
{
    bool tcp = kinds[f->kind].tcp, v6 = kinds[f->kind].v6;
    uint32_t head = frame_header_len(f->kind), proto = tcp ? TCP : UDP;
    uint8_t *ip = buf + FRAME_ETHER, *t = ip + (v6 ? 40 : 20);
    uint32_t upper = head - (uint32_t)(t - buf) + len;
    uint8_t *csum = t + (tcp ? 16 : 6);
    uint32_t sum;

    memcpy(buf, f->dst, 6);
    memcpy(buf + 6, f->src, 6);
    stream_get(f->seed, offset, buf + head, len);
    if (!kinds[f->kind].ip) {
        put16(buf + 12, TYPE_RAW);
        put_head(buf + FRAME_ETHER, f, offset);
        return head + len;
    }
    put16(buf + 12, v6 ? TYPE_IP6 : TYPE_IP4);
    if (v6)
        put_ip6(ip, f, proto, upper);
    else
        put_ip4(ip, f, proto, 20 + upper);
    put_transport(t, f, offset, upper);
    sum = pseudo(ip, v6, proto, upper);
    put16(csum, sum);
    if (!blank) {
        put16(csum, 0);
        sum = (uint16_t)~frame_sum(t, upper, sum);
        put16(csum, sum ? sum : 0xffff);
    }
    return head + len;
}

/* ---- reading ---- */

static bool wrong(struct frame_seen *s, const char *why)
{
    s->wrong = true;
    s->why = why;
    return true;
}

static bool parse_head(const uint8_t *p, struct frame_seen *s)
{
    s->flow = get32(p + 4);
    s->offset = get32(p + 8);
    return memcmp(p, MAGIC, 4) == 0 && s->flow < FRAME_FLOWS;
}

/* Ones' complement has two zeros. */
static bool same_sum(uint32_t a, uint32_t b)
{
    return (a == 0xffff ? 0 : a) == (b == 0xffff ? 0 : b);
}

static bool csum_ok(const uint8_t *ip, const uint8_t *t, uint32_t upper, bool blank,
                    const struct frame_seen *s)
{
    bool tcp = kinds[s->kind].tcp;
    uint32_t sum = pseudo(ip, kinds[s->kind].v6, tcp ? TCP : UDP, upper);

    if (blank)
        return same_sum(get16(t + (tcp ? 16 : 6)), sum);
    return same_sum(frame_sum(t, upper, sum), 0);
}

static bool parse_ip(const uint8_t *buf, uint32_t len, bool blank, struct frame_seen *s, bool v6)
{
    const uint8_t *ip = buf + FRAME_ETHER, *t = ip + (v6 ? 40 : 20);
    uint32_t proto, upper, port;
    bool tcp;

    if (len < FRAME_ETHER + 40 || (v6 ? ip[0] >> 4 != 6 : ip[0] != 0x45))
        return false;
    proto = v6 ? ip[6] : ip[9];
    tcp = proto == TCP;
    if (proto != TCP && proto != UDP)
        return false;
    s->kind = v6 ? (tcp ? FRAME_TCP6 : FRAME_UDP6) : (tcp ? FRAME_TCP4 : FRAME_UDP4);
    if (len < frame_header_len(s->kind))
        return false;
    s->back = get16(t) == FRAME_PORT;
    port = get16(s->back ? t + 2 : t);
    if ((!s->back && get16(t + 2) != FRAME_PORT) || port < FRAME_PORT_FLOW ||
        port >= FRAME_PORT_FLOW + FRAME_FLOWS)
        return false;
    s->flow = port - FRAME_PORT_FLOW;
    s->offset = get32(t + 4);
    s->payload = buf + frame_header_len(s->kind);
    upper = len - (uint32_t)(t - buf);
    s->len = len - frame_header_len(s->kind);
    if (!tcp && (!parse_head(t + 8, s) || s->flow != port - FRAME_PORT_FLOW))
        return wrong(s, "its head is damaged");
    if ((v6 ? get16(ip + 4) : get16(ip + 2) - 20) != upper || (!tcp && get16(t + 4) != upper))
        return wrong(s, "a length in its headers is not its own");
    if (!v6 && frame_sum(ip, 20, 0) != 0xffff)
        return wrong(s, "its IP checksum is wrong");
    return csum_ok(ip, t, upper, blank, s) ? true : wrong(s, "its checksum is wrong");
}

bool frame_parse(const uint8_t *buf, uint32_t len, bool blank, struct frame_seen *s)
{
    uint32_t type;

    memset(s, 0, sizeof(*s));
    if (len < FRAME_ETHER + HEAD)
        return false;
    type = get16(buf + 12);
    if (type == TYPE_IP4 || type == TYPE_IP6)
        return parse_ip(buf, len, blank, s, type == TYPE_IP6);
    s->kind = FRAME_RAW;
    s->payload = buf + FRAME_ETHER + HEAD;
    s->len = len - FRAME_ETHER - HEAD;
    s->back = buf[FRAME_ETHER + 4] & 0x80; /* frame_reverse() */
    if (type != TYPE_RAW || memcmp(buf + FRAME_ETHER, MAGIC, 4) != 0)
        return false;
    s->flow = get32(buf + FRAME_ETHER + 4) & 0x7fffffff;
    s->offset = get32(buf + FRAME_ETHER + 8);
    return s->flow < FRAME_FLOWS && blank ? wrong(s, "a blank checksum where there is none")
                                          : s->flow < FRAME_FLOWS;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t v = a[i];

        a[i] = b[i];
        b[i] = v;
    }
}

void frame_reverse(uint8_t *buf, const struct frame_seen *s)
{
    uint8_t *ip = buf + FRAME_ETHER;
    bool v6 = kinds[s->kind].v6;

    swap(buf, buf + 6, 6);
    if (!kinds[s->kind].ip) {
        ip[4] ^= 0x80;
        return;
    }
    swap(ip + (v6 ? 8 : 12), ip + (v6 ? 24 : 16), v6 ? 16 : 4);
    swap(ip + (v6 ? 40 : 20), ip + (v6 ? 42 : 22), 2);
}
