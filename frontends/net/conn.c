/* See conn.h. */
#include "frontends/net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/net/ctrl.h"
#include "frontends/net/io.h"
#include "schema/vif.h"

/* ---- what the backend offers ---- */

int nf_read_offer(struct nf_conn *c)
{
    struct nf_offer o = {0};
    const struct {
        int (*get)(struct store *s, store_txn t, const char *dir, bool *v);
        bool *v;
    } flags[] = {
        {vif_back_get_feature_rx_copy, &o.rx_copy},
        {vif_back_get_feature_sg, &o.sg},
        {vif_back_get_feature_gso_tcpv4, &o.gso4},
        {vif_back_get_feature_gso_tcpv6, &o.gso6},
        {vif_back_get_feature_no_csum_offload, &o.no_csum4},
        {vif_back_get_feature_ipv6_csum_offload, &o.csum6},
        {vif_back_get_feature_multicast_control, &o.mcast},
        {vif_back_get_feature_dynamic_multicast_control, &o.mcast_dynamic},
        {vif_back_get_feature_split_event_channels, &o.split},
        {vif_back_get_feature_ctrl_ring, &o.ctrl},
        {vif_back_get_feature_xdp_headroom, &o.xdp},
    };
    int rc = vif_back_get_multi_queue_max_queues(c->f.store, 0, c->f.back, &o.queues);

    for (unsigned i = 0; i < ARRAY_SIZE(flags) && !rc; i++)
        rc = flags[i].get(c->f.store, 0, c->f.back, flags[i].v);
    if (rc == -EINVAL)
        return front_fail(&c->f, rc, "backend: %s", schema_last_error());
    if (rc)
        return front_fail(&c->f, rc, "backend directory %s: %s", c->f.back, strerror(-rc));
    c->offer = o;
    return 0;
}

void nf_want_limit(struct nf_want *w)
{
    const struct profile *p = w->profile;

    w->split &= p->split;
    w->sg &= p->sg;
    w->gso4 &= p->gso4;
    w->gso6 &= p->gso6;
    w->csum4 &= p->csum4;
    w->csum6 &= p->csum6;
    w->rx_notify &= p->rx_notify;
    w->mcast &= p->mcast;
    if (p->queues == QUEUES_NONE)
        w->queues = 1;
}

static int choose(struct nf_conn *c)
{
    const struct nf_offer *o = &c->offer;
    struct nf_want *w = &c->want;
    unsigned queues = MIN(MIN(MAX(w->queues, 1u), o->queues), (unsigned)NF_QUEUES_MAX);
    bool less = queues < w->queues || (w->split && !o->split) || (w->sg && !o->sg) ||
                (w->gso4 && !o->gso4) || (w->gso6 && !o->gso6) || (w->mcast && !o->mcast) ||
                (w->headroom && !o->xdp) || (w->ctrl && !o->ctrl);

    if (!o->rx_copy)
        return front_fail(&c->f, -EOPNOTSUPP, "the backend does not copy to us");
    if (w->exact && less)
        return front_fail(&c->f, -EOPNOTSUPP, "less is offered than was asked for");
    c->nr_queues = queues;
    w->split &= o->split;
    w->mcast &= o->mcast;
    w->ctrl &= o->ctrl;
    w->hash &= w->ctrl;
    w->headroom = o->xdp ? w->headroom : 0;
    c->rules = (struct nf_rx_rules){.sg = w->sg,
                                    .csum4 = w->csum4,
                                    .csum6 = w->csum6,
                                    .gso4 = w->gso4 && w->sg && w->csum4,
                                    .gso6 = w->gso6 && w->sg && w->csum6,
                                    .headroom = w->headroom};
    return 0;
}

/* ---- rings, ports, pages ---- */

/* Tests the wrap of the indexes without 2^32 requests: a ring may start anywhere, the backend takes
 * it up at rsp_prod. */
