/* See traffic.h. */
#include "frontends/net/traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/net/io.h"
#include "transport/base/log.h"

enum {
    /* On their way at most: what any port keeps for a slow guest, should it have to cut the
       frames to segments first.  A port may drop more, and here nothing is sent twice. */
    WINDOW_SEGMENTS = 48,
    DEPTH_MAX = 64,
    QUIET_MS = 5000, /* nothing came back for so long: it is lost */
    WRITE_OFF_MS = 100,
    PACED_POLL_MS = 5,
    GSO_MAX = 60000,
    HELLO_MS = 5000, /* Linux may take a second until a port with a new link forwards */
};

/* One flow of a verification: where it is in its stream, and which frames are on their way. */
struct lane {
    struct frame_flow flow;
    struct nf_queue *q;
    uint32_t sent, back; /* stream bytes */
    struct {
        uint32_t end, segments;
        uint64_t ns;
    } frame[DEPTH_MAX];
    uint32_t first, count; /* of frame[] */
};

struct verify {
    struct nf_conn *c;
    const struct traffic_options *o;
    struct traffic_result *r;
    struct lane lane[FRAME_FLOWS];
    unsigned nr_lanes;
    uint64_t random;
    uint32_t out, out_segments; /* on their way */
    uint64_t last_ns;
    int err;
    uint8_t buf[NF_TX_FRAME_MAX + FRAME_HEADERS_MAX];
};

/* ---- what comes back ---- */

static void spoilt(struct verify *v, const struct frame_seen *s, const char *what)
{
    if (!v->err)
        v->err = front_fail(&v->c->f, -EBADMSG, "flow %u (%s), byte %u, %u bytes: %s", s->flow,
                            frame_kind_name(s->kind), s->offset, s->len, what);
}

static void came_back(struct verify *v, struct lane *l, const struct frame_seen *s, uint64_t now)
{
    l->back += s->len;
    v->r->bytes_back += s->len;
    v->last_ns = now;
    while (l->count > 0 && (int32_t)(l->back - l->frame[l->first].end) >= 0) {
        hist_add(&v->r->rtt, now - l->frame[l->first].ns);
        v->out_segments -= l->frame[l->first].segments;
        l->first = (l->first + 1) % DEPTH_MAX;
        l->count--;
        v->out--;
        v->r->back++;
    }
}

/* Is this what has to come next?  Lossy: what is missing never comes, what is old is left out. */
static bool next_of_flow(struct verify *v, struct lane *l, const struct frame_seen *s)
{
    bool ahead = s->offset - l->back < 0x80000000;

    if (s->offset == l->back)
        return true;
    if (!v->o->lossy) {
        spoilt(v, s, ahead ? "bytes before it are missing" : "twice");
        return false;
    }
    v->r->gaps += ahead;
    v->r->twice += !ahead;
    if (ahead)
        l->back = s->offset;
    return ahead;
}

static void on_back(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    struct verify *v = arg;
    struct frame_seen s;
    struct lane *l;

    (void)q;
    /* Others' frames may be flooded to us: not ours to judge. */
    if (memcmp(x->data, v->c->mac, 6) != 0 ||
        !frame_parse(x->data, x->len, x->meta.csum_blank, &s) || !s.back || s.flow >= v->nr_lanes)
        return;
    l = &v->lane[s.flow];
    if (s.kind != l->flow.kind)
        return;
    if (s.wrong)
        spoilt(v, &s, s.why);
    else if (traffic_refused_blank(v->c, x, s.kind))
        spoilt(v, &s, "a blank checksum that was not accepted");
    else if (!v->o->no_check && !frame_payload_ok(&s, l->flow.seed))
        spoilt(v, &s, "the payload is not what was sent");
    else if (s.len > l->sent - s.offset)
        spoilt(v, &s, "more than was sent");
    else if (next_of_flow(v, l, &s))
        came_back(v, l, &s, clock_ns());
}

/* ---- what goes out ---- */

static bool wants_gso(const struct verify *v, enum frame_kind k, uint64_t r)
{
    const struct nf_conn *c = v->c;

    if (v->o->plain && v->o->size <= v->o->mtu + FRAME_ETHER)
        return false;
    if (k == FRAME_TCP4 ? !(c->offer.gso4 && c->want.gso4)
                        : k != FRAME_TCP6 || !(c->offer.gso6 && c->want.gso6))
        return false;
    return (v->o->size > v->o->mtu + FRAME_ETHER || (r & 3) == 0) && c->want.sg && c->offer.sg;
}

