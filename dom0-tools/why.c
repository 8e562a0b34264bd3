/*
 * drvdom why: one line per device that does not work: cause, and remedy.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/guard/client.h"
#include "dom0-tools/json.h"
#include "dom0-tools/nodes.h"
#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"
#include "transport/xen/xenbus.h"

static const char help_text[] =
    "usage: drvdom why GUEST[/DEVICE] [--timeout SECONDS] [--json]\n"
    "       drvdom why --last-words NAME\n"
    "\n"
    "Says for each device of the guest that does not work what the cause is and what to do, a\n"
    "line each.  DEVICE is xvda, vif0 or vbd/51712.  GUEST may be a driver domain, or a guest "
    "that\n"
    "is gone because xl create failed (its number, or any name: then the failures of guests that\n"
    "are gone are told).  A device on its way is watched for SECONDS (default 1) first.\n"
    "\n"
    "With --last-words: what drvdom-guard found in the blackbox of driver domain NAME when it "
    "last\n"
    "died, or finds there now: log lines, and for each device its worker's log and the requests "
    "that\n"
    "were under way.\n"
    "\n"
    "Exit status: 0 all is well, 1 a cause was told, 2 wrong usage.\n";

struct why {
    struct system sys;
    struct options o;
    uint64_t wait_ns;
    char guest[DOMAIN_SIZE_NAME]; /* of the argument */
    const char *device;           /* or NULL */
    struct bytes out;
    struct json j;
    unsigned faults, seen, well;
};

/* Splits "guest/vbd/51712": a name has no slash. */
static int split(struct why *w, const char *arg)
{
    const char *slash = strchr(arg, '/');
    size_t len = slash ? (size_t)(slash - arg) : strlen(arg);

    if (len == 0 || len >= sizeof(w->guest) || (slash && !slash[1]))
        return -EINVAL;
    memcpy(w->guest, arg, len);
    w->device = slash ? slash + 1 : NULL;
    return 0;
}

static void tell_json(struct why *w, const char *guest, const char *device, const struct verdict *v)
{
    static const char *const words[] = {"ok", "waiting", "fault"};

    json_object(&w->j, NULL);
    json_text(&w->j, "guest", guest);
    json_text(&w->j, "device", device);
    json_text(&w->j, "verdict", words[v->kind]);
    json_text(&w->j, "cause", v->cause);
    json_text(&w->j, "remedy", v->remedy[0] ? v->remedy : NULL);
    json_close(&w->j);
}

static void tell(struct why *w, const char *guest, const char *device, const struct verdict *v)
{
    char cause[4 * VERDICT_CAUSE_MAX];

    w->seen++;
    w->faults += v->kind != VERDICT_OK;
    if (w->o.json) {
        tell_json(w, guest, device, v);
        return;
    }
    /* Who asks why wants the fault; the rest is one line at the end. */
    if (v->kind == VERDICT_OK && !w->device) {
        w->well += device != NULL;
        return;
    }
    log_escape(cause, sizeof(cause), v->cause, (unsigned)strlen(v->cause));
    bytes_printf(&w->out, "%s%s%s: %s", guest, device ? "/" : "", device ? device : "", cause);
    if (v->remedy[0])
        bytes_printf(&w->out, "; remedy: %s", v->remedy);
    bytes_printf(&w->out, "\n");
}

/* Judges again until it is not on the way any more, or the time is over.  Asking 20 times a second
 * is nothing, and needs no watches to be undone. */
static void judge(struct why *w, struct device_info *d, struct verdict *v)
{
    const struct domain_info *back = system_domain_id(&w->sys, d->back);
    uint64_t end = clock_ns() + w->wait_ns;
    char broken[SCHEMA_WHY_MAX];

    for (;;) {
        explain_device(d, back, NULL, v);
        /* Reading the guest's whole directory is for those that need it. */
        if (v->kind == VERDICT_WAITING) {
            nodes_first_finding(w->sys.store, d, broken, sizeof(broken));
            explain_device(d, back, broken, v);
        }
        if (v->kind != VERDICT_WAITING || clock_ns() >= end)
            return;
        poll(NULL, 0, 50);
        system_refresh(w->sys.store, d);
    }
}

static void why_device(struct why *w, struct device_info *d)
{
    const struct domain_info *guest = system_domain_id(&w->sys, d->guest);
    struct verdict v;
    uint64_t start = clock_ns();

    judge(w, d, &v);
    /* The time is spent once, not per device. */
    w->wait_ns -= MIN(w->wait_ns, clock_ns() - start);
    tell(w, guest ? guest->name : "(gone)", d->label, &v);
}

