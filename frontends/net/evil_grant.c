/*
 * Catalogue, chapter R, the part about what a connection is made of: ports and ring pages.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"

enum { GREF_NONE = 0x7ffffff0 };

static enum row_result refused_port(struct evil *e, const char *text)
{
    struct evil_key single = {VIF_FRONT_KEY_EVENT_CHANNEL, text};
    struct evil_key tx = {VIF_FRONT_KEY_EVENT_CHANNEL_TX, text};
    struct evil_key rx = {VIF_FRONT_KEY_EVENT_CHANNEL_RX, text};

    e->want.split = true;
    ROW_TRY(evil_refused(e, evil_set_key, &tx));
    ROW_TRY(evil_refused(e, evil_set_key, &rx));
    e->want.split = false;
    return evil_refused(e, evil_set_key, &single);
}

struct closed_port {
    int port;
};

/* Closed only now, so that none of ours has its number again. */
static void use_closed(struct nf_conn *c, void *arg)
{
    struct closed_port *p = arg;
    char text[16];
    struct evil_key k = {VIF_FRONT_KEY_EVENT_CHANNEL, text};

    (void)evtchn_unbind(&c->f.ev, (uint32_t)p->port);
    snprintf(text, sizeof(text), "%d", p->port);
    evil_set_key(c, &k);
}

static enum row_result r11(struct evil *e)
{
    static const char *const fixed[] = {"0", "1", "2147483648", "4294967295", "4095", "131071"};
    struct closed_port other;
    char text[16];

    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
        ROW_TRY(refused_port(e, fixed[i]));
    /* One that waits for somebody else. */
    other.port = evtchn_offer(&e->c->f.ev, 0);
    if (other.port < 0)
        return evil_wrong(e, "no port: %s", strerror(-other.port));
    snprintf(text, sizeof(text), "%d", other.port);
    if (e->c->f.back_domid != 0)
        ROW_TRY(refused_port(e, text));
    return evil_refused(e, use_closed, &other);
}

/* ---- ring pages ---- */

struct refs {
    bool rx;
    uint32_t ref;
};

static void set_ref(struct nf_conn *c, void *arg)
{
    const struct refs *r = arg;

    if (r->rx)
        (void)!vif_front_set_rx_ring_ref(c->f.store, 0, c->f.dir, r->ref);
    else
        (void)!vif_front_set_tx_ring_ref(c->f.store, 0, c->f.dir, r->ref);
}

static void set_refs_alike(struct nf_conn *c, void *arg)
{
    (void)arg;
    (void)!vif_front_set_rx_ring_ref(c->f.store, 0, c->f.dir, c->queue[0].tx_ref);
}

static enum row_result refused_ref(struct evil *e, uint32_t ref)
{
    ROW_TRY(evil_refused(e, set_ref, &(struct refs){false, ref}));
    return evil_refused(e, set_ref, &(struct refs){true, ref});
}

/* The ring is also the page of a frame: it may spoil its own ring, nothing else. */
static enum row_result ring_is_data(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);
    struct netif_tx_request r = {.size = 100};
    struct netif_rx_request rx = {.id = 1};

    ROW_TRY(evil_connect(e));
    r.gref = q->tx_ref;
    nf_raw_put(q, &r, sizeof(r));
    ROW_TRY(evil_answers(e, 1, 0, 0, NETIF_RSP_ERROR)); /* no source address of ours in there */
    ROW_TRY(evil_again(e));
    e->want.no_buffers = true;
    ROW_TRY(evil_connect(e));
    rx.gref = q->rx_ref; /* frames go over the rx ring itself */
    for (unsigned i = 0; i < 8; i++)
        ring_front_put(&q->rx, &rx, sizeof(rx));
    if (ring_front_push(&q->rx))
        (void)!evtchn_notify(&e->c->f.ev, q->port[q->port[1].port ? 1 : 0].port);
    for (uint16_t i = 0; i < 4; i++)
        nf_raw_tx(q, i, 0, 0, evil_good(e, FRAME_RAW, 60, false, 0), 0);
    (void)!nf_push(e->c, q);
    evil_sleep(EVIL_STEADY_MS);
    return ROW_OK;
}

static enum row_result r13(struct evil *e)
{
    static const uint32_t none[] = {60000, GREF_NONE, 0xffffffff};
    uint32_t ref;
    void *page;

    for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
        ROW_TRY(refused_ref(e, none[i]));
    page = share_pages(&e->c->f.share, e->c->f.back_domid, 1, &ref, false);
    if (!page)
        return evil_wrong(e, "no page: %s", strerror(errno));
    ROW_TRY(refused_ref(e, ref)); /* read-only */
    (void)share_end(&e->c->f.share, page, 1);
    ROW_TRY(evil_refused(e, set_refs_alike, NULL));
    return ring_is_data(e);
}

static enum row_result r14(struct evil *e)
{
    struct nf_queue *q = evil_queue(e);

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    (void)share_end(&e->c->f.share, q->tx_mem, 1);
    (void)share_end(&e->c->f.share, q->rx_mem, 1);
    q->tx_mem = q->rx_mem = NULL;
    (void)nf_kick(e->c, q);
    evil_sleep(EVIL_STEADY_MS);
    return front_state(&e->c->f) == XENBUS_CONNECTED ? ROW_OK : evil_closes(e);
}

static void use_other_queue(struct nf_conn *c, void *arg)
{
    const char *key = arg;
    char sub[STORE_PATH_MAX], path[STORE_PATH_MAX], value[16];

    vif_front_queue_dir(sub, sizeof(sub), c->f.dir, 1);
    schema_join(path, sizeof(path), sub, key);
    snprintf(value, sizeof(value), "%u",
             strcmp(key, VIF_FRONT_KEY_EVENT_CHANNEL_TX) == 0   ? c->queue[0].port[0].port
             : strcmp(key, VIF_FRONT_KEY_EVENT_CHANNEL_RX) == 0 ? c->queue[0].port[1].port
             : strcmp(key, VIF_FRONT_KEY_TX_RING_REF) == 0      ? c->queue[0].tx_ref
                                                                : c->queue[0].rx_ref);
    (void)!store_write(c->f.store, 0, path, value);
}

static enum row_result r15(struct evil *e)
{
    static const char *const keys[] = {VIF_FRONT_KEY_EVENT_CHANNEL_TX,
                                       VIF_FRONT_KEY_EVENT_CHANNEL_RX, VIF_FRONT_KEY_TX_RING_REF,
                                       VIF_FRONT_KEY_RX_RING_REF};
    struct evil_key half = {VIF_FRONT_KEY_EVENT_CHANNEL_RX, NULL};

    e->want.split = true;
    ROW_TRY(evil_refused(e, evil_rm_key, &half));
    if (e->c->offer.queues < 2)
        return ROW_OK;
    e->want.queues = 2;
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        ROW_TRY(evil_refused(e, use_other_queue, (void *)(uintptr_t)keys[i]));
    return ROW_OK;
}

#define CLOSED "the device is closed"

const struct row evil_grants[] = {
    {"R11", "ports that are not, or not for this backend", CLOSED, r11, NULL},
    {"R13", "ring pages invalid, read-only, twice, or data too", CLOSED, r13, NULL},
    {"R14", "ring pages revoked while mapped", "closes in order", r14, NULL},
    {"R15", "half of a split channel; another queue's ring or port", CLOSED, r15, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
