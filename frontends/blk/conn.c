/* See conn.h. */
#include "frontends/blk/conn.h"

#include <errno.h>
#include <string.h>

#include "frontends/blk/io.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

/* ---- what the backend offers ---- */

/* The disk itself.  A size that cannot be true is refused, for we would compute with it (F5). */
static int read_disk(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_sectors(c->f.store, 0, c->f.back, &o->sectors);

    if (!rc)
        rc = vbd_back_get_sector_size(c->f.store, 0, c->f.back, &o->sector_size);
    if (!rc)
        rc = vbd_back_get_info(c->f.store, 0, c->f.back, &o->info);
    if (!rc) {
        rc = vbd_back_get_physical_sector_size(c->f.store, 0, c->f.back, &o->physical_size);
        if (rc == -ENOENT) {
            o->physical_size = o->sector_size;
            rc = 0;
        }
    }
    if (!rc && o->sectors == 0)
        return front_fail(&c->f, -EINVAL, "the backend's disk has no sectors");
    return rc;
}

static int read_discard(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_feature_discard(c->f.store, 0, c->f.back, &o->discard);

    if (rc || !o->discard)
        return rc;
    rc = vbd_back_get_discard_granularity(c->f.store, 0, c->f.back, &o->discard_granularity);
    if (rc == -ENOENT) {
        o->discard_granularity = o->sector_size;
        rc = 0;
    }
    if (!rc)
        rc = vbd_back_get_discard_alignment(c->f.store, 0, c->f.back, &o->discard_alignment);
    if (!rc)
        rc = vbd_back_get_discard_secure(c->f.store, 0, c->f.back, &o->secure);
    return rc;
}

static int read_features(struct bf_conn *c, struct bf_offer *o)
{
    int rc = vbd_back_get_feature_flush_cache(c->f.store, 0, c->f.back, &o->flush);

    /* Absent means: does not have it. */
    if (rc == -ENOENT)
        rc = 0;
    if (!rc)
        rc = vbd_back_get_feature_barrier(c->f.store, 0, c->f.back, &o->barrier);
    if (rc == -ENOENT)
        rc = 0;
    if (!rc)
        rc = vbd_back_get_feature_persistent(c->f.store, 0, c->f.back, &o->persistent);
    if (!rc)
        rc = vbd_back_get_feature_max_indirect_segments(c->f.store, 0, c->f.back, &o->indirect);
    if (!rc)
        rc = vbd_back_get_multi_queue_max_queues(c->f.store, 0, c->f.back, &o->queues);
    if (!rc)
        rc = vbd_back_get_max_ring_page_order(c->f.store, 0, c->f.back, &o->order);
    return rc ? rc : read_discard(c, o);
}

int bf_read_offer(struct bf_conn *c)
{
    struct bf_offer o = {0};
    int rc = read_disk(c, &o);

    if (!rc)
        rc = read_features(c, &o);
    if (rc == -EINVAL && !c->f.why[0])
        return front_fail(&c->f, rc, "backend: %s", schema_last_error());
    if (rc)
        return front_fail(&c->f, rc, "backend directory %s: %s", c->f.back, strerror(-rc));
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
        return front_fail(&c->f, -EOPNOTSUPP,
                          "less than wanted: order %u, %u queues, %u indirect segments, %s grants",
                          order, queues, indirect, c->persistent ? "persistent" : "plain");
    if (p->needs_512 && (c->offer.sector_size != 512 || c->offer.physical_size != 512))
        return front_fail(&c->f, -EOPNOTSUPP, "%s needs sectors of 512 bytes", p->name);
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
    int rc;

    q->ring_mem = share_pages(&c->f.share, c->f.back_domid, q->ring_pages, q->ref, true);
    if (!q->ring_mem)
        return front_fail(&c->f, -errno, "%u pages for a ring cannot be shared: %s", q->ring_pages,
                          strerror(errno));
    ring_front_init(&q->ring, q->ring_mem, (size_t)q->ring_pages * SHARE_PAGE,
                    bf_slot_size(c->abi));
    if (c->want.ring_base)
        set_base(&q->ring, c->want.ring_base);
    rc = front_port_open(&c->f, &q->port);
    if (rc)
        return rc;
    q->nr_slots = q->ring.slots;
    q->nr_free = q->in_flight = 0;
    for (uint32_t i = 0; i < q->nr_slots; i++) {
        q->slot[i] = (struct bf_slot){.page = -1};
        q->free[q->nr_free++] = (uint16_t)i;
    }
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
        uint8_t *mem =
            share_pages(&c->f.share, c->f.back_domid, n, &c->page_ref[c->nr_pages], true);

        if (!mem && c->nr_pages >= CHUNK)
            break; /* fewer will do */
        if (!mem)
            return front_fail(&c->f, -errno, "%u pages for data cannot be shared: %s", n,
                              strerror(errno));
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
    front_port_close(&c->f, &q->port);
    if (q->ring_mem)
        (void)share_end(&c->f.share, q->ring_mem, q->ring_pages);
    q->ring_mem = NULL;
}

void bf_release(struct bf_conn *c)
{
    for (unsigned i = 0; i < BF_QUEUES_MAX; i++)
        release_queue(c, &c->queue[i]);
    c->nr_queues = 0;
    for (uint32_t i = 0; i < c->nr_pages; i += CHUNK)
        (void)share_end(&c->f.share, c->page[i], MIN(c->nr_pages - i, (uint32_t)CHUNK));
    c->nr_pages = c->nr_pages_free = 0;
}

/* ---- our keys ---- */

