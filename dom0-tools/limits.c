/* See limits.h; and the verb. */
#include "dom0-tools/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "dom0-tools/json.h"
#include "dom0-tools/maptrack.h"
#include "dom0-tools/options.h"
#include "dom0-tools/table.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom limits [NAME|ID] [--maptrack] [--json]\n"
    "\n"
    "Used and limit of what runs out: grant frames and event channels (Xen), nodes, watches and\n"
    "transactions (xenstored's quota), for one domain or all.  Exit status 1 when something is\n"
    "used to 80 % or more.\n"
    "\n"
    "  --maptrack   Xen's maptrack frames, too; Xen tells them only by printing all grant tables\n"
    "               into its console ring (xl dmesg), which is what this makes it do\n";

int limits_number(const char *text, const char *name, uint64_t *out)
{
    size_t len = strlen(name);

    for (const char *p = text; p && *p; p = strchr(p, '\n')) {
        const char *v;

        p += *p == '\n';
        if (strncmp(p, name, len) != 0)
            continue;
        v = p + len + strspn(p + len, " \t");
        if (*v != ':')
            continue;
        v += 1 + strspn(v + 1, " \t");
        return value_uint(v, strspn(v, "0123456789"), 0, UINT64_MAX, out) ? -ENOENT : 0;
    }
    return -ENOENT;
}

struct reading {
    const struct domain_info *domain;
    void (*report)(void *arg, const struct limit_line *l);
    void *arg;
};

static void tell(const struct reading *r, const char *what, uint64_t used, uint64_t limit)
{
    struct limit_line l = {.domain = r->domain, .used = used, .limit = limit};

    snprintf(l.what, sizeof(l.what), "%s", what);
    r->report(r->arg, &l);
}

/* ---- Xen ---- */

static void grants(const struct reading *r, xc_interface *xc)
{
    struct gnttab_query_size q = {.dom = (domid_t)r->domain->id};

    if (xc_gnttab_query_size(xc, &q) == 0 && q.status == GNTST_okay)
        tell(r, "grant frames", q.nr_frames, q.max_nr_frames);
}

/* Ports are asked one by one until the first that the domain has no room for: a bucket of ports is
 * made at a time, so that this ends soon.  Returns how many are in use. */
static unsigned count_ports(xc_interface *xc, unsigned domid)
{
    enum { PORTS_MAX = 4096 };
    unsigned used = 0;

    for (unsigned port = 1; port < PORTS_MAX; port++) {
        xc_evtchn_status_t st = {.dom = (domid_t)domid, .port = port};

        if (xc_evtchn_status(xc, &st))
            break;
        used += st.status != EVTCHNSTAT_closed;
    }
    return used;
}

static int hypervisor(const struct reading *r)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    unsigned ports;

    if (!xc)
        return -errno;
    grants(r, xc);
    ports = count_ports(xc, r->domain->id);
    if (ports) /* libxl's default of max_event_channels is 1023 */
        tell(r, "event channels", ports, r->domain->id ? 1023 : 0);
    xc_interface_close(xc);
    return 0;
}

int limits_cpu_ns(unsigned domid, uint64_t *ns)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_dominfo_t info;
    int rc = 0;

    if (!xc)
        return -errno;
    /* The first domain from this number on: another one when it is gone. */
    if (xc_domain_getinfo(xc, domid, 1, &info) != 1 || info.domid != domid)
        rc = -ENOENT;
    else
        *ns = info.cpu_time;
    xc_interface_close(xc);
    return rc;
}

/* ---- xenstored ---- */

static int xenstored(const struct reading *r, struct store *s)
{
    static const char *const names[] = {"nodes", "watches", "transactions"};
    char id[16], used[2048], limits[2048];
    int rc;

    snprintf(id, sizeof(id), "%u", r->domain->id);
    rc = store_control(s, "quota", id, used, sizeof(used));
    if (rc)
        return rc;
    if (store_control(s, "quota", NULL, limits, sizeof(limits)))
        limits[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        uint64_t n, limit;
        char what[32];

        if (limits_number(used, names[i], &n))
            continue;
        if (r->domain->id == 0 || limits_number(limits, names[i], &limit))
            limit = 0; /* dom0 has none */
        snprintf(what, sizeof(what), "xenstore %s", names[i]);
        tell(r, what, n, limit);
    }
    return 0;
}

