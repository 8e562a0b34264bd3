/*
 * drvdom list: the driver domains and how they are.
 */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/json.h"
#include "dom0-tools/options.h"
#include "dom0-tools/table.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"
#include "transport/xen/xenbus.h"

static const char help_text[] =
    "usage: drvdom list [--json]\n"
    "\n"
    "Every driver domain (driver_domain=1, or named by a device): its state, the version of\n"
    "drvdomd, how many devices it serves, how many of them are Connected at both ends, and how\n"
    "many workers died and were replaced.\n";

struct tally {
    unsigned devices, connected;
};

static struct tally count_devices(const struct system *sys, unsigned id)
{
    struct tally t = {0};

    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *d = &sys->devices[i];

        if (d->back != id)
            continue;
        t.devices++;
        t.connected += d->back_state == XENBUS_CONNECTED && d->front_state == XENBUS_CONNECTED;
    }
    return t;
}

static const char *state_of(const struct domain_info *d)
{
    if (!d->has_drvdomd)
        return "no-drvdomd";
    return drvdom_state_str(d->state);
}

static void one_json(struct json *j, const struct domain_info *d, struct tally t)
{
    json_object(j, NULL);
    json_text(j, "name", d->name);
    json_uint(j, "id", d->id);
    json_text(j, "state", state_of(d));
    json_bool(j, "driver_domain", d->driver_domain);
    json_text(j, "version", d->has_drvdomd ? d->version : NULL);
    json_uint(j, "devices", t.devices);
    json_uint(j, "connected", t.connected);
    json_uint(j, "worker_restarts", d->worker_restarts);
    json_text(j, "error", d->error[0] ? d->error : NULL);
    json_close(j);
}

static void one_row(struct table *table, const struct domain_info *d, struct tally t)
{
    table_cell(table, "%s", d->name);
    table_cell(table, "%u", d->id);
    table_cell(table, "%s", state_of(d));
    table_cell(table, "%s", d->version);
    table_cell(table, "%u", t.devices);
    table_cell(table, "%u", t.connected);
    table_cell(table, "%u", d->worker_restarts);
    table_cell(table, "%s", d->driver_domain ? d->error : "driver_domain=1 is missing");
}

static void print(const struct system *sys, bool as_json, struct bytes *out)
{
    struct table table;
    struct json j;

    table_init(&table, "NAME >ID STATE VERSION >DEVICES >CONNECTED >RESTARTS NOTE");
    json_init(&j, out);
    if (as_json)
        json_array(&j, NULL);
    for (size_t i = 0; i < sys->ndomains; i++) {
        const struct domain_info *d = &sys->domains[i];
        struct tally t = count_devices(sys, d->id);

        if (!d->driver_domain && !t.devices)
            continue;
        if (as_json)
            one_json(&j, d, t);
        else
            one_row(&table, d, t);
    }
    if (as_json)
        json_close(&j);
    else
        table_print(&table, out);
    table_fini(&table);
}

int verb_list(int argc, char **argv)
{
    struct bytes out = {0};
    struct options o;
    struct system sys;
    int rc = options_parse(&o, argc, argv, help_text, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs)
        return verb_usage("list takes no argument");
    if (system_open_bare(&sys))
        return VERB_FAILED;
    print(&sys, o.json, &out);
    system_close(&sys);
    return verb_print(&out, VERB_OK);
}