static void why_failure(struct why *w, const struct failure_info *f, const char *guest)
{
    char device[64];
    struct verdict v;

    snprintf(device, sizeof(device), "%s/%u", f->kind, f->devid);
    explain_failure(f, system_domain_id(&w->sys, f->back), &v);
    tell(w, guest, device, &v);
}

/* Nothing will be told of it but that. */
static bool works(const struct system *sys, const struct device_info *d)
{
    return system_domain_id(sys, d->back) && d->back_state == XENBUS_CONNECTED &&
           d->front_state == XENBUS_CONNECTED && d->hotplug == DEVICE_BACK_HOTPLUG_STATUS_CONNECTED;
}

static void why_domain(struct why *w, const struct domain_info *dom)
{
    struct verdict v;

    if (dom->driver_domain || dom->has_drvdomd) {
        explain_domain(dom, &v);
        tell(w, dom->name, NULL, &v);
    }
    for (size_t i = 0; i < w->sys.ndevices; i++) {
        struct device_info *d = &w->sys.devices[i];

        if (d->guest != dom->id && d->back != dom->id)
            continue;
        if (w->device || w->o.json || !works(&w->sys, d))
            system_label(&w->sys, d);
        if (!w->device || system_device_is(d, w->device))
            why_device(w, d);
    }
    for (size_t i = 0; i < w->sys.nfailures && !w->device; i++) {
        if (w->sys.failures[i].guest == dom->id)
            why_failure(w, &w->sys.failures[i], dom->name);
    }
    if (w->seen == 0) {
        v = (struct verdict){.kind = w->device ? VERDICT_FAULT : VERDICT_OK};
        snprintf(v.cause, sizeof(v.cause),
                 w->device ? "no such device comes from a driver domain"
                           : "no device comes from a driver domain");
        if (w->device)
            snprintf(v.remedy, sizeof(v.remedy),
                     "is backend=NAME in the guest's disk or vif line?");
        tell(w, dom->name, w->device, &v);
    }
}

/* The guest is gone: what did driver domains remember? */
static int why_gone(struct why *w)
{
    uint64_t id = 0;
    bool numbered = value_uint(w->guest, strlen(w->guest), 0, DOMAIN_MAX_DOMID, &id) == 0;

    for (size_t i = 0; i < w->sys.nfailures; i++) {
        const struct failure_info *f = &w->sys.failures[i];
        char guest[64];

        if (!f->guest_gone || (numbered && f->guest != id))
            continue;
        snprintf(guest, sizeof(guest), "guest %u (gone)", f->guest);
        why_failure(w, f, guest);
    }
    if (w->seen)
        return VERB_FAILED;
    log_error("no domain \"%s\", and no driver domain remembers a failed device: see xl list",
              w->guest);
    return VERB_FAILED;
}

/* They have been made printable by the guard. */
static int tell_last_words(const char *name)
{
    char *text;
    int rc = guard_words(GUARD_SOCKET, name, &text);

    if (rc) {
        log_error("%s: %s", name,
                  rc == -ENOENT || rc == -ECONNREFUSED
                      ? "drvdom-guard does not run, or knows no driver domain of that name"
                      : strerror(-rc));
        return VERB_FAILED;
    }
    fputs(text, stdout);
    free(text);
    return VERB_OK;
}

int verb_why(int argc, char **argv)
{
    static struct why w;
    struct option_own own[] = {{.name = "last-words"}};
    const struct domain_info *dom;
    int rc = options_parse(&w.o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (own[0].count && w.o.nargs == 1)
        return tell_last_words(w.o.args[0]);
    if (w.o.nargs != 1 || split(&w, w.o.args[0]))
        return verb_usage("why: name one guest, or GUEST/DEVICE");
    w.wait_ns = w.o.has_timeout ? w.o.timeout_ns : UINT64_C(1000000000);
    if (system_open_bare(&w.sys))
        return VERB_FAILED;
    json_init(&w.j, &w.out);
    if (w.o.json)
        json_array(&w.j, NULL);
    dom = system_domain(&w.sys, w.guest);
    if (dom)
        why_domain(&w, dom);
    else
        rc = why_gone(&w);
    if (w.o.json)
        json_close(&w.j);
    else if (dom && !w.faults && !w.device)
        bytes_printf(&w.out, "%s: all is well, %u devices are Connected at both ends\n", dom->name,
                     w.well);
    system_close(&w.sys);
    return verb_print(&w.out, w.faults ? VERB_FAILED : rc);
}
