/*
 * Catalogue, chapter N: the control ring.
 */
#include <errno.h>
#include <string.h>

#include "frontends/net/ctrl.h"
#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

enum {
    OK = XEN_NETIF_CTRL_STATUS_SUCCESS,
    NOT_SUPPORTED = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED,
    INVALID = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
    OVERFLOW = XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW,
    GREF_NONE = 0x7ffffff0,
};

struct ask {
    uint16_t type;
    uint32_t a, b, c;
    int status;
};

static enum row_result connect_ctrl(struct evil *e)
{
    if (nf_read_offer(e->c))
        return evil_wrong(e, "%s", e->c->f.why);
    if (!e->c->offer.ctrl)
        return evil_skip(e, "no control ring is offered");
    e->want.ctrl = true;
    return evil_connect(e);
}

static enum row_result ask_all(struct evil *e, const struct ask *asks, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct ask *k = &asks[i];
        uint32_t data = 0;
        int rc = nf_ctrl_call(e->c, k->type, k->a, k->b, k->c, &data);

        if (rc < 0)
            return evil_wrong(e, "request %u of type %u: %s", i, k->type, e->c->f.why);
        if (rc != k->status || (rc != OK && data != 0))
            return evil_wrong(e, "request %u of type %u: status %d, data %u", i, k->type, rc, data);
    }
    return ROW_OK;
}

/* ---- N20 ---- */

/* A ring that cannot be mapped, or half of one. */
static void bad_ctrl(struct nf_conn *c, void *arg)
{
    struct evil_key k = {VIF_FRONT_KEY_CTRL_RING_REF, "2147483632"};

    if (arg)
        k = (struct evil_key){VIF_FRONT_KEY_EVENT_CHANNEL_CTRL, NULL};
    if (k.value)
        evil_set_key(c, &k);
    else
        evil_rm_key(c, &k);
}

static void shared_port(struct nf_conn *c, void *arg)
{
    (void)arg;
    (void)!vif_front_set_event_channel_ctrl(c->f.store, 0, c->f.dir, c->queue[0].port[0].port);
}

static void shared_page(struct nf_conn *c, void *arg)
{
    (void)arg;
    (void)!vif_front_set_ctrl_ring_ref(c->f.store, 0, c->f.dir, c->queue[0].tx_ref);
}

/* A ring full of one id, answered one by one. */
static enum row_result one_id(struct evil *e)
{
    struct ring *r = &e->c->ctrl.ring;
    unsigned n = ring_front_space(r), got = 0;
    struct xen_netif_ctrl_request req = {.id = 7, .type = 99};
    struct xen_netif_ctrl_response rsp;
    uint8_t raw[16];

    for (unsigned i = 0; i < n; i++)
        ring_front_put(r, &req, sizeof(req));
    if (ring_front_push(r))
        (void)!evtchn_notify(&e->c->f.ev, e->c->ctrl.port.port);
    for (unsigned ms = 0; ms < EVIL_REACT_MS && got < n; ms++) {
        while (ring_front_take(r, raw) == 1) {
            memcpy(&rsp, raw, sizeof(rsp));
            if (rsp.id != 7 || rsp.type != 99 || rsp.status != NOT_SUPPORTED)
                return evil_wrong(e, "answer %u: id %u, type %u, status %u", got, rsp.id, rsp.type,
                                  rsp.status);
            got++;
        }
        evil_sleep(1);
    }
    return got == n ? ROW_OK : evil_wrong(e, "%u of %u requests were answered", got, n);
}

static enum row_result n20(struct evil *e)
{
    static const struct ask asks[] = {
        {0, 0, 0, 0, NOT_SUPPORTED},
        {11, 1, 2, 3, NOT_SUPPORTED},
        {0xffff, 0, 0, 0, NOT_SUPPORTED},
        {XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0, 0, 0, NOT_SUPPORTED},
        {XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 1, 0, 0, NOT_SUPPORTED},
    };

