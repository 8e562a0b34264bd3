/*
 * drvdom attach, detach: hot plug that has happened when it says so.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "dom0-tools/wait.h"
#include "dom0-tools/xl.h"
#include "transport/base/log.h"
#include "transport/xen/xenbus.h"

static const char attach_help[] =
    "usage: drvdom attach GUEST disk SPEC [--timeout SECONDS]\n"
    "       drvdom attach GUEST vif SPEC [--timeout SECONDS]\n"
    "\n"
    "SPEC is what stands in xl.cfg: format=raw,vdev=xvdb,access=rw,backend=NAME,target=/dev/sda\n"
    "or mac=00:16:3e:01:02:03,bridge=xenbr0,backend=NAME.  Returns when both ends are Connected\n"
    "(default time-out 20 s); when that fails, with the driver domain's reason.\n";
static const char detach_help[] =
    "usage: drvdom detach GUEST DEVICE [--force] [--timeout SECONDS]\n"
    "\n"
    "DEVICE is xvda, vif0 or vbd/51712.  Returns when nothing of the device is left; when the\n"
    "guest does not let go, says so: the detach then completes by itself as soon as it does.\n"
    "--force (disks) takes the device away from a guest that does not answer.\n";

enum {
    ATTACH_S = 20,
    /* The guest hears of the end of its device by a watch, later than we do: see
     * attach_until_taken_up. Nothing in xenstore tells when it is done; an idle guest needs some 50
     * ms. */
    GUEST_NOTICES_MS = 200,
    TAKE_UP_MS = 2000, /* a guest that is about to take a device up has answered by then */
    ASK_MS = 20,
};

struct request {
    struct system sys;
    struct options o;
    const char *guest;
    unsigned guest_id;
    uint64_t end_ns;
};

/* 0, or an enum verb_exit + 1. */
static int open_guest(struct request *r, unsigned nargs, const char *usage)
{
    const struct domain_info *d;

    if (r->o.nargs != nargs)
        return 1 + verb_usage(usage);
    r->guest = r->o.args[0];
    r->end_ns =
        clock_ns() + (r->o.has_timeout ? r->o.timeout_ns : (uint64_t)ATTACH_S * 1000000000u);
    if (system_open(&r->sys))
        return 1 + VERB_FAILED;
    d = system_domain(&r->sys, r->guest);
    if (!d) {
        log_error("no domain \"%s\": see xl list", r->guest);
        system_close(&r->sys);
        return 1 + VERB_FAILED;
    }
    r->guest_id = d->id;
    return 0;
}

/* Nanoseconds; 0 when the time is over, which xl_run() takes for "at once". */
static uint64_t time_left(const struct request *r)
{
    uint64_t t = clock_ns();

    return r->end_ns > t ? r->end_ns - t : 0;
}

/* xl network-attach wants each NAME=VALUE as an argument. */
static int xl_attach(const char *guest, bool disk, const char *text, uint64_t timeout_ns)
{
    const char *args[SPEC_ITEMS + 4] = {disk ? "block-attach" : "network-attach", guest, text};
    char pairs[SPEC_ITEMS][160];
    struct spec s;

    if (disk)
        return xl_run(args, timeout_ns);
    if (spec_parse(&s, text, NULL)) {
        log_error("the line is too long");
        return -EINVAL;
    }
    for (unsigned i = 0; i < s.count; i++) {
        snprintf(pairs[i], sizeof(pairs[i]), "%s=%s", s.items[i].name, s.items[i].value);
        args[2 + i] = pairs[i];
    }
    return xl_run(args, timeout_ns);
}

static bool known(const struct system *sys, const struct device_info *d)
{
    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *e = &sys->devices[i];

        if (e->guest == d->guest && e->devid == d->devid && strcmp(e->kind, d->kind) == 0)
            return true;
    }
    return false;
}

static int xl_detach(const char *guest, const struct device_info *d, bool force,
                     uint64_t timeout_ns)
{
    bool disk = strcmp(d->kind, "vbd") == 0;
    const char *args[6] = {disk ? "block-detach" : "network-detach"};
    char devid[16];
    unsigned n = 1;

    snprintf(devid, sizeof(devid), "%u", d->devid);
    if (disk && force)
        args[n++] = "--force";
    args[n++] = guest;
    args[n] = devid;
    return xl_run(args, timeout_ns);
}

/* xl has failed, and left what it had made: it is told, and taken away, or the next try would find
 * it in its way. */
static void undo(const struct request *r, const struct system *now, struct device_info *d)
{
    struct verdict v;

    explain_device(d, system_domain_id(now, d->back), NULL, &v);
    log_error("%s: %s; remedy: %s", d->label, v.cause, v.remedy);
    if (xl_detach(r->guest, d, true, UINT64_C(25000000000)))
        log_error("remains of the device are left: drvdom detach %s %s --force", r->guest,
                  d->label);
}

/* The guest's device that was not there before, or NULL. */
static struct device_info *find_new(struct system *now, const struct request *before)
{
    for (size_t i = 0; i < now->ndevices; i++) {
        struct device_info *d = &now->devices[i];

        if (d->guest == before->guest_id && !known(&before->sys, d))
            return d;
    }
    return NULL;
}

