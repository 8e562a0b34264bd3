/*
 * The handshake of a block device, run by drvdomd: our keys, the target behind them, the frontend's
 * keys.  Only our own directory is believed; the frontend's is data to be checked (hostile-peers
 * S1..S4, R15), read in one transaction so that it cannot change between two reads.
 */
#include "backends/blk/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/target.h"
#include "schema/vbd.h"
#include "transport/base/log.h"
#include "transport/xen/backend.h"

struct blk_dev {
    struct target target;
    struct dev_id id;
    bool cdrom, removable;
};

/* ---- our own directory ---- */

static int blk_open(struct store *s, const char *dir, const struct dev_id *id, void **out,
                    struct why *why)
{
    char params[SCHEMA_STRING_MAX + 1];
    enum vbd_back_mode mode;
    enum vbd_back_device_type type;
    struct blk_dev *d = calloc(1, sizeof(*d));
    int rc;

    if (!d)
        return why_set(why, -ENOMEM, "no memory");
    d->id = *id;
    rc = vbd_back_get_params(s, 0, dir, params, sizeof(params));
    if (!rc)
        rc = vbd_back_get_mode(s, 0, dir, &mode);
    if (!rc)
        rc = vbd_back_get_device_type(s, 0, dir, &type);
    if (!rc)
        rc = vbd_back_get_removable(s, 0, dir, &d->removable);
    if (rc) {
        free(d);
        return why_set(why, rc, "backend directory %s: %s", dir,
                       rc == -EINVAL ? schema_last_error() : strerror(-rc));
    }
    d->cdrom = type == VBD_BACK_DEVICE_TYPE_CDROM;
    rc = target_open(&d->target, params, mode == VBD_BACK_MODE_R, why);
    if (rc) {
        free(d);
        return rc;
    }
    log_info("disk %u/%u is \"%s\": %llu sectors, %s%s%s", id->domid, id->devid, params,
             (unsigned long long)d->target.sectors, d->target.readonly ? "read-only, " : "",
             d->target.direct ? "direct" : "through the page cache",
             d->target.dsync ? ", each write synchronous" : "");
    *out = d;
    return 0;
}

static void blk_close(void *dev)
{
    struct blk_dev *d = dev;

    target_close(&d->target);
    free(d);
}

static uint32_t info_flags(const struct blk_dev *d)
{
    return (d->cdrom ? BLKIF_DISK_CDROM : 0u) | (d->removable ? BLKIF_DISK_REMOVABLE : 0u) |
           (d->target.readonly ? BLKIF_DISK_READONLY : 0u);
}

static int publish_features(struct store *s, store_txn t, const char *dir)
{
    int rc = vbd_back_set_feature_flush_cache(s, t, dir, true);

    if (!rc)
        rc = vbd_back_set_feature_barrier(s, t, dir, false);
    if (!rc)
        rc = vbd_back_set_feature_persistent(s, t, dir, false);
    if (!rc)
        rc = vbd_back_set_feature_discard(s, t, dir, false);
    if (!rc)
        rc = vbd_back_set_feature_max_indirect_segments(s, t, dir, BLK_INDIRECT_SEGS);
    if (!rc)
        rc = vbd_back_set_multi_queue_max_queues(s, t, dir, BLK_QUEUES_MAX);
    if (!rc)
        rc = vbd_back_set_max_ring_page_order(s, t, dir, BLK_RING_ORDER_MAX);
    if (!rc)
        rc = vbd_back_set_max_ring_pages(s, t, dir, BLK_RING_PAGES_MAX);
    return rc;
}

static int blk_publish(void *dev, struct store *s, store_txn t, const char *dir)
{
    const struct blk_dev *d = dev;
    int rc = vbd_back_set_sectors(s, t, dir, d->target.sectors);

    if (!rc)
        rc = vbd_back_set_sector_size(s, t, dir, BLKIF_SECTOR);
    if (!rc)
        rc = vbd_back_set_info(s, t, dir, info_flags(d));
    return rc ? rc : publish_features(s, t, dir);
}

static size_t blk_setup(void *dev, void *payload, int *fds, int *nfds)
{
    const struct blk_dev *d = dev;
    struct blk_setup p;

    memset(&p, 0, sizeof(p)); /* padding too: it crosses to another process */
    p.sectors = d->target.sectors;
    p.queues = BLK_QUEUES_MAX;
    p.readonly = d->target.readonly;
    p.dsync = d->target.dsync;
    p.volatile_cache = d->target.volatile_cache;
    memcpy(payload, &p, sizeof(p));
    fds[(*nfds)++] = d->target.fd;
    return sizeof(p);
}

/* ---- the frontend's directory ---- */

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

static int read_queue(struct store *s, store_txn t, const char *dir, struct blk_connect *c,
                      unsigned index, struct why *why)
{
    struct blk_connect_queue *q = &c->queue[index];
    int rc = vbd_front_get_event_channel(s, t, dir, &q->port);

    if (!rc)
        rc = vbd_front_get_ring_ref(s, t, dir, &q->ring_ref[0]);
    return rc ? front_error(rc, why) : 0;
}

static int blk_read_front(void *dev, struct store *s, store_txn t, const char *front_dir,
                          void *payload, struct why *why)
{
    const struct blk_dev *d = dev;
    struct blk_connect c;
    int rc;

    memset(&c, 0, sizeof(c));
    c.sectors = d->target.sectors;
    c.queues = 1;
    c.ring_pages = 1;
    rc = read_abi(s, t, front_dir, &c, why);
    if (!rc)
        rc = read_queue(s, t, front_dir, &c, 0, why);
    if (rc)
        return rc;
    memcpy(payload, &c, sizeof(c));
    return (int)sizeof(c);
}

const struct backend_class blk_backend_class = {
    .kind = "vbd",
    .worker = "drvdom-blkback",
    .connect_at_initialised = true,
    .open = blk_open,
    .close = blk_close,
    .publish = blk_publish,
    .setup = blk_setup,
    .read_front = blk_read_front,
};
