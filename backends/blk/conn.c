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
#include <unistd.h>

#include "backends/blk/front.h"
#include "backends/blk/nbd_addr.h"
#include "backends/blk/target.h"
#include "schema/vbd.h"
#include "transport/base/log.h"
#include "transport/xen/backend.h"

struct blk_dev {
    struct target target;
    char params[SCHEMA_STRING_MAX + 1]; /* what it was opened from */
    char asked[SCHEMA_STRING_MAX + 1];  /* what the toolstack named, even if it cannot be had */
    const char *path;                   /* in params, behind the options */
    bool hide_physical, nbd;
    struct dev_id id;
    struct blk_dev *next; /* in `opened` */
    bool cdrom, removable, discard, discard_allowed, flush;
    struct blk_live live; /* what the worker knows */
};

static struct blk_dev *opened; /* all of this drvdomd's */
static bool local_migration;

void blk_allow_local_migration(void)
{
    local_migration = true;
}

/* ---- our own directory ---- */

/*
 * `xl migrate` to the same host attaches the new domain's disk while the old domain, suspended,
 * still has it; and only the toolstack knows that they are one guest.  So, where the administrator
 * allows it, the same disk under the same number waits in state 2 until the other lets go.
 */
static bool is_migrating(const struct blk_dev *d)
{
    for (const struct blk_dev *o = opened; o && local_migration; o = o->next) {
        if (o->id.domid != d->id.domid && o->id.devid == d->id.devid &&
            o->target.readonly == d->target.readonly && strcmp(o->path, d->path) == 0)
            return true;
    }
    return false;
}

/* Limits that cannot be read are none: a typing error must not stop a guest's disk. */
static void read_limits(struct store *s, const char *dir, struct blk_live *l)
{
    int rc = vbd_back_get_limit_iops(s, 0, dir, &l->iops);

    if (!rc)
        rc = vbd_back_get_limit_bytes(s, 0, dir, &l->bytes);
    if (!rc)
        rc = vbd_back_get_limit_burst(s, 0, dir, &l->burst_ms);
    if (!rc)
        return;
    log_peer("%s: no limits: %s", dir, rc == -EINVAL ? schema_last_error() : strerror(-rc));
    l->iops = l->burst_ms = 0;
    l->bytes = 0;
}

/* params=[512n:]PATH or an NBD address: an option is a word that no absolute path begins with. */
static void read_options(struct blk_dev *d)
{
    static const char native[] = "512n:";

    d->hide_physical = strncmp(d->params, native, sizeof(native) - 1) == 0;
    d->path = d->params + (d->hide_physical ? sizeof(native) - 1 : 0);
}

static int read_own(struct store *s, const char *dir, struct blk_dev *d, struct why *why)
{
    enum vbd_back_mode mode;
    enum vbd_back_device_type type;
    int rc = vbd_back_get_params(s, 0, dir, d->params, sizeof(d->params));

    if (!rc)
        rc = vbd_back_get_mode(s, 0, dir, &mode);
    if (!rc)
        rc = vbd_back_get_device_type(s, 0, dir, &type);
    if (!rc)
        rc = vbd_back_get_removable(s, 0, dir, &d->removable);
    if (!rc)
        rc = vbd_back_get_discard_enable(s, 0, dir, &d->discard_allowed);
    if (rc)
        return why_set(why, rc, "backend directory %s: %s", dir,
                       rc == -EINVAL ? schema_last_error() : strerror(-rc));
    memcpy(d->asked, d->params, sizeof(d->asked));
    d->cdrom = type == VBD_BACK_DEVICE_TYPE_CDROM;
    d->target.readonly = mode == VBD_BACK_MODE_R;
    return 0;
}

/* Only the server knows what else has the export; of ours, no two may write. */
static int open_nbd(struct blk_dev *d, struct why *why)
{
    struct nbd_addr a;
    int rc = nbd_addr_parse(&a, d->path, why);

    d->target = (struct target){.fd = -1,
                                .claim_fd = -1,
                                .alive_fd = -1,
                                .readonly = d->target.readonly,
                                .granule = BLKIF_SECTOR,
                                .block = BLKIF_SECTOR};
    for (const struct blk_dev *o = opened; o && !rc; o = o->next) {
        if (strcmp(o->path, d->path) == 0 && !(o->target.readonly && d->target.readonly))
            rc = why_set(why, -EBUSY, "disk \"%s\" is in use: given to guest %u", d->path,
                         o->id.domid);
    }
    return rc;
}

