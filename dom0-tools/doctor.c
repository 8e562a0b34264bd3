/*
 * drvdom doctor: host, configurations, driver domains, devices and limits; what is wrong, and what
 * to do, a line each.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/guard/client.h"
#include "dom0-tools/host.h"
#include "dom0-tools/json.h"
#include "dom0-tools/limits.h"
#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom doctor [--json]\n"
    "\n"
    "Checks the host (Xen, IOMMU, modules), the configurations in " HOST_CONFIG_DIR " that\n"
    "concern driver domains, the driver domains that run, their devices, and limits.\n"
    "A line each: ok, warning or error, with the remedy.  Changes nothing.\n"
    "\n"
    "Exit status: 0 no error, 1 errors were told, 2 wrong usage.\n";

enum level { OK, WARNING, ERROR };

struct doctor {
    struct host host;
    bool json;
    struct json j;
    struct bytes out;
    unsigned errors;
    const char *file; /* that is being linted */
};

static void tell(struct doctor *d, enum level level, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void tell(struct doctor *d, enum level level, const char *remedy, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warning", "error"};
    char raw[1024], text[1400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    d->errors += level == ERROR;
    if (d->json) {
        json_object(&d->j, NULL);
        json_text(&d->j, "level", words[level]);
        json_text(&d->j, "text", raw);
        json_text(&d->j, "remedy", remedy);
        json_close(&d->j);
        return;
    }
    log_escape(text, sizeof(text), raw, (unsigned)strlen(raw));
    bytes_printf(&d->out, "%-7s  %s%s%s\n", words[level], text, remedy ? "; remedy: " : "",
                 remedy ? remedy : "");
}

/* ---- the host ---- */

static void check_device_node(struct doctor *d, const char *path, const char *module)
{
    char remedy[64];

    snprintf(remedy, sizeof(remedy), "modprobe %s", module);
    if (access(path, R_OK | W_OK) == 0)
        tell(d, OK, NULL, "%s is there", path);
    else
        tell(d, ERROR, remedy, "%s: %s", path, strerror(errno));
}

static void check_host(struct doctor *d)
{
    const struct host_xen *x = &d->host.xen;

    if (!x->known) {
        tell(d, ERROR, "boot Xen and start its services; run this as root in dom0",
             "xl info does not work");
        return;
    }
    tell(d, OK, NULL, "Xen %s, %lu MB free", x->version, x->free_mb);
    if (x->iommu)
        tell(d, OK, NULL, "Xen has an IOMMU");
    else
        tell(d, WARNING, "switch on VT-d or AMD-Vi in the firmware, and iommu=1 for Xen",
             "Xen has no IOMMU: no PCI device can be passed through");
    if (host_module_loaded("xen-pciback"))
        tell(d, OK, NULL, "xen-pciback is loaded");
    else
        tell(d, WARNING, "modprobe xen-pciback", "xen-pciback is not loaded: no PCI passthrough");
    check_device_node(d, "/dev/xen/evtchn", "xen-evtchn");
    check_device_node(d, "/dev/xen/gntdev", "xen-gntdev");
    if (access(GUARD_SOCKET, F_OK) == 0)
        tell(d, OK, NULL, "drvdom-guard runs");
    else
        tell(d, WARNING, "start drvdom-guard, before the driver domains",
             "drvdom-guard does not run: a driver domain that dies does not come back, and latency "
             "and top have no numbers");
}

/* ---- configurations ---- */

static void on_finding(void *arg, const struct lint_finding *f)
{
    struct doctor *d = arg;

    tell(d, f->error ? ERROR : WARNING, f->remedy, "%s:%u: %s", d->file, f->line, f->text);
}

static void check_config(struct doctor *d, struct xlcfg *c, const char *path)
{
    struct xlcfg_error err;
    struct lint_env env;

    d->file = path;
    if (host_read_cfg(path, c, &err)) {
        tell(d, WARNING, "correct the file", "%s:%u: %s", path, err.line, err.text);
        return;
    }
    host_lint_env(&d->host, &env);
    (void)lint_cfg(c, &env, on_finding, d);
}

static void check_configs(struct doctor *d)
{
    DIR *dir = opendir(HOST_CONFIG_DIR);
    struct xlcfg *c = malloc(sizeof(*c));
    const struct dirent *e;

    while (dir && c && (e = readdir(dir))) {
        size_t len = strlen(e->d_name);
        char path[512];

        if (len < 5 || e->d_name[0] == '.' || strcmp(e->d_name + len - 4, ".cfg") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", HOST_CONFIG_DIR, e->d_name);
        check_config(d, c, path);
    }
    if (dir)
        closedir(dir);
    free(c);
}

/* ---- what runs ---- */

static void check_domains(struct doctor *d, const struct system *sys)
{
    for (size_t i = 0; i < sys->ndomains; i++) {
        const struct domain_info *dom = &sys->domains[i];
        struct verdict v;

        if (!dom->driver_domain && !dom->has_drvdomd)
            continue;
        explain_domain(dom, &v);
        if (v.kind == VERDICT_OK)
            tell(d, OK, NULL, "%s, drvdomd %s", v.cause, dom->version);
        else
            tell(d, v.kind == VERDICT_FAULT ? ERROR : WARNING, v.remedy, "%s", v.cause);
        if (v.kind == VERDICT_OK && strcmp(dom->version, DRVDOM_VERSION) != 0)
            tell(d, WARNING, "rebuild its image and restart it",
                 "%s runs drvdomd %s, this is drvdom " DRVDOM_VERSION, dom->name, dom->version);
        if (dom->worker_restarts)
            tell(d, WARNING, "see its console in /var/log/xen/console",
                 "%s: %u workers died and were replaced", dom->name, dom->worker_restarts);
    }
}

static void check_devices(struct doctor *d, const struct system *sys)
{
    unsigned well = 0;

    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *dev = &sys->devices[i];
        const struct domain_info *guest = system_domain_id(sys, dev->guest);
        struct verdict v;

        explain_device(dev, system_domain_id(sys, dev->back), NULL, &v);
        well += v.kind == VERDICT_OK;
        if (v.kind != VERDICT_OK)
            tell(d, v.kind == VERDICT_FAULT ? ERROR : WARNING, v.remedy, "%s/%s: %s",
                 guest ? guest->name : "(gone)", dev->label, v.cause);
    }
    if (well)
        tell(d, OK, NULL, "%u devices are Connected at both ends", well);
    for (size_t i = 0; i < sys->nfailures; i++) {
        const struct failure_info *f = &sys->failures[i];
        struct verdict v;

        explain_failure(f, system_domain_id(sys, f->back), &v);
        tell(d, WARNING, v.remedy, "%s/%u of guest %u failed: %s", f->kind, f->devid, f->guest,
             v.cause);
    }
}

static void on_limit(void *arg, const struct limit_line *l)
{
    struct doctor *d = arg;
    bool store = strncmp(l->what, "xenstore", 8) == 0;

    if (l->limit && l->used * 100 / l->limit >= LIMIT_NEAR)
        tell(d, ERROR,
             store
                 ? "detach devices, or start xenstored with a larger quota (--entry-nb, --watch-nb)"
                 : "raise max_grant_frames= or max_event_channels= in its config",
             "%s: %llu of %llu %s are used", l->domain->name, (unsigned long long)l->used,
             (unsigned long long)l->limit, l->what);
}

static void check_running(struct doctor *d, const struct system *sys)
{
    check_domains(d, sys);
    check_devices(d, sys);
    for (size_t i = 0; i < sys->ndomains; i++)
        (void)!limits_read(sys, &sys->domains[i], on_limit, d);
}

int verb_doctor(int argc, char **argv)
{
    static struct doctor d;
    struct options o;
    struct system sys;
    struct store *store;
    int rc = options_parse(&o, argc, argv, help_text, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs)
        return verb_usage("doctor takes no argument");
    d.json = o.json;
    json_init(&d.j, &d.out);
    if (d.json)
        json_array(&d.j, NULL);
    host_xen_read(&d.host.xen);
    check_host(&d);
    rc = store_open(&store);
    if (rc) {
        tell(&d, ERROR, "start xenstored", "no xenstore: %s", strerror(-rc));
    } else if (system_read(&sys, store) == 0) {
        d.host.sys = &sys;
        check_configs(&d);
        check_running(&d, &sys);
        system_close(&sys);
    } else {
        store_close(store);
        d.errors++;
    }
    if (d.json)
        json_close(&d.j);
    return verb_print(&d.out, d.errors ? VERB_FAILED : VERB_OK);
}
