/*
 * drvdom resize: a disk has become larger, or shall.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/options.h"
#include "dom0-tools/system.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom resize GUEST DISK [SIZE] [--shrink] [--timeout SECONDS]\n"
    "\n"
    "Without SIZE: the disk's size in the driver domain has changed (a volume was extended): it "
    "is\n"
    "looked at again, and the guest is told.  With SIZE (bytes, or 512M, 20G): the file that the\n"
    "disk is in the driver domain is made so large first.  Returns when the new size is offered "
    "to\n"
    "the guest, which stays connected (default time-out 5 s).\n"
    "\n"
    "  --shrink   SIZE may be smaller than the disk is: what lies behind it is lost\n";

enum { DEFAULT_S = 5, ASK_MS = 20 };

struct wish {
    uint64_t sectors; /* of 512 bytes; 0: look at what there is */
    bool shrink;
    uint64_t end_ns;
};

static int parse_size(const char *text, uint64_t *sectors)
{
    size_t len = strlen(text);
    unsigned shift = 0;
    uint64_t bytes;

    if (len > 1)
        shift = text[len - 1] == 'K'   ? 10
                : text[len - 1] == 'M' ? 20
                : text[len - 1] == 'G' ? 30
                                       : 0;
    if (value_uint(text, len - (shift > 0), 1, INT64_MAX >> shift, &bytes))
        return -EINVAL;
    bytes <<= shift;
    *sectors = bytes / 512;
    return bytes % 512 ? -EINVAL : 0;
}

/* drvdomd removes the wish when it has been dealt with, and leaves the reason when it failed. */
static int wait_done(struct store *s, const struct device_info *d, const char *dir, uint64_t end_ns)
{
    char why[VBD_BACK_SIZE_RESIZE_ERROR];
    uint64_t left;

    while (vbd_back_get_resize(s, 0, dir, &left) != -ENOENT) {
        if (clock_ns() >= end_ns) {
            log_error("%s: the driver domain does not answer; remedy: drvdom why %u/%s", d->label,
                      d->guest, d->label);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, ASK_MS);
    }
    if (vbd_back_get_resize_error(s, 0, dir, why, sizeof(why)))
        return 0;
    log_error("%s: %s", d->label, why);
    return -EIO;
}

static int resize(struct store *s, const struct device_info *d, const struct wish *w)
{
    char dir[STORE_PATH_MAX];
    uint64_t before, after;
    int rc;

    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    if (vbd_back_get_sectors(s, 0, dir, &before)) {
        log_error("%s: the driver domain does not serve it; remedy: drvdom why %u/%s", d->label,
                  d->guest, d->label);
        return -ENODEV;
    }
    if (w->sectors && w->sectors < before && !w->shrink) {
        log_error("%s has %llu bytes: to make it smaller, give --shrink (what lies behind is lost)",
                  d->label, (unsigned long long)before * 512);
        return -EINVAL;
    }
    rc = vbd_back_rm_resize_error(s, 0, dir);
    if (!rc || rc == -ENOENT)
        rc = vbd_back_set_resize(s, 0, dir, w->sectors);
    if (rc) {
        log_error("%s: %s", dir, strerror(-rc));
        return rc;
    }
    rc = wait_done(s, d, dir, w->end_ns);
    if (rc || vbd_back_get_sectors(s, 0, dir, &after))
        return rc ? rc : -EIO;
    printf("%s: %llu bytes, was %llu\n", d->label, (unsigned long long)after * 512,
           (unsigned long long)before * 512);
    return 0;
}

int verb_resize(int argc, char **argv)
{
    struct option_own own[] = {{.name = "shrink"}};
    const struct device_info *d;
    struct wish w = {0};
    struct options o;
    struct system sys;
    int rc = options_parse(&o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (o.nargs < 2 || o.nargs > 3)
        return verb_usage("resize: GUEST DISK [SIZE]");
    if (o.nargs == 3 && parse_size(o.args[2], &w.sectors))
        return verb_usage("resize: SIZE is a number of bytes, a multiple of 512, as 512M or 20G");
    w.shrink = own[0].count > 0;
    w.end_ns = clock_ns() + (o.has_timeout ? o.timeout_ns : DEFAULT_S * UINT64_C(1000000000));
    if (system_open(&sys))
        return VERB_FAILED;
    d = system_disk(&sys, o.args[0], o.args[1]);
    rc = d ? resize(sys.store, d, &w) : -ENODEV;
    system_close(&sys);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
