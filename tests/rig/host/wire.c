/*
 * What was on the wire: reads a capture (pcap, Ethernet), checks each IPv4 header's checksum and
 * each TCP, UDP and ICMP checksum, fragments put together first, and tells the longest frame of
 * each sender.
 *
 *     wire FILE     lines "MAC frames longest checked fragments"; exit status 1: bad checksums
 * (listed)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_MAX = 65536 + 32, SENDERS = 16, DATAGRAMS = 64, ETHER = 14 };

struct sender {
    uint8_t mac[6];
    unsigned frames, longest, checked, fragments;
};

struct datagram { /* being put together */
    uint8_t key[11];
    uint32_t have, total;
    uint8_t *data;
};

static struct sender senders[SENDERS];
static struct datagram datagrams[DATAGRAMS];
static unsigned bad, number, next_datagram;

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t add(uint32_t sum, const uint8_t *p, size_t len)
{
    for (; len > 1; p += 2, len -= 2)
        sum += be16(p);
    return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static unsigned fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static struct sender *sender_of(const uint8_t *mac)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        if (senders[i].frames == 0)
            memcpy(senders[i].mac, mac, 6);
        if (memcmp(senders[i].mac, mac, 6) == 0)
            return &senders[i];
    }
    fprintf(stderr, "more than %d senders\n", SENDERS);
    exit(2);
}

static void wrong(const uint8_t *ip, const char *what)
{
    if (bad++ < 10)
        printf("bad: frame %u, %u.%u.%u.%u to %u.%u.%u.%u: %s\n", number, ip[12], ip[13], ip[14],
               ip[15], ip[16], ip[17], ip[18], ip[19], what);
}

/* ip: the header, for addresses and protocol. */
static void check_payload(struct sender *s, const uint8_t *ip, const uint8_t *data, size_t len)
{
    uint32_t pseudo = add(ip[9] + (uint32_t)len, ip + 12, 8);

    switch (ip[9]) {
    case 1:
        pseudo = 0;
        break;
    case 6:
        break;
    case 17:
        if (len < 8 || be16(data + 6) == 0) /* none */
            return;
        break;
    default:
        return;
    }
    s->checked++;
    if (fold(add(pseudo, data, len)) != 0xffff)
        wrong(ip, ip[9] == 6 ? "TCP checksum" : ip[9] == 17 ? "UDP checksum" : "ICMP checksum");
}

static struct datagram *datagram_of(const uint8_t *ip)
{
    uint8_t key[11];
    struct datagram *d;

    memcpy(key, ip + 12, 8);
    memcpy(key + 8, ip + 4, 2);
    key[10] = ip[9];
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        if (datagrams[i].data && memcmp(datagrams[i].key, key, sizeof(key)) == 0)
            return &datagrams[i];
    }
    d = &datagrams[next_datagram++ % DATAGRAMS];
    free(d->data);
    *d = (struct datagram){.data = calloc(1, 2 * FRAME_MAX)};
    memcpy(d->key, key, sizeof(key));
    return d;
}

static void fragment(struct sender *s, const uint8_t *ip, const uint8_t *data, size_t len)
{
    uint32_t off = (be16(ip + 6) & 0x1fff) * 8;
    struct datagram *d = datagram_of(ip);

    s->fragments++;
    if (!d->data || off + len > 2 * FRAME_MAX)
        return;
    memcpy(d->data + off, data, len);
    d->have += (uint32_t)len;
    if (!(be16(ip + 6) & 0x2000))
        d->total = off + (uint32_t)len;
    if (!d->total || d->have < d->total)
        return;
    check_payload(s, ip, d->data, d->total);
    free(d->data);
    d->data = NULL;
}

static void frame(const uint8_t *f, size_t len)
{
    struct sender *s = sender_of(f + 6);
    const uint8_t *ip = f + ETHER;
    size_t head, total;

    s->frames++;
    s->longest = len > s->longest ? (unsigned)len : s->longest;
    if (len < ETHER + 20 || be16(f + 12) != 0x0800)
        return;
    head = (ip[0] & 15u) * 4;
    total = be16(ip + 2);
    if (total < head || ETHER + total > len) {
        wrong(ip, "length");
        return;
    }
    if (fold(add(0, ip, head)) != 0xffff)
        wrong(ip, "IP checksum");
    if (be16(ip + 6) & 0x3fff)
        fragment(s, ip, ip + head, total - head);
    else
        check_payload(s, ip, ip + head, total - head);
}

int main(int argc, char **argv)
{
    static uint8_t f[FRAME_MAX];
    uint32_t head[4];
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (!in || fread(f, 24, 1, in) != 1) {
        fprintf(stderr, "usage: wire FILE (pcap)\n");
        return 2;
    }
    while (fread(head, sizeof(head), 1, in) == 1 && head[2] <= FRAME_MAX &&
           fread(f, head[2], 1, in) == 1) {
        number++;
        if (head[2] != head[3])
            printf("cut: frame %u, %u of %u bytes\n", number, head[2], head[3]);
        if (head[2] >= ETHER)
            frame(f, head[2]);
    }
    for (unsigned i = 0; i < SENDERS && senders[i].frames; i++)
        printf("%02x:%02x:%02x:%02x:%02x:%02x %u %u %u %u\n", senders[i].mac[0], senders[i].mac[1],
               senders[i].mac[2], senders[i].mac[3], senders[i].mac[4], senders[i].mac[5],
               senders[i].frames, senders[i].longest, senders[i].checked, senders[i].fragments);
    return bad || number == 0;
}