static int put_queue(struct bf_conn *c, store_txn t, const char *dir, const struct bf_queue *q)
{
    const struct profile *p = c->want.profile;
    bool numbered = q->ring_pages > 1 || c->want.numbered;
    int rc = vbd_front_set_event_channel(c->f.store, t, dir, q->port.port);

    if (rc)
        return rc;
    if (!numbered)
        return vbd_front_set_ring_ref(c->f.store, t, dir, q->ref[0]);
    for (uint32_t k = 0; k < q->ring_pages && !rc; k++)
        rc = vbd_front_set_ring_ref_n(c->f.store, t, dir, k, q->ref[k]);
    /* Old FreeBSD and OpenBSD say the same number twice. */
    if (!rc && p->order == ORDER_BOTH_KEYS && q == &c->queue[0])
        rc = vbd_front_set_num_ring_pages(c->f.store, t, c->f.dir, q->ring_pages);
    if (!rc && q == &c->queue[0])
        rc = vbd_front_set_ring_page_order(c->f.store, t, c->f.dir,
                                           (uint32_t)__builtin_ctz(q->ring_pages));
    return rc;
}

/* Whatever an earlier connection left must not be taken for this one's. */
static int clear_keys(struct bf_conn *c, store_txn t)
{
    char sub[STORE_PATH_MAX];
    int rc = vbd_front_rm_ring_ref(c->f.store, t, c->f.dir);

    for (unsigned i = 0; i < BF_RING_PAGES_MAX && !rc; i++)
        rc = vbd_front_rm_ring_ref_n(c->f.store, t, c->f.dir, i);
    if (!rc)
        rc = vbd_front_rm_event_channel(c->f.store, t, c->f.dir);
    if (!rc)
        rc = vbd_front_rm_ring_page_order(c->f.store, t, c->f.dir);
    if (!rc)
        rc = vbd_front_rm_num_ring_pages(c->f.store, t, c->f.dir);
    if (!rc)
        rc = vbd_front_rm_multi_queue_num_queues(c->f.store, t, c->f.dir);
    if (!rc)
        rc = vbd_front_rm_feature_stamps(c->f.store, t, c->f.dir);
    for (unsigned i = 0; i < BF_QUEUES_MAX && !rc; i++) {
        vbd_front_queue_dir(sub, sizeof(sub), c->f.dir, i);
        rc = store_rm(c->f.store, t, sub);
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

static int put_protocol(struct bf_conn *c, store_txn t)
{
    if (c->want.profile->protocol == PROTOCOL_NONE)
        return vbd_front_rm_protocol(c->f.store, t, c->f.dir);
    return vbd_front_set_protocol(c->f.store, t, c->f.dir,
                                  c->abi == BF_ABI_X86_32 ? VBD_FRONT_PROTOCOL_X86_32
                                                          : VBD_FRONT_PROTOCOL_X86_64);
}

static int put_keys(void *arg, store_txn t)
{
    struct bf_conn *c = arg;
    const struct profile *p = c->want.profile;
    char sub[STORE_PATH_MAX];
    int rc = clear_keys(c, t);

    if (!rc)
        rc = put_protocol(c, t);
    if (!rc && (c->nr_queues > 1 || p->queues == QUEUES_ALWAYS))
        rc = vbd_front_set_multi_queue_num_queues(c->f.store, t, c->f.dir, c->nr_queues);
    if (!rc && c->nr_queues == 1)
        rc = put_queue(c, t, c->f.dir, &c->queue[0]);
    for (unsigned i = 0; i < c->nr_queues && c->nr_queues > 1 && !rc; i++) {
        vbd_front_queue_dir(sub, sizeof(sub), c->f.dir, i);
        rc = put_queue(c, t, sub, &c->queue[i]);
    }
    if (!rc)
        rc = vbd_front_set_feature_persistent(c->f.store, t, c->f.dir, c->persistent);
    if (!rc && c->want.stamps)
        rc = vbd_front_set_feature_stamps(c->f.store, t, c->f.dir, true);
    return rc;
}

int bf_write_keys(struct bf_conn *c)
{
    return front_put_keys(&c->f, put_keys, c);
}

/* ---- all together ---- */

int bf_connect(struct bf_conn *c, const struct bf_want *w)
{
    int rc;

    c->f.why[0] = '\0';
    c->f.timeout_ms = w->timeout_ms;
    c->want = *w;
    rc = front_walk(&c->f, w->profile->before);
    if (!rc)
        rc = front_demands(&c->f, w->profile->name, w->profile->demands, PROFILE_KEYS);
    if (!rc)
        rc = bf_read_offer(c);
    if (!rc)
        rc = bf_prepare(c, w);
    if (!rc)
        rc = bf_write_keys(c);
    if (!rc && w->tamper)
        w->tamper(c, w->tamper_arg);
    if (!rc)
        rc = front_walk(&c->f, w->profile->after);
    /* Whatever it offered before, this is what it serves: Linux reads it now. */
    if (!rc)
        rc = bf_read_offer(c);
    return rc;
}

int bf_disconnect(struct bf_conn *c)
{
    int rc = front_walk(&c->f, c->want.profile->close);

    bf_release(c);
    return rc;
}

int bf_reset(struct bf_conn *c)
{
    int rc = front_restart(&c->f);

    bf_release(c);
    return rc;
}

int bf_open(struct bf_conn *c, unsigned devid)
{
    memset(c, 0, sizeof(*c));
    return front_open(&c->f, "vbd", devid);
}

void bf_fini(struct bf_conn *c)
{
    if (c->f.share.h)
        bf_release(c);
    front_fini(&c->f);
}
