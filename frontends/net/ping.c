/* See ping.h. */
#include "frontends/net/ping.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/net/io.h"
#include "transport/base/log.h"

enum { ETHER = 14, ARP_LEN = ETHER + 28, IP_LEN = 20, ICMP_LEN = 8, WAIT_MS = 5000 };

struct pinger {
    struct nf_conn *c;
    uint8_t ip[4], peer_ip[4], peer_mac[6];
    bool has_mac, answered;
    uint8_t out[ETHER + 65535];
    uint32_t out_len;
};

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* ---- ARP ---- */

static void build_arp(struct pinger *p, bool reply)
{
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    uint8_t *f = p->out;

    memset(f, reply ? 0 : 0xff, 6);
    if (reply)
        memcpy(f, p->peer_mac, 6);
    memcpy(f + 6, p->c->mac, 6);
    put16(f + 12, 0x0806);
    memcpy(f + 14, head, 8);
    f[21] = reply ? 2 : 1;
    memcpy(f + 22, p->c->mac, 6);
    memcpy(f + 28, p->ip, 4);
    memset(f + 32, 0, 6);
    if (reply)
        memcpy(f + 32, p->peer_mac, 6);
    memcpy(f + 38, p->peer_ip, 4);
    p->out_len = ARP_LEN;
}

static int send_out(struct pinger *p)
{
    static const struct nf_meta plain;
    int rc = nf_send(p->c, &p->c->queue[0], p->out, p->out_len, &plain, NULL);

    return rc ? rc : nf_push(p->c, &p->c->queue[0]);
}

static void on_arp(struct pinger *p, const uint8_t *f)
{
    if (memcmp(f + 28, p->peer_ip, 4) != 0 || memcmp(f + 38, p->ip, 4) != 0)
        return;
    memcpy(p->peer_mac, f + 22, 6);
    if (f[21] == 2) {
        p->has_mac = true;
        return;
    }
    /* It asks for us, before it answers. */
    uint8_t kept[sizeof(p->out)];
    uint32_t kept_len = p->out_len;

    memcpy(kept, p->out, kept_len);
    build_arp(p, true);
    (void)!send_out(p);
    memcpy(p->out, kept, kept_len);
    p->out_len = kept_len;
}

/* ---- ICMP ---- */

static void build_echo(struct pinger *p, uint32_t payload, uint16_t sequence)
{
    uint8_t *ip = p->out + ETHER, *icmp = ip + IP_LEN;
    uint64_t random = sequence + 1u;

    memcpy(p->out, p->peer_mac, 6);
    memcpy(p->out + 6, p->c->mac, 6);
    put16(p->out + 12, 0x0800);
    memset(ip, 0, IP_LEN + ICMP_LEN);
    ip[0] = 0x45;
    put16(ip + 2, IP_LEN + ICMP_LEN + payload);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, p->ip, 4);
    memcpy(ip + 16, p->peer_ip, 4);
    put16(ip + 10, (uint16_t)~frame_sum(ip, IP_LEN, 0));
    icmp[0] = 8;
    put16(icmp + 4, 0x6472);
    put16(icmp + 6, sequence);
    for (uint32_t i = 0; i < payload; i++)
        icmp[ICMP_LEN + i] = (uint8_t)frame_random(&random);
    put16(icmp + 2, (uint16_t)~frame_sum(icmp, ICMP_LEN + payload, 0));
    p->out_len = ETHER + IP_LEN + ICMP_LEN + payload;
}

static void on_echo(struct pinger *p, const uint8_t *f, uint32_t len)
{
    const uint8_t *ip = f + ETHER, *icmp = ip + IP_LEN, *mine = p->out + ETHER + IP_LEN;
    uint32_t n = p->out_len - ETHER - IP_LEN;

    if (len != p->out_len || ip[9] != 1 || icmp[0] != 0 || memcmp(icmp + 4, mine + 4, n - 4) != 0)
        return;
    p->answered = frame_sum(icmp, n, 0) == 0xffff && frame_sum(ip, IP_LEN, 0) == 0xffff;
}

static void on_frame(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    struct pinger *p = arg;

    (void)q;
    if (x->len >= ARP_LEN && x->data[12] == 8 && x->data[13] == 6)
        on_arp(p, x->data);
    else if (x->len >= ETHER + IP_LEN + ICMP_LEN && x->data[12] == 8 && x->data[13] == 0)
        on_echo(p, x->data, x->len);
}

static int await(struct pinger *p, const bool *flag, const char *what)
{
    uint64_t end = clock_ns() + (uint64_t)WAIT_MS * 1000000;
    uint64_t again = 0;
    int rc = 0;

    while (rc >= 0 && !*flag) {
        if (clock_ns() > end)
            return front_fail(&p->c->f, -ETIMEDOUT, "no answer to %s", what);
        if (clock_ns() > again) {
            again = clock_ns() + 500000000;
            rc = send_out(p);
        }
        if (rc >= 0)
            rc = nf_poll(p->c, 100);
    }
    return MIN(rc, 0);
}

int ping(struct nf_conn *c, const char *address, const struct traffic_options *o)
{
    static struct pinger p;
    uint32_t most = o->mtu - IP_LEN - ICMP_LEN;
    uint64_t began = clock_ns();
    int rc;

    memset(&p, 0, sizeof(p));
    p.c = c;
    memcpy(p.ip, (const uint8_t[]){10, 0, c->mac[4], c->mac[5]}, 4);
    if (inet_pton(AF_INET, address, p.peer_ip) != 1)
        return front_fail(&c->f, -EINVAL, "not an IPv4 address: %s", address);
    c->on_frame = on_frame;
    c->on_frame_arg = &p;
    build_arp(&p, false);
    rc = await(&p, &p.has_mac, "ARP");
    for (uint16_t i = 0; i < 20 && !rc; i++) {
        char what[48];
        uint32_t size = i == 19 ? most : most * i / 19;

        p.answered = false;
        build_echo(&p, size, i);
        snprintf(what, sizeof(what), "an echo request of %u bytes", size);
        rc = await(&p, &p.answered, what);
    }
    c->on_frame = NULL;
    if (!rc)
        printf("ping ok: 20 echo requests of up to %u bytes, %.0f us each\n", most,
               (double)(clock_ns() - began) / 20e3);
    return rc;
}