static bool wants_blank(const struct verify *v, enum frame_kind k, uint64_t r)
{
    const struct nf_conn *c = v->c;

    if (k == FRAME_RAW)
        return false;
    if (k == FRAME_UDP4 || k == FRAME_TCP4 ? c->offer.no_csum4 || !c->want.csum4
                                           : !c->offer.csum6 || !c->want.csum6)
        return false;
    return v->o->plain || r & 4;
}

/* Length of the payload, and what goes with it. */
static uint32_t shape(struct verify *v, enum frame_kind k, struct nf_meta *m)
{
    uint64_t r = frame_random(&v->random);
    uint32_t head = frame_header_len(k), most = v->o->mtu + FRAME_ETHER - head, n;

    memset(m, 0, sizeof(*m));
    m->csum_blank = wants_blank(v, k, r);
    m->validated = r & 8;
    if (wants_gso(v, k, r)) {
        m->csum_blank = true;
        m->gso_type = k == FRAME_TCP4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
        m->gso_size = (uint16_t)(v->o->plain ? most : 536 + (r >> 40) % (most - 535));
        most = MIN((uint32_t)GSO_MAX, m->gso_size * (uint32_t)(WINDOW_SEGMENTS - 8));
    }
    if (v->o->size)
        return MAX(MIN(v->o->size, most + head), head + 1 + m->gso_size) - head;
    n = 1 + (uint32_t)(r >> 16) % (r & 16 ? most : 64);
    /* One segment only is none. */
    return r & 32 && !m->gso_type ? most : MAX(MIN(n, most), m->gso_size + 1u);
}

static int send_one(struct verify *v, struct lane *l)
{
    struct nf_meta m;
    uint32_t n = shape(v, l->flow.kind, &m), len;
    uint32_t segments = m.gso_type ? (n + m.gso_size - 1) / m.gso_size : 1;
    uint64_t *random = v->o->plain ? NULL : &v->random;
    unsigned at;
    int rc;

    if (v->out > 0 && v->out_segments + segments > MAX(v->o->depth, (unsigned)WINDOW_SEGMENTS))
        return -EAGAIN;
    len = frame_build(&l->flow, l->sent, n, m.csum_blank, v->buf);
    rc = nf_send(v->c, l->q, v->buf, len, &m, random);
    if (rc)
        return rc;
    l->sent += n;
    at = (l->first + l->count++) % DEPTH_MAX;
    l->frame[at].end = l->sent;
    l->frame[at].segments = segments;
    l->frame[at].ns = clock_ns();
    v->out++;
    v->out_segments += segments;
    v->r->sent++;
    v->r->bytes_sent += n;
    v->r->segmented += m.gso_type != 0;
    return 0;
}

static bool enough(const struct verify *v, uint64_t began)
{
    if (v->o->frames)
        return v->r->sent >= v->o->frames;
    return clock_ns() - began >= (uint64_t)v->o->seconds * 1000000000;
}

static bool is_due(const struct verify *v, uint64_t began)
{
    return !v->o->rate || v->r->sent * 1000000000 / v->o->rate <= clock_ns() - began;
}

static int fill(struct verify *v, uint64_t began)
{
    int rc = 0;

    while (!rc && v->out < MIN(v->o->depth, (unsigned)DEPTH_MAX) && !enough(v, began) &&
           is_due(v, began))
        rc = send_one(v, &v->lane[frame_random(&v->random) % v->nr_lanes]);
    for (unsigned i = 0; i < v->c->nr_queues && (!rc || rc == -EAGAIN); i++) {
        int err = nf_push(v->c, &v->c->queue[i]);

        rc = err ? err : rc;
    }
    return rc == -EAGAIN ? 0 : rc;
}

/* A flow for each kind on each queue. */
static void make_lanes(struct verify *v)
{
    for (unsigned i = 0; i < v->c->nr_queues; i++) {
        for (unsigned k = 0; k < FRAME_KINDS && v->nr_lanes < TRAFFIC_HELLO_FLOW; k++) {
            struct lane *l = &v->lane[v->nr_lanes];

            /* Nothing tells raw frames' flows apart: several queues would mix them up. */
            if (!(v->o->kinds >> k & 1) || (k == FRAME_RAW && i > 0))
                continue;
            l->flow = (struct frame_flow){.kind = (enum frame_kind)k,
                                          .number = v->nr_lanes++,
                                          .seed = v->o->seed * 1000003 + v->nr_lanes};
            memcpy(l->flow.src, v->c->mac, 6);
            memcpy(l->flow.dst, v->o->to, 6);
            l->q = &v->c->queue[i];
        }
    }
}

