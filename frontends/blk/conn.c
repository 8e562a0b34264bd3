/* See conn.h. */
#include "frontends/blk/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "frontends/blk/io.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

static const char STATE_TOKEN[] = "backend";

int bf_fail(struct bf_conn *c, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, sizeof(c->why), fmt, ap);
    va_end(ap);
    return err;
}

/* ---- states ---- */

unsigned bf_state(struct bf_conn *c)
{
    uint32_t v;

    return vbd_back_get_state(c->store, 0, c->back, &v) ? 0 : v;
}

int bf_set_state(struct bf_conn *c, unsigned state)
{
    int rc = vbd_front_set_state(c->store, 0, c->dir, state);

    return rc ? bf_fail(c, rc, "cannot write state %u: %s", state, strerror(-rc)) : 0;
}

static void drop_store_events(struct bf_conn *c)
{
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];

    while (store_next_event(c->store, path, token) > 0)
        ;
}

int bf_sleep(struct bf_conn *c, unsigned ms)
{
    struct pollfd p[2] = {{.fd = store_fd(c->store), .events = POLLIN},
                          {.fd = evtchn_fd(&c->ev), .events = POLLIN}};
    int n = poll(p, 2, (int)ms);

    if (p[0].revents)
        drop_store_events(c);
    return n;
}

int bf_await(struct bf_conn *c, unsigned wait, unsigned fatal, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;

    for (;;) {
        unsigned s = bf_state(c);
        uint64_t now = clock_ns();

        if (wait >> s & 1)
            return (int)s;
        if (fatal >> s & 1)
            return bf_fail(c, -ECONNREFUSED, "the backend went to state %u (%s)", s,
                           xenbus_state_name(s));
        if (now >= end)
            return bf_fail(c, -ETIMEDOUT, "the backend stays in state %u (%s)", s,
                           xenbus_state_name(s));
        /* Only the store: events of a ring that is not in use yet would make this spin. */
        struct pollfd p = {.fd = store_fd(c->store), .events = POLLIN};

        if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0)
            drop_store_events(c);
    }
}

