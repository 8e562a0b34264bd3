/*
 * drvdom latency, drvdom top: what drvdom-guard's blackboxes hold, rendered.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/guard/client.h"
#include "dom0-tools/latency_render.h"
#include "dom0-tools/options.h"
#include "dom0-tools/system.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

static const char latency_help[] =
    "usage: drvdom latency [NAME[/DEVICE]] [--json|--hgrm|--openmetrics|--html FILE] [--watch]\n"
    "\n"
    "Time per stage of each request since the device's start, from the driver domains that\n"
    "drvdom-guard looks after. NAME is a driver domain or a guest, DEVICE is xvda, vbd/51712 or\n"
    "vif0. Stages: wake (the guest put the request until it was taken: only from frontends that\n"
    "stamp, as drvdom-blkfront --stamps), grant (copying, and waiting for it), device, answer;\n"
    "total is grant + device + answer.\n"
    "\n"
    "  --hgrm          HdrHistogram percentile distributions, microseconds\n"
    "  --openmetrics   for Prometheus and its like, seconds and bytes\n"
    "  --html FILE     a page with plots that needs no network\n"
    "  --watch         the table again every second, until interrupted\n";
static const char top_help[] =
    "usage: drvdom top [NAME] [--interval SECONDS] [--once] [--json]\n"
    "\n"
    "Operations and bytes per second, p50 and p99, mean number in flight and errors per device,\n"
    "over each interval (default 1 s). IN is to the guest, OUT from it. --once, --json, or an\n"
    "output that is no terminal: one interval.\n";

static const char clear_screen[] = "\033[H\033[2J";

/* ---- a snapshot, with names ---- */

struct snapshot {
    struct guard_device *raw;
    struct latency_device *devices;
    size_t n;
    uint64_t at_ns;
};

static void snapshot_free(struct snapshot *s)
{
    free(s->raw);
    free(s->devices);
    *s = (struct snapshot){0};
}

static void name_guest(const struct system *sys, unsigned id, char *buf, size_t size)
{
    const struct domain_info *d = system_domain_id(sys, id);

    if (d)
        snprintf(buf, size, "%.60s", d->name);
    else
        snprintf(buf, size, "(%u)", id);
}

/* The name that the guest's configuration gave it, as far as the device is known. */
static void label(const struct system *sys, struct device_info *d)
{
    if (strcmp(d->kind, "vif") == 0)
        snprintf(d->label, sizeof(d->label), "vif%u", d->devid);
    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *e = &sys->devices[i];

        if (e->guest == d->guest && e->devid == d->devid && strcmp(e->kind, d->kind) == 0)
            memcpy(d->label, e->label, sizeof(d->label));
    }
}

/* "dd", "guest", "3", "guest/vbd/51712"; NULL: all. */
static bool wanted(const struct system *sys, const struct guard_device *g, const char *arg)
{
    struct device_info d = {.guest = g->guest, .devid = g->devid};
    const struct domain_info *dom;
    char name[DOMAIN_SIZE_NAME];
    const char *slash;

    if (!arg)
        return true;
    slash = strchr(arg, '/');
    snprintf(name, sizeof(name), "%.*s", (int)(slash ? slash - arg : (ptrdiff_t)strlen(arg)), arg);
    dom = system_domain(sys, name);
    if (!dom || (dom->id != g->dd && dom->id != g->guest))
        return false;
    snprintf(d.kind, sizeof(d.kind), "%.7s", g->kind);
    label(sys, &d);
    return !slash || system_device_is(&d, slash + 1);
}

static void fill(struct latency_device *d, const struct system *sys, const struct guard_device *g)
{
    snprintf(d->domain, sizeof(d->domain), "%.63s", g->dd_name);
    snprintf(d->kind, sizeof(d->kind), "%.7s", g->kind);
    name_guest(sys, g->guest, d->guest, sizeof(d->guest));
    d->devid = g->devid;
    d->stats = &g->stats;
}

static int no_guard(int rc)
{
    if (rc == -ENOENT || rc == -ECONNREFUSED)
        log_error(
            "drvdom-guard does not run, and it keeps the numbers; remedy: start drvdom-guard");
    else
        log_error("drvdom-guard: %s", strerror(-rc));
    return rc;
}

/* 0 or -errno, logged. */
static int snapshot_take(struct snapshot *s, const struct system *sys, const char *arg)
{
    int n = guard_stats(GUARD_SOCKET, &s->raw);

    if (n < 0)
        return no_guard(n);
    s->at_ns = clock_ns();
    s->devices = calloc((size_t)n + 1, sizeof(*s->devices));
    if (!s->devices)
        return -ENOMEM;
    for (int i = 0; i < n; i++) {
        if (wanted(sys, &s->raw[i], arg))
            fill(&s->devices[s->n++], sys, &s->raw[i]);
    }
    return 0;
}

static int print(struct bytes *out, bool clear)
{
    if (clear)
        fputs(clear_screen, stdout);
    return verb_print(out, VERB_OK);
}

/* ---- latency ---- */

enum { OWN_HGRM, OWN_METRICS, OWN_WATCH, OWN_HTML, OWNS };