    ROW_TRY(connect_ctrl(e));
    ROW_TRY(ask_all(e, asks, ARRAY_SIZE(asks)));
    ROW_TRY(one_id(e));
    ROW_TRY(evil_serves(e));
    /* Its index runs away. */
    ring_raw_set(&e->c->ctrl.ring, 0, e->c->ctrl.ring.prod + 10000);
    (void)!evtchn_notify(&e->c->f.ev, e->c->ctrl.port.port);
    ROW_TRY(evil_closes(e));
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_refused(e, bad_ctrl, NULL));
    ROW_TRY(evil_refused(e, bad_ctrl, e));
    ROW_TRY(evil_refused(e, shared_port, NULL));
    return evil_refused(e, shared_page, NULL);
}

/* ---- N21 ---- */

struct scribble {
    volatile uint32_t *entry;
};

static void scribble(void *arg, uint64_t round)
{
    struct scribble *s = arg;

    s->entry[round % NF_HASH_MAPPING] = round & 1 ? 0 : 0xffffffff;
}

/* The table changes while it is taken: it is taken as it was at one moment, or refused. */
static enum row_result changing_table(struct evil *e)
{
    struct scribble s = {.entry = e->c->ctrl.page};
    enum row_result result = ROW_OK;
    struct twin twin;

    memset(e->c->ctrl.page, 0, NF_PAGE);
    if (twin_start(&twin, scribble, &s))
        return evil_wrong(e, "no second thread");
    for (unsigned i = 0; i < 100 && result == ROW_OK; i++) {
        uint32_t data;
        int rc = nf_ctrl_call(e->c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, e->c->ctrl.page_ref,
                              NF_HASH_MAPPING, 0, &data);

        if (rc != OK && rc != INVALID)
            result = evil_wrong(e, "a changing table: status %d", rc);
    }
    twin_stop(&twin);
    return result;
}

static enum row_result n21(struct evil *e)
{
    uint32_t ref;

    ROW_TRY(connect_ctrl(e));
    ref = e->c->ctrl.page_ref;
    memset(e->c->ctrl.page, 0xff, NF_PAGE); /* queues that are not there */
    {
        const struct ask asks[] = {
            {XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 2, 0, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 0xffffffff, 0, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 1, 0, 0, OK},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 16, 0, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, ref, 41, 0, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, ref, 4097, 0, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, ref, 0xffffffff, 0, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, GREF_NONE, 40, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, GREF_NONE, 0, 0, OK},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 1, 0, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 0xffffffff, 0, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 129, 0, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 128, 0, 0, OK},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 129, 0, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 2, 127, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 2, 0xffffffff, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 0xffffffff, 2, OVERFLOW},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, ref, 128, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, GREF_NONE, 128, 0, INVALID},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 15, 0, 0, OK},
        };

        e->c->rules.hash = true; /* from the last one on */
        ROW_TRY(ask_all(e, asks, ARRAY_SIZE(asks)));
    }
    ROW_TRY(changing_table(e));
    return evil_serves(e);
}

/* ---- N22 ---- */

static enum row_result n22(struct evil *e)
{
    const struct ask flood[] = {
        {XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0, 0, 0, NOT_SUPPORTED},
        {XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0, 1, 512, NOT_SUPPORTED},
        {XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, 0, 1, 0xffffffff, NOT_SUPPORTED},
    };

    ROW_TRY(connect_ctrl(e));
    for (unsigned i = 0; i < 200; i++)
        ROW_TRY(ask_all(e, flood, ARRAY_SIZE(flood)));
    /* Events without a request, then a hash set all the time: others are served meanwhile. */
    for (unsigned i = 0; i < 2000; i++)
        (void)!evtchn_notify(&e->c->f.ev, e->c->ctrl.port.port);
    e->c->rules.hash = true;
    for (unsigned i = 0; i < 300; i++) {
        const struct ask set[] = {
            {XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 1, 0, 0, OK},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 1 + i % 128, 0, 0, OK},
            {XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, i & 15, 0, 0, OK},
        };

        ROW_TRY(ask_all(e, set, ARRAY_SIZE(set)));
    }
    return evil_serves(e);
}

const struct row evil_ctrls[] = {
    {"N20", "the control ring: unknown requests, one id, a bad ring",
     "not supported; closed for a bad ring", n20, NULL},
    {"N21", "its hash key and mapping out of bounds", "refused", n21, NULL},
    {"N22", "its grants without end, a storm of it", "not supported, served on", n22, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