static void set_base(struct ring *r, uint32_t base)
{
    ring_raw_set(r, 0, base);
    ring_raw_set(r, 1, base + 1);
    ring_raw_set(r, 2, base);
    ring_raw_set(r, 3, base + 1);
    r->cons = r->prod = r->pushed = r->seen = base;
}

static int make_ring(struct nf_conn *c, struct ring *r, void **mem, uint32_t *ref, uint32_t slot)
{
    *mem = share_pages(&c->f.share, c->f.back_domid, 1, ref, true);
    if (!*mem)
        return front_fail(&c->f, -errno, "a page for a ring cannot be shared: %s", strerror(errno));
    ring_front_init(r, *mem, NF_PAGE, slot);
    if (c->want.ring_base)
        set_base(r, c->want.ring_base);
    return 0;
}

static int make_pages(struct nf_conn *c, struct nf_queue *q)
{
    const struct profile *p = c->want.profile;
    unsigned tx_max = p->tx_max ? p->tx_max : NF_PAGES_MAX;
    unsigned rx_max = p->rx_max ? p->rx_max : NF_PAGES_MAX;

    q->nr_pages = MIN(NF_PAGES_TOTAL / 2 / c->nr_queues, (unsigned)NF_PAGES_MAX);
    for (int dir = 0; dir < 2; dir++) {
        q->pages_mem[dir] =
            share_pages(&c->f.share, c->f.back_domid, q->nr_pages, q->pages_ref[dir], true);
        if (!q->pages_mem[dir])
            return front_fail(&c->f, -errno, "%u pages cannot be shared: %s", q->nr_pages,
                              strerror(errno));
    }
    q->nr_tx_free = q->nr_rx_free = 0;
    for (uint32_t i = 0; i < MIN(q->nr_pages, tx_max); i++)
        q->tx_free[q->nr_tx_free++] = (uint16_t)i;
    for (uint32_t i = 0; i < MIN(q->nr_pages, rx_max); i++)
        q->rx_free[q->nr_rx_free++] = (uint16_t)i;
    return 0;
}

static int make_queue(struct nf_conn *c, struct nf_queue *q)
{
    int rc = make_ring(c, &q->tx, &q->tx_mem, &q->tx_ref, NF_TX_SLOT);

    if (!rc)
        rc = make_ring(c, &q->rx, &q->rx_mem, &q->rx_ref, NF_RX_SLOT);
    if (!rc)
        rc = front_port_open(&c->f, &q->port[0]);
    if (!rc && c->want.split)
        rc = front_port_open(&c->f, &q->port[1]);
    q->frame.open = false;
    q->tx_bad = 0;
    return rc ? rc : make_pages(c, q);
}

int nf_prepare(struct nf_conn *c, const struct nf_want *w)
{
    int rc;

    c->want = *w;
    c->f.timeout_ms = w->timeout_ms;
    c->broken = false;
    rc = choose(c);
    for (unsigned i = 0; i < c->nr_queues && !rc; i++) {
        c->queue[i].index = i;
        rc = make_queue(c, &c->queue[i]);
        if (!rc && !w->no_buffers)
            rc = nf_post(c, &c->queue[i], NF_RING_SLOTS);
    }
    if (!rc && c->want.ctrl)
        rc = nf_ctrl_make(c);
    if (rc)
        nf_release(c);
    return rc;
}

static void end_share(struct nf_conn *c, void **mem, uint32_t n)
{
    if (*mem)
        (void)share_end(&c->f.share, *mem, n);
    *mem = NULL;
}

void nf_release(struct nf_conn *c)
{
    for (unsigned i = 0; i < NF_QUEUES_MAX; i++) {
        struct nf_queue *q = &c->queue[i];

        front_port_close(&c->f, &q->port[0]);
        front_port_close(&c->f, &q->port[1]);
        end_share(c, &q->tx_mem, 1);
        end_share(c, &q->rx_mem, 1);
        end_share(c, &q->pages_mem[0], q->nr_pages);
        end_share(c, &q->pages_mem[1], q->nr_pages);
    }
    nf_ctrl_release(c);
    c->nr_queues = 0;
}

