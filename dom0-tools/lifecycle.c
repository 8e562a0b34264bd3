/*
 * drvdom start, stop, restart: a driver domain that has its configuration in /etc/xen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "dom0-tools/wait.h"
#include "dom0-tools/xl.h"
#include "transport/base/log.h"

static const char start_help[] =
    "usage: drvdom start NAME [--timeout SECONDS]\n"
    "\n"
    "Starts the driver domain of " HOST_CONFIG_DIR "/NAME.cfg: makes its PCI devices assignable,\n"
    "runs xl create, and returns when it is ready.  Already running: waits until it is ready.\n";
static const char stop_help[] =
    "usage: drvdom stop NAME [--force] [--timeout SECONDS]\n"
    "\n"
    "Shuts the driver domain down.  Refused while guests have devices of it, which would lose\n"
    "them; --force does it nevertheless, and destroys a domain that does not shut down.\n";
static const char restart_help[] = "usage: drvdom restart NAME [--force] [--timeout SECONDS]\n"
                                   "\n"
                                   "Stop, then start, with the same rules.\n";

static const uint64_t default_ns = UINT64_C(60000000000);

struct target {
    struct options o;
    const char *name;
    bool force;
    uint64_t end_ns;
};

/* 0, or an enum verb_exit + 1 to end with. */
static int parse(struct target *t, int argc, char **argv, const char *help)
{
    struct option_own own[] = {{.name = "force"}};
    int rc = options_parse(&t->o, argc, argv, help, own, ARRAY_SIZE(own));

    if (rc)
        return 1 + verb_parsed(rc);
    if (t->o.nargs != 1)
        return 1 + verb_usage("name one driver domain");
    t->name = t->o.args[0];
    t->force = own[0].count > 0;
    if (!t->o.has_timeout)
        t->o.timeout_ns = default_ns;
    t->end_ns = clock_ns() + t->o.timeout_ns;
    return 0;
}

static int status_of(int rc)
{
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}

/* Users of the domain's devices, told; their number, or -errno (logged). */
static int users(const char *name, bool *running, unsigned *id)
{
    const struct domain_info *d;
    struct system sys;
    int n = 0, rc = system_open(&sys);

    if (rc)
        return rc;
    d = system_domain(&sys, name);
    *running = d != NULL;
    if (d)
        *id = d->id;
    for (size_t i = 0; d && i < sys.ndevices; i++) {
        const struct domain_info *guest = system_domain_id(&sys, sys.devices[i].guest);

        if (sys.devices[i].back != d->id)
            continue;
        n++;
        log_warn("%s serves %s to %s", name, sys.devices[i].label, guest ? guest->name : "?");
    }
    if (d && !d->driver_domain) {
        log_error("%s is not a driver domain: use xl", name);
        n = -EINVAL;
    }
    system_close(&sys);
    return n;
}

static int do_start(const struct target *t)
{
    struct store *store;
    bool running = false;
    unsigned id = 0;
    int rc = users(t->name, &running, &id);

    if (rc < 0)
        return rc;
    if (!running)
        return xl_start(t->name, t->end_ns);
    rc = store_open(&store);
    if (rc)
        return rc;
    rc = wait_ready(store, t->name, t->end_ns, &id);
    store_close(store);
    return rc;
}

/* A guard would take --force's destroy for a death and bring the domain back. */
static void let_go(const char *name)
{
    const struct domain_info *d;
    char dir[STORE_PATH_MAX];
    struct system sys;
    int rc;

    if (system_open(&sys))
        return;
    d = system_domain(&sys, name);
    if (d) {
        (void)guard_dir_of(dir, sizeof(dir), d->id);
        rc = guard_set_keep(sys.store, 0, dir, false);
        if (rc)
            log_warn("drvdom-guard cannot be told to let %s go: %s", name, strerror(-rc));
    }
    system_close(&sys);
}

static int do_stop(const struct target *t)
{
    uint64_t now = clock_ns();
    bool running = false;
    unsigned id = 0;
    int n = users(t->name, &running, &id);

    if (n < 0)
        return n;
    if (!running) {
        log_error("no domain %s runs", t->name);
        return -ENOENT;
    }
    if (n > 0 && !t->force) {
        log_error("%s serves %d devices: detach them or stop the guests first, or --force "
                  "(the guests lose them)",
                  t->name, n);
        return -EBUSY;
    }
    let_go(t->name);
    return xl_stop(t->name, id, t->end_ns > now ? t->end_ns - now : 1, t->force);
}

int verb_start(int argc, char **argv)
{
    struct target t;
    int rc = parse(&t, argc, argv, start_help);

    return rc ? rc - 1 : status_of(do_start(&t));
}

int verb_stop(int argc, char **argv)
{
    struct target t;
    int rc = parse(&t, argc, argv, stop_help);

    return rc ? rc - 1 : status_of(do_stop(&t));
}

int verb_restart(int argc, char **argv)
{
    struct target t;
    int rc = parse(&t, argc, argv, restart_help);

    if (rc)
        return rc - 1;
    rc = do_stop(&t);
    return status_of(rc ? rc : xl_start(t.name, t.end_ns));
}
