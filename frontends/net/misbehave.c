/* See misbehave.h. */
#include "frontends/net/misbehave.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

static const struct row *const chapters[] = {evil_rings, evil_grants, evil_frames, evil_rx,
                                             evil_ctrls, evil_stores, NULL};

/* ---- what a row says ---- */

enum row_result evil_wrong(struct evil *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return ROW_WRONG;
}

enum row_result evil_skip(struct evil *e, const char *why)
{
    snprintf(e->text, sizeof(e->text), "%s", why);
    return ROW_SKIPPED;
}

bool evil_hook(struct evil *e, const char *when)
{
    char cmd[1024];

    if (!e->hook || snprintf(cmd, sizeof(cmd), "%s %s", e->hook, when) >= (int)sizeof(cmd))
        return false;
    (void)setenv("DRVDOM_ROW", e->row->name, 1);
    return system(cmd) == 0;
}

void evil_sleep(unsigned ms)
{
    usleep(ms * 1000);
}

/* ---- connections ---- */

enum row_result evil_connect(struct evil *e)
{
    int rc = nf_connect(e->c, &e->want);

    if (rc)
        return evil_wrong(e, "cannot connect: %s", e->c->f.why);
    if (!e->want.no_buffers)
        rc = traffic_hello(e->c, e->traffic->to);
    return rc ? evil_wrong(e, "does not serve: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_refused(struct evil *e, void (*tamper)(struct nf_conn *, void *), void *arg)
{
    struct nf_want w = e->want;
    int rc;

    w.tamper = tamper;
    w.tamper_arg = arg;
    w.timeout_ms = EVIL_REACT_MS;
    rc = nf_connect(e->c, &w);
    if (rc == 0)
        return evil_wrong(e, "the backend connected");
    if (rc != -ECONNREFUSED)
        return evil_wrong(e, "not refused: %s", e->c->f.why);
    return evil_again(e);
}

enum row_result evil_closes(struct evil *e)
{
    int rc = front_await(&e->c->f, ST(CLOSING) | ST(CLOSED), 0, EVIL_REACT_MS);

    return rc < 0 ? evil_wrong(e, "the device was not closed: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_push_closes(struct evil *e)
{
    (void)!ring_front_push(&evil_queue(e)->tx);
    (void)nf_kick(e->c, evil_queue(e));
    return evil_closes(e);
}

enum row_result evil_serves(struct evil *e)
{
    int rc = traffic_quick(e->c, e->traffic->to, e->traffic->mtu);

    return rc ? evil_wrong(e, "does not serve: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_again(struct evil *e)
{
    int rc = nf_reset(e->c);

    return rc ? evil_wrong(e, "cannot start again: %s", e->c->f.why) : ROW_OK;
}

/* ---- frames by hand ---- */

struct frame_flow evil_flow(const struct evil *e, enum frame_kind k)
{
    struct frame_flow f = {.kind = k, .number = k, .seed = 0xe};

    memcpy(f.src, e->c->mac, 6);
    memcpy(f.dst, e->traffic->to, 6);
    return f;
}

uint32_t evil_good(struct evil *e, enum frame_kind k, uint32_t payload, bool blank, unsigned page)
{
    struct frame_flow f = evil_flow(e, k);

    return frame_build(&f, 0, payload, blank, nf_page(evil_queue(e), 0, page));
}

enum row_result evil_push(struct evil *e)
{
    int rc = nf_push(e->c, evil_queue(e));

    return rc ? evil_wrong(e, "%s", e->c->f.why) : ROW_OK;
}

enum row_result evil_answers(struct evil *e, unsigned n, uint16_t id, uint32_t extras, int status)
{
    ROW_TRY(evil_push(e));
    for (unsigned i = 0; i < n; i++) {
        bool extra = i < 32 && extras >> i & 1;
        struct netif_tx_response rsp;
        int rc = nf_raw_answer(e->c, evil_queue(e), &rsp, EVIL_REACT_MS);

        if (rc <= 0)
            return evil_wrong(e, "slot %u of %u: no answer%s%s", i, n, rc ? ": " : "",
                              rc ? e->c->f.why : "");
        if (extra                       ? rsp.status != NETIF_RSP_NULL
            : status == EVIL_STATUS_ANY ? rsp.status < NETIF_RSP_DROPPED || rsp.status > 0
                                        : rsp.status != status)
            return evil_wrong(e, "slot %u of %u: answered %d", i, n, rsp.status);
        if (!extra && rsp.id != id)
            return evil_wrong(e, "slot %u of %u: id %u instead of %u", i, n, rsp.id, id);
        id = (uint16_t)(id + !extra);
    }
    return ROW_OK;
}

enum { SENTINEL_PAGE = 100, SENTINEL_FLOW = 60, SENTINEL_ID = 0x5e00, SENTINEL_MS = 500 };
/* In evil.got, beside the number of others. */
static const unsigned SENTINEL_BACK = 0x80000000u;

static void on_sentinel(void *arg, struct nf_queue *q, struct nf_rx *x)
{
    struct evil *e = arg;
    struct frame_seen s;

    (void)q;
    if (memcmp(x->data, e->c->mac, 6) != 0)
        return;
    if (frame_parse(x->data, x->len, x->meta.csum_blank, &s)) {
        if (s.flow == SENTINEL_FLOW && s.offset == e->sentinel)
            e->got |= SENTINEL_BACK;
        if (s.flow == SENTINEL_FLOW || s.flow == TRAFFIC_HELLO_FLOW)
            return;
    }
    e->got++;
    memcpy(e->last, x->data, MIN(x->len, (uint32_t)sizeof(e->last)));
}

/* One sentinel, and a while for it to come back. */
static enum row_result try_sentinel(struct evil *e, uint32_t len, int *rc)
{
    uint64_t end = clock_ns() + (uint64_t)SENTINEL_MS * 1000000;

    nf_raw_tx(evil_queue(e), SENTINEL_ID, SENTINEL_PAGE, 0, len, 0);
    e->c->on_frame = on_sentinel;
    e->c->on_frame_arg = e;
    ROW_TRY(evil_answers(e, 1, SENTINEL_ID, 0, NETIF_RSP_OKAY));
    while (*rc >= 0 && !(e->got & SENTINEL_BACK) && clock_ns() < end)
        *rc = nf_poll(e->c, 20);
    return ROW_OK;
}

/* After a flood the first ones may be lost: ports drop what they cannot keep. */
enum row_result evil_await_back(struct evil *e)
{
    struct frame_flow f = evil_flow(e, FRAME_RAW);
    enum row_result result = ROW_OK;
    uint32_t len;
    int rc = 0;

    f.number = SENTINEL_FLOW;
    len = frame_build(&f, ++e->sentinel, 40, false, nf_page(evil_queue(e), 0, SENTINEL_PAGE));
    e->got = 0;
    for (int i = 0; i < EVIL_REACT_MS / SENTINEL_MS && !(e->got & SENTINEL_BACK); i++) {
        if (result == ROW_OK && rc >= 0)
            result = try_sentinel(e, len, &rc);
    }
    e->c->on_frame = NULL;
    ROW_TRY(result);
    if (!(e->got & SENTINEL_BACK))
        return evil_wrong(e, "a good frame did not come back: %s", rc < 0 ? e->c->f.why : "lost");
    e->got &= ~SENTINEL_BACK;
    return ROW_OK;
}

enum row_result evil_came_back(struct evil *e, unsigned n)
{
    ROW_TRY(evil_await_back(e));
    return e->got == n ? ROW_OK
                       : evil_wrong(e, "%u frames were forwarded instead of %u", e->got, n);
}

/* ---- keys ---- */

void evil_set_key(struct nf_conn *c, void *arg)
{
    const struct evil_key *k = arg;
    char path[STORE_PATH_MAX];

    schema_join(path, sizeof(path), c->f.dir, k->key);
    (void)!store_write(c->f.store, 0, path, k->value);
}

void evil_rm_key(struct nf_conn *c, void *arg)
{
    const struct evil_key *k = arg;
    char path[STORE_PATH_MAX];

    schema_join(path, sizeof(path), c->f.dir, k->key);
    (void)!store_rm(c->f.store, 0, path);
}

/* ---- running rows ---- */

static void before(struct evil *e, const struct row *row)
{
    e->row = row;
    e->want = e->base;
    e->c->on_frame = NULL;
    e->c->watched = true;
}

static enum row_result after(struct evil *e)
{
    enum row_result result;
    char text[ROW_TEXT_MAX];

    ROW_TRY(evil_again(e));
    e->want = e->base;
    e->c->watched = true;
    result = evil_connect(e);
    if (result == ROW_OK)
        result = evil_serves(e);
    if (result == ROW_OK)
        return evil_again(e);
    /* The next row shall begin where it expects to, and this one keep its own reason. */
    memcpy(text, e->text, sizeof(text));
    (void)evil_again(e);
    memcpy(e->text, text, sizeof(text));
    return result;
}

int misbehave(struct nf_conn *c, const struct nf_want *want, const struct traffic_options *traffic,
              const char *hook, char **names)
{
    static struct evil e;
    const struct catalogue all = {
        .chapters = chapters, .evil = &e, .text = e.text, .before = before, .after = after};

    e.c = c;
    e.base = *want;
    e.base.queues = 1;
    e.traffic = traffic;
    e.hook = hook;
    return catalogue_run(&all, names);
}

int misbehave_list(void)
{
    const struct catalogue all = {.chapters = chapters};

    catalogue_list(&all);
    return 0;
}

/* ---- hold ---- */

/* A ring full of good frames, none of whose answers is ever taken, and no receive slot. */
static void make_busy(struct nf_conn *c)
{
    struct nf_queue *q = &c->queue[0];

    memset(nf_page(q, 0, 0), 0xff, 6);
    memcpy(nf_page(q, 0, 0) + 6, c->mac, 6);
    while (ring_front_space(&q->tx) > 0)
        nf_raw_tx(q, 1, 0, 0, 1500, 0);
    (void)!nf_push(c, q);
}

int misbehave_hold(struct nf_conn *c, const struct nf_want *want, const char *state)
{
    int rc;

    if (strcmp(state, "initialised") == 0) {
        rc = nf_read_offer(c);
        if (!rc)
            rc = nf_prepare(c, want);
        if (!rc)
            rc = nf_write_keys(c);
        if (!rc)
            rc = front_set_state(&c->f, XENBUS_INITIALISED);
    } else {
        rc = nf_connect(c, want);
        if (!rc && strcmp(state, "busy") == 0)
            make_busy(c);
        if (!rc && strcmp(state, "closing") == 0)
            rc = front_set_state(&c->f, XENBUS_CLOSING);
    }
    if (rc)
        return rc;
    printf("holding %s\n", state);
    for (;;)
        pause();
}
