/* See traffic.h: who answers, and who only listens. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/io.h"
#include "frontends/net/traffic.h"
#include "transport/base/log.h"

bool traffic_refused_blank(const struct nf_conn *c, const struct nf_rx *x, enum frame_kind k)
{
    bool v6 = k == FRAME_UDP6 || k == FRAME_TCP6;

    return x->meta.csum_blank && !(v6 ? c->rules.csum6 : c->rules.csum4);
}

/* ---- the other end ---- */

struct echo {
    struct nf_conn *c;
    struct traffic_result *r;
    uint64_t bad;
};

static volatile sig_atomic_t told_to_stop;

static void on_signal(int sig)
{
    (void)sig;
    told_to_stop = 1;
}

/* A burst may be larger than our ring: then the backend gets a moment to empty it. */
static int send_back(struct echo *e, struct nf_queue *q, const struct nf_rx *x,
                     const struct nf_meta *m)
{
    int rc = nf_send(e->c, q, x->data, x->len, m, NULL);

    for (int i = 0; rc == -EAGAIN && i < 1000; i++) {
        rc = nf_push(e->c, q);
        if (!rc)
            rc = nf_reap(e->c, q);
        if (rc == 0)
            usleep(100);
        if (rc >= 0)
            rc = nf_send(e->c, q, x->data, x->len, m, NULL);
    }
    return rc;
}

static void on_echo(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    struct echo *e = arg;
    struct nf_meta m = x->meta;
    struct frame_seen s;

    if (memcmp(x->data, e->c->mac, 6) != 0 ||
        !frame_parse(x->data, x->len, x->meta.csum_blank, &s) || s.back)
        return;
    if (!s.wrong && traffic_refused_blank(e->c, x, s.kind)) {
        s.wrong = true;
        s.why = "a blank checksum that was not accepted";
    }
    if (s.wrong) {
        if (e->bad++ == 0)
            front_fail(&e->c->f, 0, "flow %u (%s), byte %u, %u bytes, blank %d, gso %u: %s", s.flow,
                       frame_kind_name(s.kind), s.offset, s.len, x->meta.csum_blank,
                       x->meta.gso_size, s.why);
        return;
    }
    frame_reverse(x->data, &s);
    if (send_back(e, q, x, &m))
        e->r->lost++;
    else
        e->r->back++;
    e->r->bytes_back += s.len;
}

int traffic_echo(struct nf_conn *c, const struct traffic_options *o, struct traffic_result *r)
{
    struct echo e = {.c = c, .r = r};
    uint64_t began = clock_ns();
    int rc = 0;

    memset(r, 0, sizeof(*r));
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    c->on_frame = on_echo;
    c->on_frame_arg = &e;
    while (rc >= 0 && !told_to_stop &&
           (!o->seconds || clock_ns() - began < (uint64_t)o->seconds * 1000000000)) {
        rc = nf_poll(c, 200);
        for (unsigned i = 0; i < c->nr_queues && rc >= 0; i++) {
            int err = nf_push(c, &c->queue[i]);

            rc = err ? err : rc;
        }
    }
    c->on_frame = NULL;
    r->ns = clock_ns() - began;
    if (rc >= 0 && e.bad)
        return -EBADMSG;
    return rc < 0 ? rc : 0;
}

/* ---- who is spoken to ---- */

struct heard {
    uint64_t own, all, group;
};

static void on_heard(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct heard *h = arg;

    (void)q;
    if (!(x->data[0] & 1))
        h->own++;
    else if (memcmp(x->data, broadcast, sizeof(broadcast)) == 0)
        h->all++;
    else
        h->group++;
}

int traffic_listen(struct nf_conn *c, const struct traffic_options *o)
{
    uint64_t end = clock_ns() + (uint64_t)(o->seconds ? o->seconds : 3) * 1000000000;
    struct heard h = {0};
    int rc = 0;

    c->on_frame = on_heard;
    c->on_frame_arg = &h;
    while (rc >= 0 && clock_ns() < end)
        rc = nf_poll(c, 50);
    c->on_frame = NULL;
    if (rc < 0)
        return rc;
    printf("heard: own %llu, all %llu, group %llu\n", (unsigned long long)h.own,
           (unsigned long long)h.all, (unsigned long long)h.group);
    return 0;
}
