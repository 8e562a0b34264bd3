/*
 * Catalogue, chapter R, the part about what a connection is made of: ports and ring pages.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "schema/vbd.h"

/* ---- ports ---- */

static void set_port(struct bf_conn *c, void *arg)
{
    char path[STORE_PATH_MAX];

    schema_join(path, sizeof(path), c->f.dir, VBD_FRONT_KEY_EVENT_CHANNEL);
    (void)!store_write(c->f.store, 0, path, arg);
}

/* Closed before the backend can bind it; a number of its own, or it would be given out again. */
static void set_closed_port(struct bf_conn *c, void *arg)
{
    char text[16];
    int port = evtchn_offer(&c->f.ev, c->f.back_domid);

    (void)arg;
    snprintf(text, sizeof(text), "%d", port);
    if (port > 0)
        (void)evtchn_unbind(&c->f.ev, (uint32_t)port);
    set_port(c, text);
}

static enum row_result r11(struct evil *e)
{
    static const char *const fixed[] = {"0", "1", "2147483648", "4294967295", "4095", "131071"};
    char text[16];
    int other;

    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        ROW_TRY(evil_refused(e, set_port, (void *)(uintptr_t)fixed[i]));
        ROW_TRY(evil_again(e));
    }
    /* One that waits for somebody else. */
    other = evtchn_offer(&e->c->f.ev, 0);
    if (other < 0)
        return evil_wrong(e, "no port: %s", strerror(-other));
    snprintf(text, sizeof(text), "%d", other);
    if (e->c->f.back_domid != 0)
        ROW_TRY(evil_refused(e, set_port, text));
    (void)evtchn_unbind(&e->c->f.ev, (uint32_t)other);
    ROW_TRY(evil_again(e));
    return evil_refused(e, set_closed_port, NULL);
}

/* Xen drops what is sent to a port that its owner closed, and tells nobody: the backend may see it
 * or not, but it must neither spin nor lose the way to close. */
static enum row_result r12(struct evil *e)
{
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    bf_raw_put(e->c, evil_queue(e), &r);
    (void)!ring_front_push(&evil_queue(e)->ring);
    (void)evtchn_unbind(&e->c->f.ev, evil_queue(e)->port.port);
    evil_queue(e)->port.port = 0;
    for (unsigned ms = 0; ms < EVIL_REACT_MS; ms += 10) {
        unsigned s = front_state(&e->c->f);

        if (s == XENBUS_CLOSING || s == XENBUS_CLOSED)
            return ROW_OK;
        if (ring_raw_get(&evil_queue(e)->ring, RSP_PROD) == evil_queue(e)->ring.prod)
            return ROW_OK;
        usleep(10000);
    }
    return evil_wrong(e, "neither closed nor answered");
}

/* ---- ring pages ---- */

static void set_ring_ref(struct bf_conn *c, void *arg)
{
    (void)!vbd_front_set_ring_ref(c->f.store, 0, c->f.dir, *(const uint32_t *)arg);
}

static void set_ring_refs_alike(struct bf_conn *c, void *arg)
{
    (void)arg;
    (void)!vbd_front_set_ring_ref_n(c->f.store, 0, c->f.dir, 1, c->queue[0].ref[0]);
}

/* The ring is also the page of a request: it may spoil its own ring, nothing else. */
static enum row_result ring_is_data(struct evil *e)
{
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_WRITE, 4096, 1, 0);
    r.seg[0].gref = evil_queue(e)->ref[0];
    ROW_TRY(evil_one(e, &r, BLKIF_RSP_OKAY));
    r.op = BLKIF_OP_READ; /* the ring as it was comes over the ring as it is */
    bf_raw_put(e->c, evil_queue(e), &r);
    (void)!ring_front_push(&evil_queue(e)->ring);
    (void)bf_kick(e->c, evil_queue(e));
    usleep(EVIL_STEADY_MS * 1000);
    return ROW_OK;
}

static enum row_result r13(struct evil *e)
{
    static uint32_t none[] = {60000, 0x7fffffff, 0xffffffff};
    uint32_t ref;
    void *page;

    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        ROW_TRY(evil_refused(e, set_ring_ref, &none[i]));
        ROW_TRY(evil_again(e));
    }
    page = share_pages(&e->c->f.share, e->c->f.back_domid, 1, &ref, false);
    if (!page)
        return evil_wrong(e, "no page: %s", strerror(errno));
    ROW_TRY(evil_refused(e, set_ring_ref, &ref));
    ROW_TRY(evil_again(e));
    (void)share_end(&e->c->f.share, page, 1);
    e->want.order = 1;
    ROW_TRY(evil_refused(e, set_ring_refs_alike, NULL));
    ROW_TRY(evil_again(e));
    e->want.order = 0;
    return ring_is_data(e);
}

static enum row_result r14(struct evil *e)
{
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    ROW_TRY(evil_one(e, &r, BLKIF_RSP_OKAY));
    (void)share_end(&e->c->f.share, evil_queue(e)->ring_mem, evil_queue(e)->ring_pages);
    evil_queue(e)->ring_mem = NULL;
    (void)bf_kick(e->c, evil_queue(e));
    usleep(EVIL_STEADY_MS * 1000);
    return front_state(&e->c->f) == XENBUS_CONNECTED ? ROW_OK : evil_closes(e);
}

struct text_key {
    const char *key, *value;
};

static void set_text(struct bf_conn *c, void *arg)
{
    const struct text_key *k = arg;
    char path[STORE_PATH_MAX];

    schema_join(path, sizeof(path), c->f.dir, k->key);
    (void)!store_write(c->f.store, 0, path, k->value);
}

static void use_ref_of_other_queue(struct bf_conn *c, void *arg)
{
    char sub[STORE_PATH_MAX];

    (void)arg;
    vbd_front_queue_dir(sub, sizeof(sub), c->f.dir, 1);
    (void)!vbd_front_set_ring_ref(c->f.store, 0, sub, c->queue[0].ref[0]);
}

static enum row_result r15(struct evil *e)
{
    static const struct text_key keys[] = {
        {VBD_FRONT_KEY_RING_PAGE_ORDER, "5"},         {VBD_FRONT_KEY_RING_PAGE_ORDER, "31"},
        {VBD_FRONT_KEY_NUM_RING_PAGES, "3"},          {VBD_FRONT_KEY_NUM_RING_PAGES, "32"},
        {VBD_FRONT_KEY_NUM_RING_PAGES, "0"},          {VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, "0"},
        {VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, "64"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        ROW_TRY(evil_refused(e, set_text, (void *)(uintptr_t)&keys[i]));
        ROW_TRY(evil_again(e));
    }
    /* The two names of a size, contradicting each other. */
    e->want.order = 2;
    ROW_TRY(evil_refused(e, set_text, &(struct text_key){VBD_FRONT_KEY_NUM_RING_PAGES, "8"}));
    ROW_TRY(evil_again(e));
    if (e->c->offer.queues < 2)
        return ROW_OK;
    e->want.order = 0;
    e->want.queues = 2;
    return evil_refused(e, use_ref_of_other_queue, NULL);
}

#define CLOSED "the device is closed"

const struct row evil_grants[] = {
    {"R11", "ports that are not, or not for this backend", CLOSED, r11, NULL},
    {"R12", "port closed while connected", "no loop, closes in order", r12, NULL},
    {"R13", "ring pages invalid, read-only, twice, or data too", CLOSED, r13, NULL},
    {"R14", "ring page revoked while mapped", "closes in order", r14, NULL},
    {"R15", "ring sizes and queues that are not offered", CLOSED, r15, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