/* xl failed and has taken the device away; the driver domain remembers why. */
static void tell_failures(const struct system *now, unsigned guest)
{
    for (size_t i = 0; i < now->nfailures; i++) {
        const struct failure_info *f = &now->failures[i];
        struct verdict v;

        if (f->guest != guest)
            continue;
        explain_failure(f, system_domain_id(now, f->back), &v);
        log_error("%s/%u: %s; remedy: %s", f->kind, f->devid, v.cause, v.remedy);
    }
}

/* Once.  0 and *found, or !*ours when dom0 serves it; or -errno, told. */
static int attach_once(struct request *r, bool disk, const char *spec, struct device_info *found,
                       bool *ours)
{
    struct device_info *d;
    struct system now;
    int rc = xl_attach(r->guest, disk, spec, time_left(r)), rd = system_read(&now, r->sys.store);

    if (rd)
        return rd;
    d = find_new(&now, r);
    if (rc && d)
        undo(r, &now, d);
    else if (rc)
        tell_failures(&now, r->guest_id);
    *ours = d;
    if (d)
        *found = *d;
    system_fini(&now);
    return rc;
}

/* Has the guest's driver answered the new device within TAKE_UP_MS? */
static bool taken_up(const struct request *r, struct device_info *d)
{
    uint64_t end = clock_ns() + TAKE_UP_MS * UINT64_C(1000000);

    for (;;) {
        system_refresh(r->sys.store, d);
        if (d->front_state == XENBUS_CLOSING || d->front_state == XENBUS_CLOSED)
            return false;
        if (d->front_state > XENBUS_INITIALISING)
            return true;
        if (clock_ns() >= end || !time_left(r))
            return false;
        poll(NULL, 0, ASK_MS);
    }
}

/* A guest lets go of a device after its directory is gone, and in its own time.  One of the same
 * number that comes before finds the old one in its way: Linux writes Closed into the new
 * directory, or sees no news in it and leaves it Initialising, and does not look again, whoever the
 * backend is. So the new one is taken away and made again, until the guest is done with the old
 * one: its netfront sleeps up to 5 s between its looks at the other end. */
static int attach_until_taken_up(struct request *r, bool disk, const char *spec,
                                 struct device_info *d, bool *ours)
{
    static const unsigned pauses_ms[] = {1000, 6000};

    for (unsigned i = 0;; i++) {
        int rc = attach_once(r, disk, spec, d, ours);

        if (rc || !*ours || taken_up(r, d) || i == ARRAY_SIZE(pauses_ms) ||
            time_left(r) < (pauses_ms[i] + TAKE_UP_MS) * UINT64_C(1000000))
            return rc;
        log_info("%s: the guest has not taken it up, it may have to do with one that was detached: "
                 "attaching again",
                 d->label);
        rc = xl_detach(r->guest, d, false, time_left(r));
        if (rc)
            return rc;
        poll(NULL, 0, (int)pauses_ms[i]);
    }
}

static int attach(struct request *r, bool disk, const char *spec)
{
    struct device_info d;
    bool ours = false;
    int rc = attach_until_taken_up(r, disk, spec, &d, &ours);

    if (rc)
        return rc;
    if (!ours) {
        log_info("%s is served by dom0, not by a driver domain: not waited for", spec);
        return 0;
    }
    rc = wait_connected(r->sys.store, &d, r->end_ns);
    if (!rc)
        printf("%s: %s is Connected\n", r->guest, d.label);
    return rc;
}

int verb_attach(int argc, char **argv)
{
    static struct request r;
    bool disk;
    int rc = options_parse(&r.o, argc, argv, attach_help, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    rc = open_guest(&r, 3, "attach: GUEST disk|vif SPEC");
    if (rc)
        return rc - 1;
    disk = strcmp(r.o.args[1], "disk") == 0;
    if (!disk && strcmp(r.o.args[1], "vif") != 0) {
        system_close(&r.sys);
        return verb_usage("attach: say disk or vif");
    }
    rc = attach(&r, disk, r.o.args[2]);
    system_close(&r.sys);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}

/* ---- detach ---- */

static struct device_info *find_device(struct request *r, const char *text)
{
    for (size_t i = 0; i < r->sys.ndevices; i++) {
        struct device_info *d = &r->sys.devices[i];

        if (d->guest == r->guest_id && system_device_is(d, text))
            return d;
    }
    return NULL;
}

static int detach(struct request *r, struct device_info *d, bool force)
{
    struct verdict v;
    int rc = xl_detach(r->guest, d, force, time_left(r));

    system_refresh(r->sys.store, d);
    if (!rc && !d->has_back) {
        poll(NULL, 0, GUEST_NOTICES_MS);
        return 0;
    }
    explain_device(d, system_domain_id(&r->sys, d->back), NULL, &v);
    log_error("%s is not detached: %s; remedy: %s", d->label, v.cause, v.remedy);
    return rc ? rc : -EIO;
}

int verb_detach(int argc, char **argv)
{
    static struct request r;
    struct option_own own[] = {{.name = "force"}};
    struct device_info *d;
    int rc = options_parse(&r.o, argc, argv, detach_help, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    rc = open_guest(&r, 2, "detach: GUEST DEVICE");
    if (rc)
        return rc - 1;
    d = find_device(&r, r.o.args[1]);
    if (!d) {
        log_error("%s has no device \"%s\" of a driver domain: see drvdom show %s", r.guest,
                  r.o.args[1], r.guest);
        rc = -ENOENT;
    } else {
        rc = detach(&r, d, own[0].count > 0);
    }
    system_close(&r.sys);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