static void tell_opened(const struct blk_dev *d)
{
    log_info("disk %u/%u is \"%s\": %llu sectors, %s%s%s%s", d->id.domid, d->id.devid, d->params,
             (unsigned long long)d->target.sectors, d->target.readonly ? "read-only, " : "",
             d->target.direct ? "direct" : "through the page cache",
             d->target.dsync ? ", each write synchronous" : "",
             d->target.claim_fd < 0 ? "; waits until the guest that has it lets go" : "");
}

static bool has_media(const struct blk_dev *d)
{
    return d->cdrom || d->removable;
}

/* What d->params names, without leaving anything behind when it fails. */
static int open_target(struct blk_dev *d, struct why *why)
{
    int rc;

    read_options(d);
    d->nbd = nbd_addr_is(d->path);
    if (d->nbd)
        return open_nbd(d, why);
    rc = d->path[0] == '\0' && has_media(d)
             ? target_empty(&d->target, d->target.readonly, why)
             : target_open(&d->target, d->path, d->target.readonly, is_migrating(d), why);
    d->discard = d->discard_allowed && d->target.discard_unit > 0;
    if (!rc)
        tell_opened(d);
    return rc;
}

/*
 * Flush and barrier are offered where they do something: a guest asks for one at every fsync, and
 * waits for it as long as for a write.  What a guest was told holds until its disk is unplugged,
 * because it looks once.  The next medium may have a cache, and what an NBD server has is known
 * later. DRVDOM_BLK_FLUSH=1 is for tests: offered in any case.
 */
static bool offers_flush(const struct blk_dev *d, struct store *s, const char *dir)
{
    const char *always = getenv("DRVDOM_BLK_FLUSH");
    bool told;

    if (vbd_back_get_feature_flush_cache(s, 0, dir, &told) == 0)
        return told;
    return d->target.volatile_cache || has_media(d) || d->nbd || (always && *always == '1');
}

static int blk_open(const struct backend_open *at, void **out, struct why *why)
{
    struct blk_dev *d = calloc(1, sizeof(*d));
    int rc;

    if (!d)
        return why_set(why, -ENOMEM, "no memory");
    d->id = *at->id;
    rc = read_own(at->s, at->dir, d, why);
    if (!rc) {
        read_limits(at->s, at->dir, &d->live);
        at->take_over(at->arg);
        rc = open_target(d, why);
    }
    if (rc) {
        free(d);
        return rc;
    }
    d->flush = offers_flush(d, at->s, at->dir);
    d->live.sectors = d->target.sectors;
    d->next = opened;
    opened = d;
    *out = d;
    return 0;
}

static bool blk_other_target(const void *dev, struct store *s, const char *dir)
{
    const struct blk_dev *d = dev;
    char params[SCHEMA_STRING_MAX + 1];

    return has_media(d) && vbd_back_get_params(s, 0, dir, params, sizeof(params)) == 0 &&
           strcmp(params, d->asked) != 0;
}

/* Empty: what params names could not be had. */
static int publish_medium(const struct blk_dev *d, struct store *s, store_txn t, const char *dir)
{
    return has_media(d) ? vbd_back_set_medium(s, t, dir, d->params) : 0;
}

static int blk_exchange(void *dev, struct store *s, const char *dir, struct why *why)
{
    struct blk_dev *d = dev;
    int rc = vbd_back_get_params(s, 0, dir, d->params, sizeof(d->params));

    if (rc)
        d->params[0] = '\0';
    memcpy(d->asked, d->params, sizeof(d->asked));
    target_close(&d->target);
    rc = open_target(d, why);
    if (rc) {
        d->params[0] = '\0';
        (void)!open_target(d, &(struct why){""}); /* /dev/null, or the worker says so */
    }
    d->live.sectors = d->target.sectors;
    if (publish_medium(d, s, 0, dir))
        log_warn("disk %u/%u: cannot tell what is in the drive", d->id.domid, d->id.devid);
    return rc;
}

