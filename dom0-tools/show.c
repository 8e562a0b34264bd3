/*
 * drvdom show: one driver domain and each of its devices; or the devices of a guest.
 */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/json.h"
#include "dom0-tools/limits.h"
#include "dom0-tools/options.h"
#include "dom0-tools/table.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"
#include "transport/xen/xenbus.h"

static const char help_text[] =
    "usage: drvdom show NAME|ID [--json]\n"
    "\n"
    "The devices that a driver domain serves, or that a guest gets from driver domains: target,\n"
    "the state of both ends, and the cause when something is wrong.\n";

static const char *name_of(const struct system *sys, unsigned id, char *buf, size_t size)
{
    const struct domain_info *d = system_domain_id(sys, id);

    if (d)
        return d->name;
    snprintf(buf, size, "(%u)", id);
    return buf;
}

static void device_json(struct json *j, const struct system *sys, const struct device_info *d,
                        const struct verdict *v)
{
    char back[32], front[32];

    json_object(j, NULL);
    json_text(j, "kind", d->kind);
    json_text(j, "device", d->label);
    json_uint(j, "devid", d->devid);
    json_text(j, "guest", name_of(sys, d->guest, front, sizeof(front)));
    json_uint(j, "guest_id", d->guest);
    json_text(j, "driver_domain", name_of(sys, d->back, back, sizeof(back)));
    json_uint(j, "driver_domain_id", d->back);
    json_text(j, "target", d->target);
    json_uint(j, "back_state", d->back_state);
    json_uint(j, "front_state", d->front_state);
    json_bool(j, "connected", v->kind == VERDICT_OK);
    json_text(j, "cause", v->kind == VERDICT_OK ? NULL : v->cause);
    json_close(j);
}

static void device_row(struct table *t, const struct system *sys, const struct device_info *d,
                       const struct verdict *v)
{
    char buf[32];

    table_cell(t, "%s", name_of(sys, d->guest, buf, sizeof(buf)));
    table_cell(t, "%s", d->label);
    table_cell(t, "%s", name_of(sys, d->back, buf, sizeof(buf)));
    table_cell(t, "%s", d->target);
    table_cell(t, "%s", d->has_back_state ? xenbus_state_name(d->back_state) : "none");
    table_cell(t, "%s", d->has_front ? xenbus_state_name(d->front_state) : "none");
    table_cell(t, "%s", v->kind == VERDICT_OK ? "" : v->cause);
}

static void print_devices(const struct system *sys, const struct domain_info *dom, struct json *j,
                          struct table *t)
{
    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *d = &sys->devices[i];
        struct verdict v;

        if (d->guest != dom->id && d->back != dom->id)
            continue;
        explain_device(d, system_domain_id(sys, d->back), NULL, &v);
        if (j)
            device_json(j, sys, d, &v);
        else
            device_row(t, sys, d, &v);
    }
}

static void print_json(const struct system *sys, const struct domain_info *dom, struct bytes *out)
{
    struct json j;
    uint64_t cpu_ns;

    json_init(&j, out);
    json_object(&j, NULL);
    json_text(&j, "name", dom->name);
    json_uint(&j, "id", dom->id);
    json_bool(&j, "driver_domain", dom->driver_domain);
    json_text(&j, "state", dom->has_drvdomd ? drvdom_state_str(dom->state) : NULL);
    json_text(&j, "version", dom->has_drvdomd ? dom->version : NULL);
    if (limits_cpu_ns(dom->id, &cpu_ns) == 0)
        json_uint(&j, "cpu_ns", cpu_ns);
    else
        json_null(&j, "cpu_ns");
    json_array(&j, "devices");
    print_devices(sys, dom, &j, NULL);
    json_close(&j);
    json_close(&j);
}

static void print_text(const struct system *sys, const struct domain_info *dom, struct bytes *out)
{
    struct table t;
    struct verdict v;

    if (dom->driver_domain || dom->has_drvdomd) {
        explain_domain(dom, &v);
        bytes_printf(out, "%s", v.cause);
        if (dom->version[0])
            bytes_printf(out, ", drvdomd %s", dom->version);
        bytes_printf(out, "\n");
    } else {
        bytes_printf(out, "%s (%u) is a guest\n", dom->name, dom->id);
    }
    table_init(&t, "GUEST DEVICE BACKEND TARGET BACK FRONT CAUSE");
    print_devices(sys, dom, NULL, &t);
    table_print(&t, out);
    table_fini(&t);
}

int verb_show(int argc, char **argv)
{
    const struct domain_info *dom;
    struct bytes out = {0};
    struct options o;
    struct system sys;
    int rc = options_parse(&o, argc, argv, help_text, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs != 1)
        return verb_usage("show: name one domain");
    if (system_open(&sys))
        return VERB_FAILED;
    dom = system_domain(&sys, o.args[0]);
    if (!dom) {
        log_error("no domain \"%s\": see drvdom list, xl list", o.args[0]);
        rc = VERB_FAILED;
    } else if (o.json) {
        print_json(&sys, dom, &out);
    } else {
        print_text(&sys, dom, &out);
    }
    system_close(&sys);
    return verb_print(&out, rc);
}
