/*
 * drvdom media: what is in a drive, and another medium.
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
    "usage: drvdom media GUEST DISK [insert TARGET | eject] [--timeout SECONDS]\n"
    "\n"
    "Puts another medium into a CD-ROM or removable disk, or takes it out, while the guest has "
    "the\n"
    "drive connected.  TARGET as target= in xl.cfg: a path in the driver domain.  One that cannot\n"
    "be had leaves the drive empty.  Without an action: tells what is in it.  Returns when the\n"
    "drive has it (default time-out 5 s).\n";

enum { DEFAULT_S = 5, ASK_MS = 20 };

enum answer { WAITING, DONE, REFUSED };

static enum answer look(struct store *s, const char *dir, const char *target, char *why, size_t len)
{
    char medium[VBD_BACK_SIZE_MEDIUM];

    if (vbd_back_get_error(s, 0, dir, why, len) == 0)
        return REFUSED;
    return vbd_back_get_medium(s, 0, dir, medium, sizeof(medium)) == 0 &&
                   strcmp(medium, target) == 0
               ? DONE
               : WAITING;
}

/* A target that was refused is taken back, so that the next attempt is a change again. */
static int wait_done(struct store *s, const struct device_info *d, const char *dir,
                     const char *target, uint64_t end_ns)
{
    char why[VBD_BACK_SIZE_ERROR];
    enum answer a;

    while ((a = look(s, dir, target, why, sizeof(why))) == WAITING) {
        if (clock_ns() >= end_ns) {
            log_error("%s: the driver domain does not answer; remedy: drvdom why %u/%s", d->label,
                      d->guest, d->label);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, ASK_MS);
    }
    if (a == DONE)
        return 0;
    log_error("%s: %s", d->label, why);
    (void)!vbd_back_set_params(s, 0, dir, "");
    return -EIO;
}

static int change(struct store *s, const struct device_info *d, const char *dir, const char *target,
                  uint64_t end_ns)
{
    int rc = vbd_back_rm_error(s, 0, dir);

    if (!rc || rc == -ENOENT)
        rc = vbd_back_set_params(s, 0, dir, target);
    if (rc) {
        log_error("%s: %s", dir, strerror(-rc));
        return rc;
    }
    return wait_done(s, d, dir, target, end_ns);
}

static int media(struct store *s, const struct device_info *d, const char *target, uint64_t end_ns)
{
    char dir[STORE_PATH_MAX], medium[VBD_BACK_SIZE_MEDIUM];
    int rc;

    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    rc = vbd_back_get_medium(s, 0, dir, medium, sizeof(medium));
    if (rc) {
        log_error(rc == -ENOENT ? "%s is neither a CD-ROM nor removable (xl.cfg: devtype=cdrom)"
                                : "%s: its backend directory cannot be read",
                  d->label);
        return rc;
    }
    if (target)
        rc = change(s, d, dir, target, end_ns);
    else
        target = medium;
    if (!rc)
        printf("%s: %s\n", d->label, *target ? target : "empty");
    return rc;
}

/* insert TARGET, eject, or nothing: *target NULL. */
static int parse_action(const struct options *o, const char **target)
{
    *target = NULL;
    if (o->nargs == 2)
        return 0;
    if (o->nargs == 3 && strcmp(o->args[2], "eject") == 0)
        *target = "";
    else if (o->nargs == 4 && strcmp(o->args[2], "insert") == 0 && *o->args[3])
        *target = o->args[3];
    return *target ? 0 : -EINVAL;
}

int verb_media(int argc, char **argv)
{
    const struct device_info *d;
    const char *target;
    struct options o;
    struct system sys;
    uint64_t end_ns;
    int rc = options_parse(&o, argc, argv, help_text, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs < 2 || parse_action(&o, &target))
        return verb_usage("media: GUEST DISK [insert TARGET | eject]");
    end_ns = clock_ns() + (o.has_timeout ? o.timeout_ns : DEFAULT_S * UINT64_C(1000000000));
    if (system_open(&sys))
        return VERB_FAILED;
    d = system_disk(&sys, o.args[0], o.args[1]);
    rc = d ? media(sys.store, d, target, end_ns) : -ENODEV;
    system_close(&sys);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
