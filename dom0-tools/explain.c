/* See explain.h. */
#include "dom0-tools/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/xen/xenbus.h"

static void say(struct verdict *v, enum verdict_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct verdict *v, enum verdict_kind kind, const char *fmt, ...)
{
    va_list ap;

    v->kind = kind;
    v->remedy[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(v->cause, sizeof(v->cause), fmt, ap);
    va_end(ap);
}

static void advise(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void advise(struct verdict *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(v->remedy, sizeof(v->remedy), fmt, ap);
    va_end(ap);
}

/* ---- error texts ---- */

/* Words of our own messages, and of strerror() in them.  The first that fits counts, so the more
 * special come first. */
static const struct {
    const char *words, *remedy;
} remedies[] = {
    {"is not an absolute path", "write target=/dev/... or target=/path in the guest's disk line"},
    {"no server answers there", "start the NBD server, or correct the address in target="},
    {"use nbd://", "correct the address in target=: drvdomd(8), DISKS"},
    {"drvdom-nbdback", "put `nbd on` into the driver domain's drvdom.conf and rebuild the image"},
    {"no disk is named", "add target=/dev/... to the guest's disk line"},
    {"is a directory", "name a block device or a file in target="},
    {"neither a block device nor a file", "name a block device or a file in target="},
    {"of 0 bytes", "give the disk a size; a file: truncate -s SIZE"},
    {"nothing to serve", "give the disk a size; a file: truncate -s SIZE"},
    {"is not a bridge", "name a bridge of the driver domain in the guest's vif line (bridge=)"},
    {"bridge \"", "name a bridge the driver domain has (bridge=), or add `bridge NAME` to its "
                  "drvdom.conf and rebuild the image"},
    {"exists already in this driver domain", "choose another vifname="},
    {"tun module", "rebuild the image with --module tun"},
    {"/dev/net/tun", "rebuild the image with --module tun"},
    {"does not exist in this driver domain", "name a disk the driver domain has; is its controller "
                                             "passed through?"},
    {"No such file or directory", "name a disk the driver domain has; is its controller passed "
                                  "through (drvdom show NAME)?"},
    {"busy", "somebody else uses the disk exclusively: detach it there, or mount it read-only"},
    {"in use", "somebody else uses the disk exclusively: detach it there, or mount it read-only"},
    {"Read-only file system", "use access=ro in the guest's disk line"},
    {"Permission denied", "use access=ro in the guest's disk line, or make the target writable"},
    {"No medium", "put a medium in, or name another target="},
    {"Cannot allocate memory", "give the driver domain more memory="},
    {"no memory", "give the driver domain more memory="},
    {"No space left", "raise xenstored's quota (drvdom limits NAME) or free the disk"},
    {"Too many open files", "serve fewer devices from one driver domain"},
    {"io_uring", "build the image from a kernel of 5.10 or later"},
    {"xen-evtchn module", "rebuild the image: drvdom image build"},
    {"is of another version", "rebuild the image: drvdomd and its workers differ"},
    {"not created as a driver domain", "add driver_domain=1 to its config and create it again, or "
                                       "correct backend="},
    {"worker", "see the driver domain's console: /var/log/xen/console/guest-NAME.log"},
    {"frontend: ", "the guest's driver wrote what the protocol forbids: update the guest"},
    {"impossible ind", "the guest's driver broke the ring: detach, then attach the device again"},
};

static const char *table_remedy(const char *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
        if (strstr(error, remedies[i].words))
            return remedies[i].remedy;
    }
    return NULL;
}

const char *explain_remedy(const char *error)
{
    const char *known = table_remedy(error);

    return known ? known
                 : "see the driver domain's console: xl console NAME, or /var/log/xen/console";
}

/* drvdomd's texts are "what; remedy": the cause keeps the first half; the second is the remedy
 * unless the table knows a better one. */
static void split_error(struct verdict *v, const char *error)
{
    char *own = strstr(v->cause, "; ");
    const char *known = table_remedy(error);

    advise(v, "%s", known || !own ? explain_remedy(error) : own + 2);
    if (own)
        *own = '\0';
}

/* ---- the driver domain ---- */

void explain_domain(const struct domain_info *d, struct verdict *v)
{
    if (!d->driver_domain) {
        say(v, VERDICT_FAULT, "domain %s (%u) was not created as a driver domain", d->name, d->id);
        advise(v, "add driver_domain=1 to its config and create it again, or correct backend=");
    } else if (!d->has_drvdomd) {
        say(v, VERDICT_WAITING,
            "drvdomd does not run in %s (%u): it is still starting, or the "
            "domain was not started from a drvdom image",
            d->name, d->id);
        advise(v,
               "drvdom wait %s; if it stays so: drvdom image build, and see "
               "/var/log/xen/console/guest-%s.log",
               d->name, d->name);
    } else if (d->state == DRVDOM_STATE_FAILED) {
        say(v, VERDICT_FAULT, "%s (%u) could not start: %s", d->name, d->id,
            d->error[0] ? d->error : "no reason told");
        split_error(v, d->error);
    } else if (d->state != DRVDOM_STATE_READY) {
        say(v, VERDICT_WAITING, "%s (%u) is %s", d->name, d->id, drvdom_state_str(d->state));
        advise(v, "drvdom wait %s", d->name);
    } else {
        say(v, VERDICT_OK, "%s (%u) is ready", d->name, d->id);
    }
}

/* ---- a device ---- */

static const char *class_name(const struct device_info *d)
{
    return strcmp(d->kind, "vbd") == 0 ? "disk" : "network";
}

static const char *front_module(const struct device_info *d)
{
    return strcmp(d->kind, "vbd") == 0 ? "xen-blkfront" : "xen-netfront";
}

static void advise_again(struct verdict *v, const struct device_info *d)
{
    advise(v, "drvdom detach %u %s, then drvdom attach", d->guest, d->label);
}

/* The directory or its state is missing. */
static void explain_absent(const struct device_info *d, const struct domain_info *back,
                           struct verdict *v)
{
    const char *error = d->error[0] ? d->error : d->record;

    if (error[0]) {
        say(v, VERDICT_FAULT, "%s: %s", back->name, error);
        split_error(v, error);
    } else if (!d->has_back) {
        say(v, VERDICT_FAULT,
            "%s has no backend directory for this %s: it was removed, or the "
            "driver domain that made it is gone",
            back->name, class_name(d));
        advise_again(v, d);
    } else {
        say(v, VERDICT_FAULT, "%s removed its state and told no reason", back->name);
        advise(v, "see /var/log/xen/console/guest-%s.log", back->name);
    }
}

/* The backend has offered the device and waits for the guest. */
static void explain_offered(const struct device_info *d, const struct domain_info *back,
                            const char *broken, struct verdict *v)
{
    switch (d->front_state) {
    case XENBUS_INITIALISING:
        say(v, VERDICT_WAITING,
            "%s waits for the guest: no frontend driver has answered (%s not "
            "loaded, or the guest has not booted so far)",
            back->name, front_module(d));
        advise(v, "in the guest: modprobe %s", front_module(d));
        break;
    case XENBUS_INIT_WAIT:
        say(v, VERDICT_WAITING, "the guest's %s driver has begun and not finished", class_name(d));
        advise(v, "in the guest: dmesg | grep %s", front_module(d));
        break;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        say(v, VERDICT_WAITING, "the guest is %s, %s has not connected%s%s",
            xenbus_state_name(d->front_state), back->name, broken && broken[0] ? ": " : "",
            broken ? broken : "");
        if (broken && broken[0])
            advise(v, "the guest's frontend driver does not write it: update the guest's %s",
                   front_module(d));
        else
            advise(v, "see /var/log/xen/console/guest-%s.log", back->name);
        break;
    case XENBUS_CLOSING:
    case XENBUS_CLOSED:
        say(v, VERDICT_WAITING, "the guest has closed the %s and may open it again", class_name(d));
        advise(v, "load %s in the guest, or drvdom detach %u %s", front_module(d), d->guest,
               d->label);
        break;
    default:
        say(v, VERDICT_FAULT, "the guest's frontend has no valid state");
        advise_again(v, d);
    }
}

static void explain_closing(const struct device_info *d, const struct domain_info *back,
                            struct verdict *v)
{
    if (!d->online && d->front_state == XENBUS_CONNECTED) {
        say(v, VERDICT_FAULT,
            "stuck Closing: detach was asked for and the guest does not let go: the %s is busy in "
            "the guest, or the guest does not run",
            class_name(d));
        if (strcmp(d->kind, "vbd") == 0)
            advise(v,
                   "in the guest: umount /dev/%s (or swapoff, close it); the detach then "
                   "completes",
                   d->label);
        else
            advise(v, "in the guest: bring the interface down; the detach then completes");
        return;
    }
    if (d->error[0]) {
        say(v, VERDICT_FAULT, "%s closed the device: %s", back->name, d->error);
        split_error(v, d->error);
    } else if (d->back_state == XENBUS_CLOSING) {
        say(v, VERDICT_FAULT, "stuck Closing: %s waits for the guest, which is %s", back->name,
            xenbus_state_name(d->front_state));
        advise(v, "drvdom detach %u %s --force", d->guest, d->label);
    } else if (!d->online) {
        say(v, VERDICT_WAITING, "%s is Closed and has not removed its directory", back->name);
        advise(v, "drvdom detach %u %s --force", d->guest, d->label);
    } else {
        say(v, VERDICT_FAULT, "%s has closed the device, the guest is %s", back->name,
            xenbus_state_name(d->front_state));
        advise_again(v, d);
    }
}

/* drvdomd writes hotplug-status=connected together with state 2, so a state above 1 without it is
 * not drvdomd's; neither is any where drvdomd does not run.  A device that works is let be. */
static bool other_backend(const struct device_info *d, const struct domain_info *back)
{
    if (!d->has_back_state || d->back_state < XENBUS_INIT_WAIT || d->back_state > XENBUS_CONNECTED)
        return false;
    if (d->hotplug != DEVICE_BACK_HOTPLUG_STATUS_CONNECTED)
        return true;
    return !back->has_drvdomd && d->front_state != XENBUS_CONNECTED;
}

static void explain_states(const struct device_info *d, const struct domain_info *back,
                           const char *broken, struct verdict *v)
{
    switch (d->back_state) {
    case XENBUS_INITIALISING:
        say(v, VERDICT_WAITING, "%s has not answered: drvdomd has not opened the %s so far",
            back->name, class_name(d));
        advise(v, "see /var/log/xen/console/guest-%s.log", back->name);
        break;
    case XENBUS_INIT_WAIT:
        explain_offered(d, back, broken, v);
        break;
    case XENBUS_CONNECTED:
        if (d->front_state == XENBUS_CONNECTED) {
            say(v, VERDICT_OK, "both ends are Connected");
        } else if (d->front_state >= XENBUS_CLOSING) {
            say(v, VERDICT_WAITING, "the guest has closed the %s, %s follows", class_name(d),
                back->name);
        } else {
            say(v, VERDICT_WAITING, "%s is Connected, the guest is %s", back->name,
                xenbus_state_name(d->front_state));
            advise(v, "in the guest: dmesg | grep %s", front_module(d));
        }
        break;
    case XENBUS_CLOSING:
    case XENBUS_CLOSED:
        explain_closing(d, back, v);
        break;
    default:
        say(v, VERDICT_FAULT, "%s is in state %s, which no backend of drvdom enters", back->name,
            xenbus_state_name(d->back_state));
        advise(v, "is a kernel backend module loaded in %s?", back->name);
    }
}

void explain_device(const struct device_info *d, const struct domain_info *back, const char *broken,
                    struct verdict *v)
{
    if (!back) {
        say(v, VERDICT_FAULT, "the driver domain (%u) that served this %s is gone", d->back,
            class_name(d));
        advise(v, "start it again (drvdom start NAME), then drvdom detach %u %s and attach",
               d->guest, d->label);
        return;
    }
    /* A backend that is not ours answers even where drvdomd does not run. */
    if (other_backend(d, back)) {
        say(v, VERDICT_FAULT,
            "another backend than drvdomd answers in %s: the kernel module %s "
            "is loaded there",
            back->name, strcmp(d->kind, "vbd") == 0 ? "xen-blkback" : "xen-netback");
        advise(v, "start %s from a drvdom image, or unload and blacklist the module there",
               back->name);
        return;
    }
    if (!(d->back_state == XENBUS_CONNECTED && d->front_state == XENBUS_CONNECTED)) {
        explain_domain(back, v);
        if (v->kind != VERDICT_OK)
            return;
    }
    if (!d->has_back_state)
        explain_absent(d, back, v);
    else if (!d->has_front) {
        say(v, VERDICT_FAULT,
            "the guest's device directory is gone: the guest, or a detach that "
            "was cut off, removed it");
        advise(v, "drvdom detach %u %s --force", d->guest, d->label);
    } else
        explain_states(d, back, broken, v);
}

void explain_failure(const struct failure_info *f, const struct domain_info *back,
                     struct verdict *v)
{
    say(v, VERDICT_FAULT, "%s: %s", back ? back->name : "driver domain", f->text);
    split_error(v, f->text);
}