/* ---- our keys ---- */

static int put_queue(struct nf_conn *c, store_txn t, const char *dir, const struct nf_queue *q)
{
    struct store *s = c->f.store;
    int rc = vif_front_set_tx_ring_ref(s, t, dir, q->tx_ref);

    if (!rc)
        rc = vif_front_set_rx_ring_ref(s, t, dir, q->rx_ref);
    if (rc)
        return rc;
    if (!q->port[1].port)
        return vif_front_set_event_channel(s, t, dir, q->port[0].port);
    rc = vif_front_set_event_channel_tx(s, t, dir, q->port[0].port);
    return rc ? rc : vif_front_set_event_channel_rx(s, t, dir, q->port[1].port);
}

static int put_features(struct nf_conn *c, store_txn t)
{
    const struct nf_want *w = &c->want;
    const struct profile *p = w->profile;
    const struct {
        bool says, value;
        int (*set)(struct store *s, store_txn t, const char *dir, bool v);
        int (*rm)(struct store *s, store_txn t, const char *dir);
    } keys[] = {
        {true, true, vif_front_set_request_rx_copy, vif_front_rm_request_rx_copy},
        {w->rx_notify, true, vif_front_set_feature_rx_notify, vif_front_rm_feature_rx_notify},
        {w->sg, true, vif_front_set_feature_sg, vif_front_rm_feature_sg},
        {w->gso4, true, vif_front_set_feature_gso_tcpv4, vif_front_rm_feature_gso_tcpv4},
        {w->gso6, true, vif_front_set_feature_gso_tcpv6, vif_front_rm_feature_gso_tcpv6},
        {w->csum6, true, vif_front_set_feature_ipv6_csum_offload,
         vif_front_rm_feature_ipv6_csum_offload},
        {!w->csum4 || p->says_csum4, !w->csum4, vif_front_set_feature_no_csum_offload,
         vif_front_rm_feature_no_csum_offload},
        {w->mcast, true, vif_front_set_request_multicast_control,
         vif_front_rm_request_multicast_control},
        {p->says_persistent, true, vif_front_set_feature_persistent,
         vif_front_rm_feature_persistent},
    };
    int rc = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(keys) && !rc; i++)
        rc = keys[i].says ? keys[i].set(c->f.store, t, c->f.dir, keys[i].value)
                          : keys[i].rm(c->f.store, t, c->f.dir);
    if (!rc && p->says_vifname)
        rc = vif_front_set_vifname(c->f.store, t, c->f.dir, "xennet0");
    if (!rc && w->headroom)
        rc = vif_front_set_xdp_headroom(c->f.store, t, c->f.dir, w->headroom);
    if (!rc && c->ctrl.mem)
        rc = vif_front_set_ctrl_ring_ref(c->f.store, t, c->f.dir, c->ctrl.ref);
    if (!rc && c->ctrl.mem)
        rc = vif_front_set_event_channel_ctrl(c->f.store, t, c->f.dir, c->ctrl.port.port);
    return rc;
}