static void blk_close(void *dev)
{
    struct blk_dev *d = dev, **at = &opened;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    target_close(&d->target);
    free(d);
}

/* Has drvdom resize asked?  blk_publish() takes the wish away, in one transaction with the size. */
static bool do_resize(struct blk_dev *d, struct store *s, const char *dir)
{
    struct why why = {""};
    uint64_t sectors;
    int rc = vbd_back_get_resize(s, 0, dir, &sectors);

    if (rc == -ENOENT)
        return false;
    if (!rc && sectors && target_set_size(&d->target, sectors, &why)) {
        log_warn("disk %u/%u: %s", d->id.domid, d->id.devid, why.text);
        rc = vbd_back_set_resize_error(s, 0, dir, why.text);
    }
    if (rc)
        log_warn("disk %u/%u: resize: %s", d->id.domid, d->id.devid, strerror(-rc));
    return true;
}

static int blk_refresh(void *dev, const struct backend_look *at, void *payload, bool *announce,
                       struct why *why)
{
    struct blk_dev *d = dev;
    struct blk_live l = {0};

    *announce = do_resize(d, at->s, at->dir);
    *announce |= target_resized(&d->target);
    l.sectors = d->target.sectors;
    (void)why;
    read_limits(at->s, at->dir, &l);
    if (!at->all && memcmp(&l, &d->live, sizeof(l)) == 0)
        return 0;
    d->live = l;
    memcpy(payload, &l, sizeof(l));
    return (int)sizeof(l);
}

static bool blk_has_changed(void *dev)
{
    struct blk_dev *d = dev;

    if (d->nbd)
        return false;
    if (d->target.claim_fd < 0)
        return target_claim(&d->target, d->path) == 0;
    return target_size_differs(&d->target);
}

/* An NBD server has told the worker what the disk is like. */
static int blk_ready(void *dev, const void *payload, size_t len, struct why *why)
{
    struct blk_dev *d = dev;
    struct blk_setup p;

    if (!d->nbd)
        return 0;
    if (len != sizeof(p))
        return why_set(why, -EPROTO, "READY of worker and drvdomd do not match");
    memcpy(&p, payload, sizeof(p));
    if (p.sectors == 0 || p.sectors > INT64_MAX / BLKIF_SECTOR || p.block < BLKIF_SECTOR ||
        p.block > BLKIF_PAGE || (p.block & (p.block - 1)))
        return why_set(why, -EPROTO, "disk \"%s\" is of an impossible size", d->path);
    d->live.sectors = d->target.sectors = p.sectors;
    d->target.block = d->target.physical_bytes = d->target.granule = p.block;
    d->target.discard_unit = d->target.discard_granularity = p.discard_unit;
    d->target.dsync = p.dsync;
    d->discard = d->discard_allowed && p.discard_unit > 0;
    log_info("disk %u/%u is \"%s\": %llu sectors%s%s", d->id.domid, d->id.devid, d->path,
             (unsigned long long)p.sectors, p.readonly ? ", read-only" : "",
             p.dsync            ? ", each write synchronous"
             : p.volatile_cache ? ", flushed when the guest asks"
                                : "");
    return 0;
}

static const char *blk_worker_of(const void *dev)
{
    const struct blk_dev *d = dev;

    return d->nbd ? "drvdom-nbdback" : "drvdom-blkback";
}

static uint32_t info_flags(const struct blk_dev *d)
{
    return (d->cdrom ? BLKIF_DISK_CDROM : 0u) | (d->removable ? BLKIF_DISK_REMOVABLE : 0u) |
           (d->target.readonly ? BLKIF_DISK_READONLY : 0u);
}

/* As many queues as processors serve them; a guest uses at most one per processor of its own.
 * DRVDOM_BLK_QUEUES is for tests on a single processor. */
static uint32_t queues_offered(const struct blk_dev *d)
{
    const char *want = getenv("DRVDOM_BLK_QUEUES");
    long n = want ? strtol(want, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);

    /* rmw.h; one connection; and the next medium may be of that kind */
    if (d->target.block > BLKIF_SECTOR || d->nbd || has_media(d))
        return 1;
    return n < 1 ? 1 : n > BLK_QUEUES_MAX ? BLK_QUEUES_MAX : (uint32_t)n;
}

