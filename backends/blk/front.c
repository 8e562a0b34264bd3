/* See front.h. */
#include "backends/blk/front.h"

#include <errno.h>
#include <string.h>

#include "schema/vbd.h"

/* A key is missing: not an error yet, a frontend may show its state before its keys. */
static int front_error(int rc, struct why *why)
{
    if (rc == -ENOENT)
        return -EAGAIN;
    if (rc == -EINVAL || rc == -E2BIG)
        return why_set(why, -EINVAL, "frontend: %s",
                       rc == -EINVAL ? schema_last_error() : "a value is too long");
    return why_set(why, rc, "frontend directory: %s", strerror(-rc));
}

static int read_abi(struct store *s, store_txn t, const char *dir, struct blk_connect *c,
                    struct why *why)
{
    enum vbd_front_protocol p;
    int rc = vbd_front_get_protocol(s, t, dir, &p);

    /* Absent means native (blkif.h); for us that is x86_64, as for every guest of today that
     * leaves it out (Unikraft).  libxl writes it for PV guests of either width. */
    if (rc == -ENOENT) {
        c->abi = BLKIF_ABI_X86_64;
        return 0;
    }
    if (rc)
        return front_error(rc, why);
    if (p == VBD_FRONT_PROTOCOL_ARM)
        return why_set(why, -EINVAL, "frontend: protocol arm-abi is not served on x86");
    c->abi = p == VBD_FRONT_PROTOCOL_X86_32 ? BLKIF_ABI_X86_32 : BLKIF_ABI_X86_64;
    return 0;
}

/* How many pages each ring has, and whether their names are numbered. */
static int read_ring_size(struct store *s, store_txn t, const char *dir, struct blk_connect *c,
                          bool *numbered, struct why *why)
{
    uint32_t order = 0, pages = 0;
    char key[STORE_PATH_MAX];
    int has_order, rc;

    /* Absence of the key is not the same as its default: with it the names are numbered. */
    schema_join(key, sizeof(key), dir, VBD_FRONT_KEY_RING_PAGE_ORDER);
    has_order = store_exists(s, t, key);
    rc = has_order < 0 ? has_order : vbd_front_get_ring_page_order(s, t, dir, &order);
    if (rc)
        return front_error(rc, why);
    rc = vbd_front_get_num_ring_pages(s, t, dir, &pages);
    if (rc && rc != -ENOENT)
        return front_error(rc, why);
    *numbered = has_order || pages > 1;
    /* FreeBSD and OpenBSD write both, one after the other name of the same number. */
    if (has_order && pages && pages != 1u << order)
        return why_set(why, -EINVAL, "frontend: ring-page-order %u and num-ring-pages %u disagree",
                       order, pages);
    c->ring_pages = pages ? pages : 1u << order;
    return 0;
}

/* No page twice, whichever queue it is in (R13, R15): two rings over one page would answer each
 * other's requests. */
static bool is_used_before(const struct blk_connect *c, unsigned queue, uint32_t ref_index)
{
    uint32_t ref = c->queue[queue].ring_ref[ref_index];

    for (unsigned i = 0; i <= queue; i++) {
        for (uint32_t k = 0; k < (i == queue ? ref_index : c->ring_pages); k++) {
            if (c->queue[i].ring_ref[k] == ref)
                return true;
        }
    }
    return false;
}

static int read_queue(struct store *s, store_txn t, const char *dir, struct blk_connect *c,
                      unsigned index, bool numbered, struct why *why)
{
    struct blk_connect_queue *q = &c->queue[index];
    int rc = vbd_front_get_event_channel(s, t, dir, &q->port);

    for (uint32_t k = 0; k < c->ring_pages && !rc; k++) {
        rc = numbered ? vbd_front_get_ring_ref_n(s, t, dir, k, &q->ring_ref[k])
                      : vbd_front_get_ring_ref(s, t, dir, &q->ring_ref[k]);
        if (!rc && is_used_before(c, index, k))
            return why_set(why, -EINVAL, "frontend: grant %u is given for two ring pages",
                           q->ring_ref[k]);
    }
    return rc ? front_error(rc, why) : 0;
}

/* With one queue the keys stand in the device's directory even if the number is written (Windows);
 * with more, each queue has its own. */
static int read_queues(struct store *s, store_txn t, const char *dir, struct blk_connect *c,
                       bool numbered, struct why *why)
{
    char sub[STORE_PATH_MAX];
    int rc = 0;

    if (c->queues == 1)
        return read_queue(s, t, dir, c, 0, numbered, why);
    for (unsigned i = 0; i < c->queues && !rc; i++) {
        vbd_front_queue_dir(sub, sizeof(sub), dir, i);
        rc = read_queue(s, t, sub, c, i, numbered, why);
    }
    return rc;
}

int blk_front_read(struct store *s, store_txn t, const char *dir, uint32_t max_queues,
                   struct blk_connect *c, struct why *why)
{
    bool numbered = false;
    int rc = read_abi(s, t, dir, c, why);

    if (!rc)
        rc = read_ring_size(s, t, dir, c, &numbered, why);
    if (rc)
        return rc;
    rc = vbd_front_get_multi_queue_num_queues(s, t, dir, &c->queues);
    if (!rc)
        rc = vbd_front_get_feature_persistent(s, t, dir, &c->persistent);
    if (!rc)
        rc = vbd_front_get_feature_stamps(s, t, dir, &c->stamps);
    if (rc)
        return front_error(rc, why);
    if (c->queues > max_queues)
        return why_set(why, -EINVAL, "frontend: %u queues wanted, %u offered", c->queues,
                       max_queues);
    return read_queues(s, t, dir, c, numbered, why);
}