/* Whatever an earlier connection left must not be taken for this one's. */
static int clear_keys(struct nf_conn *c, store_txn t)
{
    static int (*const rm[])(struct store *, store_txn, const char *) = {
        vif_front_rm_tx_ring_ref,      vif_front_rm_rx_ring_ref,
        vif_front_rm_event_channel,    vif_front_rm_event_channel_tx,
        vif_front_rm_event_channel_rx, vif_front_rm_multi_queue_num_queues,
        vif_front_rm_ctrl_ring_ref,    vif_front_rm_event_channel_ctrl,
        vif_front_rm_xdp_headroom,
    };
    char sub[STORE_PATH_MAX];
    int rc = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(rm) && !rc; i++)
        rc = rm[i](c->f.store, t, c->f.dir);
    for (unsigned i = 0; i < NF_QUEUES_MAX && !rc; i++) {
        vif_front_queue_dir(sub, sizeof(sub), c->f.dir, i);
        rc = store_rm(c->f.store, t, sub);
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

static int put_keys(void *arg, store_txn t)
{
    struct nf_conn *c = arg;
    enum profile_queues how = c->want.profile->queues;
    bool in_dir = c->nr_queues > 1 || how == QUEUES_IN_DIR;
    char sub[STORE_PATH_MAX];
    int rc = clear_keys(c, t);

    if (!rc)
        rc = put_features(c, t);
    if (!rc && (c->nr_queues > 1 || how == QUEUES_ALWAYS || how == QUEUES_IN_DIR))
        rc = vif_front_set_multi_queue_num_queues(c->f.store, t, c->f.dir, c->nr_queues);
    if (!rc && !in_dir)
        rc = put_queue(c, t, c->f.dir, &c->queue[0]);
    for (unsigned i = 0; i < c->nr_queues && in_dir && !rc; i++) {
        vif_front_queue_dir(sub, sizeof(sub), c->f.dir, i);
        rc = put_queue(c, t, sub, &c->queue[i]);
    }
    return rc;
}

int nf_write_keys(struct nf_conn *c)
{
    return front_put_keys(&c->f, put_keys, c);
}

/* ---- all together ---- */

/* Linux's way to ask for room in front of received data: 7, the backend answers with 8, and back.
 */
static int ask_headroom(struct nf_conn *c)
{
    static const struct front_step steps[FRONT_STEPS] = {
        {XENBUS_RECONFIGURING, ST(RECONFIGURED), ST(CLOSING) | ST(CLOSED)},
        {XENBUS_CONNECTED, ST(CONNECTED), ST(CLOSING) | ST(CLOSED)},
    };

    return front_walk(&c->f, steps);
}

int nf_connect(struct nf_conn *c, const struct nf_want *w)
{
    int rc;

    c->f.why[0] = '\0';
    c->f.timeout_ms = w->timeout_ms;
    rc = front_walk(&c->f, w->profile->before);
    if (!rc)
        rc = front_demands(&c->f, w->profile->name, w->profile->demands, PROFILE_KEYS);
    if (!rc)
        rc = nf_read_offer(c);
    if (!rc)
        rc = nf_prepare(c, w);
    if (!rc)
        rc = nf_write_keys(c);
    if (!rc && w->tamper)
        w->tamper(c, w->tamper_arg);
    if (!rc)
        rc = front_walk(&c->f, w->profile->after);
    if (!rc && c->want.headroom)
        rc = ask_headroom(c);
    if (!rc && c->want.hash)
        rc = nf_hash_set(c);
    return rc;
}

int nf_disconnect(struct nf_conn *c)
{
    int rc = front_walk(&c->f, c->want.profile->close);

    nf_release(c);
    return rc;
}

int nf_reset(struct nf_conn *c)
{
    int rc;

    c->f.timeout_ms = 10000;
    rc = front_restart(&c->f);
    nf_release(c);
    return rc;
}

int nf_open(struct nf_conn *c, unsigned devid)
{
    int rc;

    memset(c, 0, sizeof(*c));
    rc = front_open(&c->f, "vif", devid);
    if (rc)
        return rc;
    /* OpenBSD's way: what the backend says.  A guest cannot have another one anyway. */
    rc = vif_back_get_mac(c->f.store, 0, c->f.back, c->mac);
    return rc ? front_fail(&c->f, rc, "backend: no MAC address: %s", strerror(-rc)) : 0;
}

void nf_fini(struct nf_conn *c)
{
    if (c->f.share.h)
        nf_release(c);
    front_fini(&c->f);
}