/* Nothing comes any more: what is on its way is lost, and new frames may be sent. */
static void write_off(struct verify *v)
{
    for (unsigned i = 0; i < v->nr_lanes; i++) {
        v->lane[i].count = 0;
        v->lane[i].back = v->lane[i].sent;
    }
    v->r->gaps++;
    v->out = v->out_segments = 0;
}

static int run(struct verify *v)
{
    uint64_t began = clock_ns();
    int rc = 0;

    v->last_ns = began;
    while (!rc && !v->err && (!enough(v, began) || v->out > 0)) {
        rc = fill(v, began);
        if (!rc)
            rc = nf_poll(v->c, v->o->rate ? PACED_POLL_MS : 50);
        if (rc >= 0)
            rc = 0;
        if (v->o->lossy && v->out > 0 && clock_ns() - v->last_ns > (uint64_t)WRITE_OFF_MS * 1000000)
            write_off(v);
        if (v->out > 0 && clock_ns() - v->last_ns > (uint64_t)QUIET_MS * 1000000)
            break;
        if (v->out == 0)
            v->last_ns = clock_ns();
    }
    v->r->ns = clock_ns() - began;
    v->r->lost = v->out;
    for (unsigned i = 0; i < v->c->nr_queues; i++)
        v->r->refused += v->c->queue[i].tx_bad;
    if (rc || v->err)
        return rc ? rc : v->err;
    if (v->r->lost > v->o->allowed_loss)
        return front_fail(&v->c->f, -EBADMSG, "%u of %llu frames did not come back, %llu refused",
                          v->out, (unsigned long long)v->r->sent,
                          (unsigned long long)v->r->refused);
    return 0;
}

/* ---- the first frame ---- */

struct hello {
    struct nf_conn *c;
    bool back;
};

static void on_hello(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    struct hello *h = arg;
    struct frame_seen s;

    (void)q;
    h->back |= frame_parse(x->data, x->len, x->meta.csum_blank, &s) && s.back &&
               s.flow == TRAFFIC_HELLO_FLOW && memcmp(x->data, h->c->mac, 6) == 0;
}

int traffic_hello(struct nf_conn *c, const uint8_t to[6])
{
    struct frame_flow f = {.kind = FRAME_RAW, .number = TRAFFIC_HELLO_FLOW};
    struct hello h = {.c = c};
    static const struct nf_meta plain;
    uint64_t end = clock_ns() + (uint64_t)HELLO_MS * 1000000;
    uint8_t buf[128];
    uint32_t len;
    int rc = 0;

    memcpy(f.src, c->mac, 6);
    memcpy(f.dst, to, 6);
    len = frame_build(&f, 0, 50, false, buf);
    c->on_frame = on_hello;
    c->on_frame_arg = &h;
    while (rc >= 0 && !h.back && clock_ns() < end) {
        uint64_t again = clock_ns() + 50000000;

        rc = nf_send(c, &c->queue[0], buf, len, &plain, NULL);
        if (!rc)
            rc = nf_push(c, &c->queue[0]);
        while (rc >= 0 && !h.back && clock_ns() < again)
            rc = nf_poll(c, 10);
    }
    /* Until our own are answered the ring is not at rest. */
    while (rc >= 0 && nf_tx_waiting(&c->queue[0]) > 0 && clock_ns() < end)
        rc = nf_poll(c, 10);
    c->on_frame = NULL;
    if (rc >= 0 && !h.back)
        return front_fail(&c->f, -ETIMEDOUT, "nothing comes back within %d ms of connecting",
                          HELLO_MS);
    return MIN(rc, 0);
}

int traffic_verify(struct nf_conn *c, const struct traffic_options *o, struct traffic_result *r)
{
    struct verify *v = calloc(1, sizeof(*v));
    int rc;

    memset(r, 0, sizeof(*r));
    if (!v)
        return -ENOMEM;
    v->c = c;
    v->o = o;
    v->r = r;
    v->random = o->seed + 1;
    make_lanes(v);
    rc = traffic_hello(c, o->to);
    if (rc) {
        free(v);
        return rc;
    }
    c->on_frame = on_back;
    c->on_frame_arg = v;
    rc = v->nr_lanes ? run(v) : front_fail(&c->f, -EINVAL, "no kind of frames");
    c->on_frame = NULL;
    free(v);
    return rc;
}

int traffic_quick(struct nf_conn *c, const uint8_t to[6], uint32_t mtu)
{
    static uint64_t seed = 77;
    static struct traffic_result r;
    struct traffic_options o = {
        .kinds = (1u << FRAME_KINDS) - 1, .frames = 60, .mtu = mtu, .depth = 8, .seed = seed++};

    memcpy(o.to, to, 6);
    return traffic_verify(c, &o, &r);
}