int limits_read(const struct system *sys, const struct domain_info *d,
                void (*report)(void *arg, const struct limit_line *l), void *arg)
{
    struct reading r = {d, report, arg};
    int a = hypervisor(&r), b = xenstored(&r, sys->store);

    return a && b ? a : 0;
}

/* ---- the verb ---- */

struct show {
    bool json;
    struct json j;
    struct table t;
    unsigned near;
};

static void on_limit(void *arg, const struct limit_line *l)
{
    struct show *s = arg;
    uint64_t percent = l->limit ? l->used * 100 / l->limit : 0;

    s->near += percent >= LIMIT_NEAR;
    if (s->json) {
        json_object(&s->j, NULL);
        json_text(&s->j, "domain", l->domain->name);
        json_uint(&s->j, "id", l->domain->id);
        json_text(&s->j, "what", l->what);
        json_uint(&s->j, "used", l->used);
        if (l->limit)
            json_uint(&s->j, "limit", l->limit);
        else
            json_null(&s->j, "limit");
        json_close(&s->j);
        return;
    }
    table_cell(&s->t, "%s", l->domain->name);
    table_cell(&s->t, "%u", l->domain->id);
    table_cell(&s->t, "%s", l->what);
    table_cell(&s->t, "%llu", (unsigned long long)l->used);
    if (l->limit)
        table_cell(&s->t, "%llu", (unsigned long long)l->limit);
    else
        table_cell(&s->t, "%s", "");
    if (l->limit)
        table_cell(&s->t, "%llu%%", (unsigned long long)percent);
    else
        table_cell(&s->t, "%s", "");
}

/* Those of the domains in sys, or of `only`.  0 or -errno, logged. */
static int all_maptrack(struct show *s, const struct system *sys, const struct domain_info *only)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    char *text = xc ? maptrack_print(xc) : NULL;
    int rc = text ? 0 : -errno;

    if (rc)
        log_error("Xen does not print its grant tables: %s", strerror(-rc));
    for (size_t i = 0; text && i < sys->ndomains; i++) {
        struct limit_line l = {.domain = &sys->domains[i], .what = "maptrack frames"};

        if ((!only || only == l.domain) &&
            maptrack_find(text, l.domain->id, &l.used, &l.limit) == 0)
            on_limit(s, &l);
    }
    free(text);
    if (xc)
        xc_interface_close(xc);
    return rc;
}

static int all(struct show *s, const struct system *sys, const char *name, bool maptrack)
{
    const struct domain_info *only = name ? system_domain(sys, name) : NULL;
    int rc = 0;

    if (name && !only) {
        log_error("no domain \"%s\": see xl list", name);
        return -ENOENT;
    }
    for (size_t i = 0; i < sys->ndomains && rc == 0; i++) {
        if (!only || only == &sys->domains[i])
            rc = limits_read(sys, &sys->domains[i], on_limit, s);
    }
    if (rc)
        log_error("neither Xen nor xenstored answers about limits: %s", strerror(-rc));
    else if (maptrack)
        rc = all_maptrack(s, sys, only);
    return rc;
}

int verb_limits(int argc, char **argv)
{
    struct show s = {0};
    struct bytes out = {0};
    struct options o;
    struct system sys;
    struct option_own own[] = {{.name = "maptrack"}};
    int rc = options_parse(&o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (o.nargs > 1)
        return verb_usage("limits: at most one domain");
    if (system_open(&sys))
        return VERB_FAILED;
    s.json = o.json;
    table_init(&s.t, "DOMAIN >ID WHAT >USED >LIMIT >SHARE");
    json_init(&s.j, &out);
    if (s.json)
        json_array(&s.j, NULL);
    rc = all(&s, &sys, o.nargs ? o.args[0] : NULL, own[0].count > 0);
    if (s.json)
        json_close(&s.j);
    else
        table_print(&s.t, &out);
    table_fini(&s.t);
    system_close(&sys);
    return verb_print(&out, rc || s.near ? VERB_FAILED : VERB_OK);
}
