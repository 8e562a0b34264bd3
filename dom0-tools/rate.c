/*
 * drvdom rate: how much a device may do, changed while it is in use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/json.h"
#include "dom0-tools/options.h"
#include "dom0-tools/system.h"
#include "dom0-tools/verb.h"
#include "schema/vif.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom rate GUEST DEVICE [--bytes N] [--iops N] [--burst MS] [--json]\n"
    "\n"
    "Limits a device of a driver domain, at once and without the guest noticing anything but the\n"
    "time; what it asks for beyond waits.  Without an option: tells the limits.\n"
    "\n"
    "  --bytes N   bytes per second, also 512K, 10M, 1G; 0: no limit.  Of a disk: read and "
    "written\n"
    "              together; of a vif: what the guest sends\n"
    "  --iops N    requests per second of a disk; 0: no limit\n"
    "  --burst MS  how long a disk may save up what it did not use (default 100)\n";

/* xl's own interval (xl-network-configuration(5)): tokens come in every 50 ms. */
enum { VIF_USEC = 50000, VIF_PER_S = 1000000 / VIF_USEC };

enum own { OWN_BYTES, OWN_IOPS, OWN_BURST, OWNS };

struct limits {
    uint64_t bytes;
    uint32_t iops, burst_ms;
};

/* "10M".  0 or -EINVAL. */
static int number(const char *text, uint64_t max, uint64_t *out)
{
    size_t len = strlen(text);
    unsigned shift = 0;

    if (len > 1)
        shift = text[len - 1] == 'K'   ? 10
                : text[len - 1] == 'M' ? 20
                : text[len - 1] == 'G' ? 30
                                       : 0;
    if (value_uint(text, len - (shift > 0), 0, max >> shift, out))
        return -EINVAL;
    *out <<= shift;
    return 0;
}

/* ---- a disk ---- */

static void read_disk(struct store *s, const char *dir, struct limits *l)
{
    if (vbd_back_get_limit_bytes(s, 0, dir, &l->bytes))
        l->bytes = 0;
    if (vbd_back_get_limit_iops(s, 0, dir, &l->iops))
        l->iops = 0;
    if (vbd_back_get_limit_burst(s, 0, dir, &l->burst_ms))
        l->burst_ms = 0;
}

static int write_disk(struct store *s, const char *dir, const struct option_own *own,
                      const struct limits *l)
{
    int rc = 0;

    if (own[OWN_BYTES].count)
        rc = vbd_back_set_limit_bytes(s, 0, dir, l->bytes);
    if (!rc && own[OWN_IOPS].count)
        rc = vbd_back_set_limit_iops(s, 0, dir, l->iops);
    if (!rc && own[OWN_BURST].count)
        rc = vbd_back_set_limit_burst(s, 0, dir, l->burst_ms);
    return rc;
}

/* ---- a vif ---- */

static void read_vif(struct store *s, const char *dir, struct limits *l)
{
    struct value_rate r;

    if (vif_back_get_rate(s, 0, dir, &r) == 0 && r.usec)
        l->bytes = (uint64_t)((unsigned __int128)r.bytes * 1000000 / r.usec);
}

static int write_vif(struct store *s, const char *dir, const struct limits *l)
{
    struct value_rate r = {.bytes = l->bytes / VIF_PER_S, .usec = VIF_USEC};

    if (l->bytes == 0)
        return vif_back_rm_rate(s, 0, dir);
    r.bytes = r.bytes ? r.bytes : 1; /* a limit, however small, is not none */
    return vif_back_set_rate(s, 0, dir, r);
}

/* ---- the verb ---- */

static void show(const struct device_info *d, bool disk, const struct limits *l, bool json,
                 struct bytes *out)
{
    struct json j;

    if (json) {
        json_init(&j, out);
        json_object(&j, NULL);
        json_text(&j, "device", d->label);
        json_uint(&j, "bytes_per_s", l->bytes);
        if (disk) {
            json_uint(&j, "iops", l->iops);
            json_uint(&j, "burst_ms", l->burst_ms);
        }
        json_close(&j);
        return;
    }
    bytes_printf(out, "%s: ", d->label);
    if (l->bytes)
        bytes_printf(out, "%llu bytes/s", (unsigned long long)l->bytes);
    if (l->iops)
        bytes_printf(out, "%s%u requests/s", l->bytes ? ", " : "", l->iops);
    bytes_printf(out, l->bytes || l->iops ? "\n" : "no limit\n");
}

static int change(struct store *s, const struct device_info *d, const struct option_own *own,
                  struct limits *l, bool *disk)
{
    char dir[STORE_PATH_MAX];
    int rc;

    *disk = strcmp(d->kind, "vbd") == 0;
    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    if (!*disk && (own[OWN_IOPS].count || own[OWN_BURST].count)) {
        log_error("%s: a vif is limited by --bytes only", d->label);
        return -EINVAL;
    }
    if (*disk)
        rc = write_disk(s, dir, own, l);
    else
        rc = own[OWN_BYTES].count ? write_vif(s, dir, l) : 0;
    if (rc)
        log_error("%s: the limit cannot be written: %s", d->label, strerror(-rc));
    *l = (struct limits){0};
    if (*disk)
        read_disk(s, dir, l);
    else
        read_vif(s, dir, l);
    return rc;
}

/* VERB_OK or VERB_USAGE. */
static int parse_limits(const struct option_own *own, struct limits *l)
{
    uint64_t iops = 0, burst = 0;

    if ((own[OWN_BYTES].count && number(own[OWN_BYTES].values[0], UINT64_C(1) << 60, &l->bytes)) ||
        (own[OWN_IOPS].count && number(own[OWN_IOPS].values[0], 1000000000, &iops)) ||
        (own[OWN_BURST].count && number(own[OWN_BURST].values[0], 60000, &burst)))
        return verb_usage("rate: a limit is a number, as 1000 or 10M");
    l->iops = (uint32_t)iops;
    l->burst_ms = (uint32_t)burst;
    return VERB_OK;
}

int verb_rate(int argc, char **argv)
{
    const char *bytes = NULL, *iops = NULL, *burst = NULL;
    struct option_own own[OWNS] = {[OWN_BYTES] = {"bytes", true, &bytes, 1, 0},
                                   [OWN_IOPS] = {"iops", true, &iops, 1, 0},
                                   [OWN_BURST] = {"burst", true, &burst, 1, 0}};
    const struct device_info *d;
    struct limits l = {0};
    struct bytes out = {0};
    struct options o;
    struct system sys;
    bool disk;
    int rc = options_parse(&o, argc, argv, help_text, own, OWNS);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs != 2)
        return verb_usage("rate: GUEST DEVICE");
    if (parse_limits(own, &l))
        return VERB_USAGE;
    if (system_open(&sys))
        return VERB_FAILED;
    d = system_device(&sys, o.args[0], o.args[1]);
    rc = d ? change(sys.store, d, own, &l, &disk) : -ENOENT;
    if (!rc)
        show(d, disk, &l, o.json, &out);
    system_close(&sys);
    return verb_print(&out, rc ? VERB_FAILED : VERB_OK);
}
