/* See wait.h; and the verb. */
#include "dom0-tools/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/explain.h"
#include "dom0-tools/nodes.h"
#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

/* The domain's node comes and goes and its number changes, so that one watch would have to follow:
 * asking 50 times a second costs a millisecond of CPU a second. */
enum { ASK_MS = 20 };

static const char help_text[] =
    "usage: drvdom wait NAME [--timeout SECONDS]\n"
    "\n"
    "Returns when the driver domain NAME is ready to serve; it need not exist so far.\n"
    "Default time-out: 60 s.\n"
    "\n"
    "Exit status: 0 ready, 1 it failed, 2 wrong usage, 3 not within the time.\n";

/* Its state now: 0 and *v. */
static int look(struct store *s, const char *name, struct verdict *v, unsigned *id)
{
    const struct domain_info *d;
    struct system sys;
    int rc = system_read(&sys, s);

    if (rc)
        return rc;
    d = system_domain(&sys, name);
    if (d) {
        *id = d->id;
        explain_domain(d, v);
    } else {
        v->kind = VERDICT_WAITING;
        snprintf(v->cause, sizeof(v->cause), "there is no domain %s", name);
        snprintf(v->remedy, sizeof(v->remedy), "drvdom start %s", name);
    }
    system_fini(&sys);
    return 0;
}

int wait_ready(struct store *s, const char *name, uint64_t end_ns, unsigned *id)
{
    struct verdict v;

    for (;;) {
        int rc = look(s, name, &v, id);

        if (rc)
            return rc;
        if (v.kind == VERDICT_OK)
            return 0;
        if (v.kind == VERDICT_FAULT) {
            log_error("%s; remedy: %s", v.cause, v.remedy);
            return -EIO;
        }
        if (clock_ns() >= end_ns) {
            log_error("not ready in time: %s; remedy: %s", v.cause, v.remedy);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, ASK_MS);
    }
}

int wait_connected(struct store *s, struct device_info *d, uint64_t end_ns)
{
    char broken[SCHEMA_WHY_MAX];
    struct domain_info back = {.id = d->back, .driver_domain = true, .has_drvdomd = true};
    struct verdict v;

    /* The caller has just seen the domain ready; only the device is waited for. */
    back.state = DRVDOM_STATE_READY;
    snprintf(back.name, sizeof(back.name), "the driver domain");
    for (;;) {
        system_refresh(s, d);
        nodes_first_finding(s, d, broken, sizeof(broken));
        explain_device(d, &back, broken, &v);
        if (v.kind == VERDICT_OK)
            return 0;
        if (v.kind == VERDICT_FAULT || clock_ns() >= end_ns) {
            log_error("%s: %s; remedy: %s", d->label, v.cause, v.remedy);
            return v.kind == VERDICT_FAULT ? -EIO : -ETIMEDOUT;
        }
        poll(NULL, 0, ASK_MS);
    }
}

int verb_wait(int argc, char **argv)
{
    struct options o;
    struct store *store;
    unsigned id;
    int rc = options_parse(&o, argc, argv, help_text, NULL, 0);

    if (rc)
        return verb_parsed(rc);
    if (o.nargs != 1)
        return verb_usage("wait: name one driver domain");
    rc = store_open(&store);
    if (rc) {
        log_error("no xenstore: %s", strerror(-rc));
        return VERB_FAILED;
    }
    if (!o.has_timeout)
        o.timeout_ns = (uint64_t)WAIT_DEFAULT_S * 1000000000u;
    rc = wait_ready(store, o.args[0], clock_ns() + o.timeout_ns, &id);
    store_close(store);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