static int publish_discard(const struct blk_dev *d, struct store *s, store_txn t, const char *dir)
{
    int rc = vbd_back_set_feature_discard(s, t, dir, d->discard);

    if (rc || !d->discard)
        return rc;
    rc = vbd_back_set_discard_granularity(s, t, dir, d->target.discard_granularity);
    if (!rc)
        rc = vbd_back_set_discard_alignment(s, t, dir, d->target.discard_alignment);
    if (!rc)
        rc = vbd_back_set_discard_secure(s, t, dir, d->target.secure);
    return rc;
}

static int publish_features(const struct blk_dev *d, struct store *s, store_txn t, const char *dir)
{
    int rc = vbd_back_rm_resize(s, t, dir);

    if (!rc)
        rc = vbd_back_set_feature_flush_cache(s, t, dir, d->flush);
    if (!rc)
        rc = vbd_back_set_feature_barrier(s, t, dir, d->flush);
    if (!rc)
        rc = vbd_back_set_feature_persistent(s, t, dir, true);
    if (!rc)
        rc = vbd_back_set_feature_max_indirect_segments(s, t, dir, BLK_INDIRECT_SEGS);
    if (!rc)
        rc = vbd_back_set_multi_queue_max_queues(s, t, dir, queues_offered(d));
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
    /* A hint; left out where it says nothing, because Nanos refuses a disk that has it. */
    if (!rc && !d->hide_physical && d->target.physical_bytes > BLKIF_SECTOR &&
        d->target.sectors * BLKIF_SECTOR % d->target.physical_bytes == 0)
        rc = vbd_back_set_physical_sector_size(s, t, dir, d->target.physical_bytes);
    if (!rc)
        rc = publish_discard(d, s, t, dir);
    if (!rc)
        rc = publish_medium(d, s, t, dir);
    return rc ? rc : publish_features(d, s, t, dir);
}

static size_t blk_setup(void *dev, void *payload, int *fds, int *nfds)
{
    const struct blk_dev *d = dev;
    struct blk_setup p;

    memset(&p, 0, sizeof(p)); /* padding too: it crosses to another process */
    p.sectors = d->target.sectors;
    p.queues = queues_offered(d);
    p.block = d->target.block;
    p.discard_unit = d->discard ? d->target.discard_unit : 0;
    p.secure = d->discard && d->target.secure;
    p.blockdev = d->target.blockdev;
    p.readonly = d->target.readonly;
    p.flush = d->flush;
    /* A cache that came after the guest was told that there is none. */
    p.dsync = d->target.dsync || (d->target.volatile_cache && !d->flush);
    p.volatile_cache = d->target.volatile_cache;
    if (d->nbd) {
        p.discard = d->discard_allowed;
        snprintf(p.nbd, sizeof(p.nbd), "%s", d->path);
    } else {
        fds[(*nfds)++] = d->target.fd;
    }
    memcpy(payload, &p, sizeof(p));
    if (d->target.alive_fd >= 0)
        fds[(*nfds)++] = d->target.alive_fd;
    return sizeof(p);
}

/* ---- the frontend's directory: front.c ---- */

static int blk_read_front(void *dev, struct store *s, store_txn t, const char *front_dir,
                          void *payload, struct why *why)
{
    struct blk_dev *d = dev;
    struct blk_connect c;
    int rc;

    if (!d->nbd && target_claim(&d->target, d->path))
        return -EAGAIN; /* blk_has_changed() looks after it */
    memset(&c, 0, sizeof(c));
    c.live = d->live;
    rc = blk_front_read(s, t, front_dir, queues_offered(d), &c, why);
    if (rc)
        return rc;
    memcpy(payload, &c, sizeof(c));
    return (int)sizeof(c);
}

const struct backend_class blk_backend_class = {
    .kind = "vbd",
    .keys = &schema_dir_vbd_back,
    .worker = "drvdom-blkback",
    .worker_of = blk_worker_of,
    .ready = blk_ready,
    .connect_at_initialised = true,
    .open = blk_open,
    .close = blk_close,
    .publish = blk_publish,
    .setup = blk_setup,
    .read_front = blk_read_front,
    .refresh = blk_refresh,
    .has_changed = blk_has_changed,
    .other_target = blk_other_target,
    .exchange = blk_exchange,
};