static int walk(struct bf_conn *c, const struct profile_step *steps)
{
    for (unsigned i = 0; i < PROFILE_STEPS; i++) {
        const struct profile_step *s = &steps[i];
        int rc = 0;

        if (s->write)
            rc = bf_set_state(c, s->write);
        if (!rc && s->wait)
            rc = bf_await(c, s->wait, s->fatal, c->want.timeout_ms);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- what the backend offers ---- */

static int check_demands(struct bf_conn *c, const struct profile *p)
{
    char path[STORE_PATH_MAX];

    for (unsigned i = 0; i < PROFILE_KEYS && p->demands[i]; i++) {
        schema_join(path, sizeof(path), c->back, p->demands[i]);
        if (store_exists(c->store, 0, path) != 1)
            return bf_fail(c, -EOPNOTSUPP, "%s wants key %s, which is not there", p->name,
                           p->demands[i]);
    }
    return 0;
}

/* The disk itself.  A size that cannot be true is refused, for we would compute with it (F5). */
static int read_disk(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_sectors(c->store, 0, c->back, &o->sectors);

    if (!rc)
        rc = vbd_back_get_sector_size(c->store, 0, c->back, &o->sector_size);
    if (!rc)
        rc = vbd_back_get_info(c->store, 0, c->back, &o->info);
    if (!rc) {
        rc = vbd_back_get_physical_sector_size(c->store, 0, c->back, &o->physical_size);
        if (rc == -ENOENT) {
            o->physical_size = o->sector_size;
            rc = 0;
        }
    }
    if (!rc && o->sectors == 0)
        return bf_fail(c, -EINVAL, "the backend's disk has no sectors");
    return rc;
}

static int read_discard(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_feature_discard(c->store, 0, c->back, &o->discard);

    if (rc || !o->discard)
        return rc;
    rc = vbd_back_get_discard_granularity(c->store, 0, c->back, &o->discard_granularity);
    if (rc == -ENOENT) {
        o->discard_granularity = o->sector_size;
        rc = 0;
    }
    if (!rc)
        rc = vbd_back_get_discard_alignment(c->store, 0, c->back, &o->discard_alignment);
    if (!rc)
        rc = vbd_back_get_discard_secure(c->store, 0, c->back, &o->secure);
    return rc;
}

static int read_features(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_feature_flush_cache(c->store, 0, c->back, &o->flush);

    /* Absent means: does not have it. */
    if (rc == -ENOENT)
        rc = 0;
    if (!rc)
        rc = vbd_back_get_feature_barrier(c->store, 0, c->back, &o->barrier);
    if (rc == -ENOENT)
        rc = 0;
    if (!rc)
        rc = vbd_back_get_feature_persistent(c->store, 0, c->back, &o->persistent);
    if (!rc)
        rc = vbd_back_get_feature_max_indirect_segments(c->store, 0, c->back, &o->indirect);
    if (!rc)
        rc = vbd_back_get_multi_queue_max_queues(c->store, 0, c->back, &o->queues);
    if (!rc)
        rc = vbd_back_get_max_ring_page_order(c->store, 0, c->back, &o->order);
    return rc ? rc : read_discard(c, o);
}

int bf_read_offer(struct bf_conn *c)
{
    struct bf_offer o = {0};
    int rc = read_disk(c, &o);

    if (!rc)
        rc = read_features(c, &o);
    if (rc == -EINVAL && !c->why[0])
        return bf_fail(c, rc, "backend: %s", schema_last_error());
    if (rc)
        return bf_fail(c, rc, "backend directory %s: %s", c->back, strerror(-rc));
    c->offer = o;
    return 0;
}

static int choose(struct bf_conn *c)
{
    const struct bf_want *w = &c->want;
    const struct profile *p = w->profile;
    unsigned order = MIN(MIN(w->order, c->offer.order), p->order ? p->max_order : 0u);
    unsigned queues = MIN(MIN(MAX(w->queues, 1u), c->offer.queues), (unsigned)BF_QUEUES_MAX);
    uint32_t indirect = MIN(MIN(w->indirect, c->offer.indirect), (uint32_t)BF_SEGS_MAX);

    if (p->queues == QUEUES_NONE)
        queues = 1;
    if (!p->indirect || c->offer.indirect < p->indirect_min)
        indirect = 0;
    c->persistent = w->persistent && p->persistent && c->offer.persistent;
    if (w->all_or_nothing && (order < w->order || queues < w->queues || indirect < w->indirect ||
                              c->persistent != w->persistent))
        return bf_fail(c, -EOPNOTSUPP,
                       "less than wanted: order %u, %u queues, %u indirect segments, %s grants",
                       order, queues, indirect, c->persistent ? "persistent" : "plain");
    if (p->needs_512 && (c->offer.sector_size != 512 || c->offer.physical_size != 512))
        return bf_fail(c, -EOPNOTSUPP, "%s needs sectors of 512 bytes", p->name);
    c->nr_queues = queues;
    c->indirect = MAX(indirect, (uint32_t)BF_SEGS_DIRECT);
    c->abi = p->protocol == PROTOCOL_X86_32 ? BF_ABI_X86_32 : w->abi;
    for (unsigned i = 0; i < queues; i++)
        c->queue[i].ring_pages = 1u << order;
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

static int make_queue(struct bf_conn *c, struct bf_queue *q)
{
    int port;

    q->ring_mem = share_pages(&c->share, c->back_domid, q->ring_pages, q->ref, true);
    if (!q->ring_mem)
        return bf_fail(c, -errno, "%u pages for a ring cannot be shared: %s", q->ring_pages,
                       strerror(errno));
    ring_front_init(&q->ring, q->ring_mem, (size_t)q->ring_pages * SHARE_PAGE,
                    bf_slot_size(c->abi));
    if (c->want.ring_base)
        set_base(&q->ring, c->want.ring_base);
    port = evtchn_offer(&c->ev, c->back_domid);
    if (port < 0)
        return bf_fail(c, port, "no event channel: %s", strerror(-port));
    q->port = (uint32_t)port;
    q->nr_slots = q->ring.slots;
    q->nr_free = q->in_flight = 0;
    for (uint32_t i = 0; i < q->nr_slots; i++) {
        q->slot[i] = (struct bf_slot){.page = -1};
        q->free[q->nr_free++] = (uint16_t)i;
    }
    q->useless = 0;
    q->unmask_at_ns = 0;
    return 0;
}

enum { CHUNK = 64 }; /* pages shared by one call */

static int make_pages(struct bf_conn *c)
{
    /* Another frontend of this guest shares the limit of pages: plain requests need fewer. */
    unsigned usual = c->indirect > BF_SEGS_DIRECT ? BF_PAGES_MAX : BF_PAGES_PLAIN;
    unsigned want = c->want.pages ? MIN(c->want.pages, (unsigned)BF_PAGES_MAX) : usual;

    while (c->nr_pages < want) {
        uint32_t n = MIN(want - c->nr_pages, (uint32_t)CHUNK);
        uint8_t *mem = share_pages(&c->share, c->back_domid, n, &c->page_ref[c->nr_pages], true);

        if (!mem && c->nr_pages >= CHUNK)
            break; /* fewer will do */
        if (!mem)
            return bf_fail(c, -errno, "%u pages for data cannot be shared: %s", n, strerror(errno));
        for (uint32_t i = 0; i < n; i++) {
            c->page_free[c->nr_pages_free++] = (uint16_t)c->nr_pages;
            c->page[c->nr_pages++] = mem + (size_t)i * SHARE_PAGE;
        }
    }
    return 0;
}

int bf_prepare(struct bf_conn *c, const struct bf_want *w)
{
    int rc = 0;

    c->want = *w;
    c->broken = false;
    rc = choose(c);
    for (unsigned i = 0; i < c->nr_queues && !rc; i++)
        rc = make_queue(c, &c->queue[i]);
    if (!rc)
        rc = make_pages(c);
    if (rc)
        bf_release(c);
    return rc;
}

static void release_queue(struct bf_conn *c, struct bf_queue *q)
{
    if (q->port)
        (void)evtchn_unbind(&c->ev, q->port);
    q->port = 0;
    if (q->ring_mem)
        (void)share_end(&c->share, q->ring_mem, q->ring_pages);
    q->ring_mem = NULL;
}

void bf_release(struct bf_conn *c)
{
    for (unsigned i = 0; i < BF_QUEUES_MAX; i++)
        release_queue(c, &c->queue[i]);
    c->nr_queues = 0;
    for (uint32_t i = 0; i < c->nr_pages; i += CHUNK)
        (void)share_end(&c->share, c->page[i], MIN(c->nr_pages - i, (uint32_t)CHUNK));
    c->nr_pages = c->nr_pages_free = 0;
}

/* ---- our keys ---- */

static int put_queue(struct bf_conn *c, store_txn t, const char *dir, const struct bf_queue *q)
{
    const struct profile *p = c->want.profile;
    bool numbered = q->ring_pages > 1 || c->want.numbered;
    int rc = vbd_front_set_event_channel(c->store, t, dir, q->port);

    if (rc)
        return rc;
    if (!numbered)
        return vbd_front_set_ring_ref(c->store, t, dir, q->ref[0]);
    for (uint32_t k = 0; k < q->ring_pages && !rc; k++)
        rc = vbd_front_set_ring_ref_n(c->store, t, dir, k, q->ref[k]);
    /* Old FreeBSD and OpenBSD say the same number twice. */
    if (!rc && p->order == ORDER_BOTH_KEYS && q == &c->queue[0])
        rc = vbd_front_set_num_ring_pages(c->store, t, c->dir, q->ring_pages);
    if (!rc && q == &c->queue[0])
        rc = vbd_front_set_ring_page_order(c->store, t, c->dir,
                                           (uint32_t)__builtin_ctz(q->ring_pages));
    return rc;
}

/* Whatever an earlier connection left must not be taken for this one's. */
static int clear_keys(struct bf_conn *c, store_txn t)
{
    char sub[STORE_PATH_MAX];
    int rc = vbd_front_rm_ring_ref(c->store, t, c->dir);

    for (unsigned i = 0; i < BF_RING_PAGES_MAX && !rc; i++)
        rc = vbd_front_rm_ring_ref_n(c->store, t, c->dir, i);
    if (!rc)
        rc = vbd_front_rm_event_channel(c->store, t, c->dir);
    if (!rc)
        rc = vbd_front_rm_ring_page_order(c->store, t, c->dir);
    if (!rc)
        rc = vbd_front_rm_num_ring_pages(c->store, t, c->dir);
    if (!rc)
        rc = vbd_front_rm_multi_queue_num_queues(c->store, t, c->dir);
    if (!rc)
        rc = vbd_front_rm_feature_stamps(c->store, t, c->dir);
    for (unsigned i = 0; i < BF_QUEUES_MAX && !rc; i++) {
        vbd_front_queue_dir(sub, sizeof(sub), c->dir, i);
        rc = store_rm(c->store, t, sub);
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

static int put_protocol(struct bf_conn *c, store_txn t)
{
    if (c->want.profile->protocol == PROTOCOL_NONE)
        return vbd_front_rm_protocol(c->store, t, c->dir);
    return vbd_front_set_protocol(c->store, t, c->dir,
                                  c->abi == BF_ABI_X86_32 ? VBD_FRONT_PROTOCOL_X86_32
                                                          : VBD_FRONT_PROTOCOL_X86_64);
}

static int put_keys(struct bf_conn *c, store_txn t)
{
    const struct profile *p = c->want.profile;
    char sub[STORE_PATH_MAX];
    int rc = clear_keys(c, t);

    if (!rc)
        rc = put_protocol(c, t);
    if (!rc && (c->nr_queues > 1 || p->queues == QUEUES_ALWAYS))
        rc = vbd_front_set_multi_queue_num_queues(c->store, t, c->dir, c->nr_queues);
    if (!rc && c->nr_queues == 1)
        rc = put_queue(c, t, c->dir, &c->queue[0]);
    for (unsigned i = 0; i < c->nr_queues && c->nr_queues > 1 && !rc; i++) {
        vbd_front_queue_dir(sub, sizeof(sub), c->dir, i);
        rc = put_queue(c, t, sub, &c->queue[i]);
    }
    if (!rc)
        rc = vbd_front_set_feature_persistent(c->store, t, c->dir, c->persistent);
    if (!rc && c->want.stamps)
        rc = vbd_front_set_feature_stamps(c->store, t, c->dir, true);
    return rc;
}

int bf_write_keys(struct bf_conn *c)
{
    int rc = -EAGAIN;

    for (int tries = 0; tries < 20 && rc == -EAGAIN; tries++) {
        store_txn t;

        rc = store_txn_begin(c->store, &t);
        if (rc)
            break;
        rc = put_keys(c, t);
        if (rc)
            (void)!store_txn_end(c->store, t, true);
        else
            rc = store_txn_end(c->store, t, false);
    }
    return rc ? bf_fail(c, rc, "our keys cannot be written: %s", strerror(-rc)) : 0;
}

/* ---- all together ---- */

int bf_connect(struct bf_conn *c, const struct bf_want *w)
{
    int rc;

    c->why[0] = '\0';
    c->want = *w;
    rc = walk(c, w->profile->before);
    if (!rc)
        rc = check_demands(c, w->profile);
    if (!rc)
        rc = bf_read_offer(c);
    if (!rc)
        rc = bf_prepare(c, w);
    if (!rc)
        rc = bf_write_keys(c);
    if (!rc && w->tamper)
        w->tamper(c, w->tamper_arg);
    if (!rc)
        rc = walk(c, w->profile->after);
    /* Whatever it offered before, this is what it serves: Linux reads it now. */
    if (!rc)
        rc = bf_read_offer(c);
    return rc;
}

int bf_disconnect(struct bf_conn *c)
{
    int rc = walk(c, c->want.profile->close);

    bf_release(c);
    return rc;
}

int bf_reset(struct bf_conn *c)
{
    static const struct profile_step steps[PROFILE_STEPS] = {
        {XENBUS_CLOSING, ST(CLOSING) | ST(CLOSED), 0},
        {XENBUS_CLOSED, ST(CLOSED), 0},
        {XENBUS_INITIALISING, ST(INIT_WAIT), 0},
    };
    int rc = walk(c, steps);

    bf_release(c);
    return rc;
}

int bf_open(struct bf_conn *c, unsigned devid)
{
    char path[STORE_PATH_MAX];
    int rc;

    memset(c, 0, sizeof(*c));
    c->devid = devid;
    c->want.timeout_ms = 10000;
    vbd_front_dir_own(c->dir, sizeof(c->dir), devid);
    rc = store_open(&c->store);
    if (rc)
        return bf_fail(c, rc, "no xenstore: %s; this runs in a Xen guest", strerror(-rc));
    rc = vbd_front_get_backend(c->store, 0, c->dir, c->back, sizeof(c->back));
    if (!rc)
        rc = vbd_front_get_backend_id(c->store, 0, c->dir, &c->back_domid);
    if (rc)
        return bf_fail(c, rc, "no device %u: %s: %s", devid, c->dir, strerror(-rc));
    rc = evtchn_open(&c->ev);
    if (rc)
        return bf_fail(c, rc, "/dev/xen/evtchn: %s", strerror(-rc));
    rc = share_open(&c->share);
    if (rc)
        return bf_fail(c, rc, "/dev/xen/gntalloc: %s", strerror(-rc));
    schema_join(path, sizeof(path), c->back, VBD_BACK_KEY_STATE);
    rc = store_watch(c->store, path, STATE_TOKEN);
    return rc ? bf_fail(c, rc, "cannot watch %s: %s", path, strerror(-rc)) : 0;
}

void bf_fini(struct bf_conn *c)
{
    if (c->share.h)
        bf_release(c);
    share_close(&c->share);
    evtchn_close(&c->ev);
    store_close(c->store);
    c->store = NULL;
}