static int write_html(const struct snapshot *s, const char *path)
{
    struct bytes out = {0};
    FILE *f = fopen(path, "we");
    int rc = 0;

    latency_html(s->devices, s->n, &out);
    if (!f || bytes_check(&out) || fwrite(out.data, 1, out.len, f) != out.len)
        rc = -EIO;
    if (f && fclose(f))
        rc = -EIO;
    if (rc)
        log_error("%s cannot be written: %s", path, strerror(errno));
    bytes_fini(&out);
    return rc ? VERB_FAILED : VERB_OK;
}

static int render(const struct snapshot *s, const struct options *o, const struct option_own *own)
{
    struct bytes out = {0};

    if (own[OWN_HTML].count)
        return write_html(s, own[OWN_HTML].values[0]);
    if (o->json)
        latency_json(s->devices, s->n, &out);
    else if (own[OWN_METRICS].count)
        latency_openmetrics(s->devices, s->n, &out);
    else if (own[OWN_HGRM].count)
        latency_hgrm(s->devices, s->n, &out);
    else
        latency_table(s->devices, s->n, &out);
    return print(&out, own[OWN_WATCH].count && isatty(STDOUT_FILENO));
}

static int latency(const struct system *sys, const struct options *o, const struct option_own *own)
{
    const char *arg = o->nargs ? o->args[0] : NULL;
    int status;

    do {
        struct snapshot s = {0};

        status = VERB_FAILED;
        if (snapshot_take(&s, sys, arg) == 0) {
            if (arg && s.n == 0)
                log_error("%s: drvdom-guard knows no such device; see drvdom show", arg);
            else
                status = render(&s, o, own);
        }
        snapshot_free(&s);
    } while (status == VERB_OK && own[OWN_WATCH].count && poll(NULL, 0, 1000) == 0);
    return status;
}

int verb_latency(int argc, char **argv)
{
    const char *html;
    struct option_own own[OWNS] = {
        [OWN_HGRM] = {.name = "hgrm"},
        [OWN_METRICS] = {.name = "openmetrics"},
        [OWN_WATCH] = {.name = "watch"},
        [OWN_HTML] = {"html", true, &html, 1, 0},
    };
    struct options o;
    struct system sys;
    int rc = options_parse(&o, argc, argv, latency_help, own, OWNS);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs > 1 ||
        own[OWN_HGRM].count + own[OWN_METRICS].count + own[OWN_HTML].count + o.json > 1)
        return verb_usage("latency: at most one NAME[/DEVICE] and one form of output");
    /* Only a device's name needs more than the domains'. */
    if (o.nargs && strchr(o.args[0], '/') ? system_open(&sys) : system_open_domains(&sys))
        return VERB_FAILED;
    rc = latency(&sys, &o, own);
    system_close(&sys);
    return rc;
}

/* ---- top ---- */

static const struct dev_stats *earlier(const struct snapshot *then, const struct latency_device *d)
{
    for (size_t i = 0; i < then->n; i++) {
        const struct latency_device *e = &then->devices[i];

        if (e->devid == d->devid && strcmp(e->guest, d->guest) == 0 &&
            strcmp(e->kind, d->kind) == 0 && strcmp(e->domain, d->domain) == 0)
            return e->stats;
    }
    return NULL;
}

static int show_rates(const struct snapshot *now, const struct snapshot *then, bool json,
                      bool clear)
{
    static struct hist scratch;
    struct latency_rate *rates = calloc(now->n + 1, sizeof(*rates));
    struct bytes out = {0};

    if (!rates)
        return VERB_FAILED;
    for (size_t i = 0; i < now->n; i++)
        latency_rate(now->devices[i].stats, earlier(then, &now->devices[i]),
                     now->at_ns - then->at_ns, &scratch, &rates[i]);
    if (json)
        latency_top_json(now->devices, rates, now->n, &out);
    else
        latency_top(now->devices, rates, now->n, &out);
    free(rates);
    return print(&out, clear);
}

static int top(struct system *sys, const char *arg, uint64_t interval_ns, bool once, bool json)
{
    struct snapshot then = {0}, now = {0};
    int status = snapshot_take(&then, sys, arg) ? VERB_FAILED : VERB_OK;

    while (status == VERB_OK) {
        (void)poll(NULL, 0, (int)(interval_ns / 1000000));
        if (snapshot_take(&now, sys, arg)) {
            status = VERB_FAILED;
            break;
        }
        status = show_rates(&now, &then, json, !once);
        snapshot_free(&then);
        then = now;
        now = (struct snapshot){0};
        if (once)
            break;
    }
    snapshot_free(&now);
    snapshot_free(&then);
    return status;
}

int verb_top(int argc, char **argv)
{
    const char *interval = "1";
    struct option_own own[] = {{"interval", true, &interval, 1, 0}, {.name = "once"}};
    struct options o;
    struct system sys;
    uint64_t ns;
    int rc = options_parse(&o, argc, argv, top_help, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (o.nargs > 1 || options_seconds(interval, &ns) || ns < 10000000 ||
        ns > UINT64_C(3600000000000))
        return verb_usage("top: at most one name; an interval of 0.01 to 3600 s");
    if (system_open_domains(&sys))
        return VERB_FAILED;
    rc = top(&sys, o.nargs ? o.args[0] : NULL, ns, own[1].count || o.json || !isatty(STDOUT_FILENO),
             o.json);
    system_close(&sys);
    return rc;
}
