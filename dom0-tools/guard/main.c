/*
 * drvdom-guard: see guard.h.  A daemon of dom0, started before the driver domains; it does not go
 * to the background and logs to stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/guard/client.h"
#include "dom0-tools/guard/guard.h"
#include "transport/base/log.h"

static const char usage[] =
    "usage: drvdom-guard [--socket PATH] [--deaths N] [--log error|warn|info|debug]\n"
    "\n"
    "Watches the driver domains of this host that run drvdomd. One that dies (xl destroy, a "
    "crash)\n"
    "is made again under the same domid with the same devices, and its guests go on. One that is\n"
    "shut down (xl shutdown) or whose key drvdom/keep is 0 is let go.\n"
    "\n"
    "  --socket PATH  where drvdom asks it (default " GUARD_SOCKET ")\n"
    "  --deaths N     leave a domain dead that has died so often in a row, each time within 20 s\n"
    "                 of its start (default 5)\n"
    "  --log LEVEL    how much to log to stderr (default info; also $DRVDOM_LOG)\n"
    "  --version      print the version and exit\n"
    "  --help         print this and exit\n"
    "\n"
    "exit status: 0 stopped by SIGTERM (blackboxes are then gone: driver domains keep running and\n"
    "do not survive their death), 1 no Xen or no xenstore, 2 usage\n";

static struct guard guard = {.deaths_max = GUARD_DEATHS};
static const char *socket_path = GUARD_SOCKET;

static int set_level(const char *word)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (strcmp(levels[i], word) == 0) {
            log_set_level((enum log_level)i);
            return 0;
        }
    }
    fprintf(stderr, "drvdom-guard: --log %s: use error, warn, info or debug\n", word);
    return 2;
}

/* 0 go on, 1 done, 2 usage error. */
static int parse_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'}, {"deaths", required_argument, NULL, 'd'},
        {"log", required_argument, NULL, 'l'},    {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 's':
            socket_path = optarg;
            break;
        case 'd':
            guard.deaths_max = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            if (set_level(optarg))
                return 2;
            break;
        case 'V':
            puts("drvdom-guard " DRVDOM_VERSION);
            return 1;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "drvdom-guard: unexpected argument \"%s\"\n%s", argv[optind], usage);
    return 2;
}

static void on_store(void *arg, uint32_t events)
{
    struct guard *g = arg;
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];
    bool domains = false;
    int rc;

    (void)events;
    while ((rc = store_next_event(g->store, path, token)) > 0) {
        if (path[0] == '@')
            domains = true;
        else
            domain_changed(g, (uint32_t)strtoul(token, NULL, 10));
    }
    if (rc < 0) {
        log_error("xenstore connection lost: %s", strerror(-rc));
        loop_quit(&g->loop, 1);
    } else if (domains) {
        domains_look(g);
    }
}

static int watch_store(struct guard *g)
{
    int rc = store_watch(g->store, "@introduceDomain", "domains");

    if (!rc)
        rc = store_watch(g->store, "@releaseDomain", "domains");
    if (rc)
        return rc;
    g->store_watch = (struct loop_fd){.fd = store_fd(g->store), .fn = on_store, .arg = g};
    return loop_add(&g->loop, &g->store_watch, EPOLLIN);
}

static int start(struct guard *g)
{
    int rc = loop_init(&g->loop);

    if (!rc)
        rc = loop_quit_on_signals(&g->loop, &g->signals);
    if (!rc)
        rc = store_open(&g->store);
    if (rc) {
        log_error("cannot start: %s; is this dom0 of a Xen host, with xenstored?", strerror(-rc));
        return rc;
    }
    g->xl = toolstack_open();
    g->share = xengntshr_open(NULL, 0);
    if (!g->xl || !g->share) {
        log_error("%s", g->xl ? "/dev/xen/gntalloc cannot be opened: modprobe xen-gntalloc"
                              : "libxl does not work here: run as root in dom0");
        return -ENODEV;
    }
    if (mkdir("/run/drvdom", 0755) && errno != EEXIST)
        log_warn("/run/drvdom: %s", strerror(errno));
    rc = serve_start(g, socket_path);
    if (rc) {
        log_error("socket %s: %s", socket_path, strerror(-rc));
        return rc;
    }
    rc = watch_store(g);
    if (rc)
        log_error("xenstore: %s", strerror(-rc));
    return rc;
}

int main(int argc, char **argv)
{
    int rc;

    log_set_prefix("drvdom-guard");
    rc = parse_options(argc, argv);
    if (rc)
        return rc == 1 ? 0 : rc;
    if (start(&guard))
        return 1;
    domains_look(&guard);
    log_info("drvdom-guard " DRVDOM_VERSION " ready");
    rc = loop_run(&guard.loop);
    (void)unlink(socket_path);
    return rc < 0 ? 1 : rc;
}
