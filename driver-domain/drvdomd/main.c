/*
 * drvdomd: the supervisor of a driver domain.  The only process that speaks xenstore: it sees what
 * libxl writes below our `backend` directory, opens disks and ports, starts one worker per device
 * and walks each through the xenbus handshake.  It parses no ring and touches no guest memory.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/blk/conn.h"
#include "backends/net/conn.h"
#include "driver-domain/drvdomd/keeper.h"
#include "driver-domain/drvdomd/keys.h"
#include "driver-domain/drvdomd/spare.h"
#include "driver-domain/drvdomd/spawn.h"
#include "driver-domain/drvdomd/testkill.h"
#include "driver-domain/drvdomd/upgrade.h"
#include "driver-domain/drvdomd/watch.h"
#include "transport/base/log.h"

static const char usage[] =
    "usage: drvdomd [--bin DIR] [--log error|warn|info|debug] [--any-source-mac] "
    "[--group-rate N] [--local-migration] [--allow-test-kill]\n"
    "\n"
    "Serves the block and network devices that the toolstack attaches to this domain\n"
    "(disk=[...,backend=NAME] and vif=[...,backend=NAME] of xl.cfg).\n"
    "\n"
    "  --bin DIR    where drvdom-blkback and drvdom-netback are (default: beside drvdomd)\n"
    "  --log LEVEL  how much to log to stderr (default info; also $DRVDOM_LOG)\n"
    "  --any-source-mac   let guests send from other MAC addresses than their own\n"
    "  --group-rate N     multicast and broadcast frames a second that each guest may send for\n"
    "                     long (default 32, and 512 at a time; 0: no limit)\n"
    "  --local-migration  let two guests have one disk under the same number, one after the other\n"
    "  --allow-test-kill  die on request of dom0 (drvdom-schema(5)): for the tests of recovery\n"
    "  --version    print the version and exit\n"
    "  --help       print this and exit\n"
    "\n"
    "exit status: 0 stopped by SIGTERM, 1 xenstore lost or not there, 2 usage\n";

static struct drvdomd daemon_state;
static char bin_dir[256];

static int own_directory(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    char *slash;

    if (n <= 0)
        return -errno;
    buf[n] = '\0';
    slash = strrchr(buf, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

static bool set_group_rate(const char *text)
{
    enum { MOST = 1000000000 };
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || n > MOST) {
        fprintf(stderr, "drvdomd: --group-rate %s: use a number up to %d\n", text, MOST);
        return false;
    }
    net_set_group_rate((uint32_t)n);
    return true;
}

/* 0 go on, 1 done, 2 usage error. */
static int parse_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"bin", required_argument, NULL, 'b'},
        {"log", required_argument, NULL, 'l'},
        {"any-source-mac", no_argument, NULL, 'm'},
        {"group-rate", required_argument, NULL, 'g'},
        {"local-migration", no_argument, NULL, 'L'},
        {"allow-test-kill", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        size_t i = 0;

        switch (c) {
        case 'b':
            snprintf(bin_dir, sizeof(bin_dir), "%s", optarg);
            break;
        case 'l':
            while (i < ARRAY_SIZE(levels) && strcmp(levels[i], optarg) != 0)
                i++;
            if (i == ARRAY_SIZE(levels)) {
                fprintf(stderr, "drvdomd: --log %s: use error, warn, info or debug\n", optarg);
                return 2;
            }
            log_set_level((enum log_level)i);
            (void)setenv("DRVDOM_LOG", optarg, 1); /* the workers inherit it */
            break;
        case 'm':
            net_allow_any_source();
            break;
        case 'g':
            if (!set_group_rate(optarg))
                return 2;
            break;
        case 'L':
            blk_allow_local_migration();
            break;
        case 'k':
            daemon_state.allow_test_kill = true;
            break;
        case 'V':
            puts("drvdomd " DRVDOM_VERSION);
            return 1;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "drvdomd: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    return 0;
}

/* The empty directory that becomes every worker's root. */
static void make_empty_dir(void)
{
    if (mkdir("/run/drvdom", 0755) && errno != EEXIST)
        log_warn("/run/drvdom: %s", strerror(errno));
    if (mkdir(WORKER_EMPTY_DIR, 0555) && errno != EEXIST)
        log_warn("%s: %s; workers will not start", WORKER_EMPTY_DIR, strerror(errno));
}

/* Claims that no directory answers to are of guests that have gone meanwhile. */
static void end_adoption(struct drvdomd *d)
{
    d->adopting = false;
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (!d->dev[i] || !d->dev[i]->xenbus.resume)
            (void)spawn_end_stray(d, i);
    }
    for (unsigned i = 0; i < BB_SLOTS; i++) {
        if (!d->dev[i])
            box_forget(&d->box, i);
    }
}

static int start(struct drvdomd *d)
{
    int rc = loop_init(&d->loop);

    if (!rc)
        rc = loop_quit_on_signals(&d->loop, &d->signals);
    if (rc) {
        log_error("cannot start: %s", strerror(-rc));
        return rc;
    }
    rc = store_open(&d->store);
    if (rc) {
        log_error("no xenstore: %s; drvdomd runs in a Xen domain, with /dev/xen/xenbus",
                  strerror(-rc));
        return rc;
    }
    rc = box_open(&d->box, d->store);
    if (rc) {
        log_error("no memory for the blackbox: %s", strerror(-rc));
        return rc;
    }
    rc = keeper_open(d);
    if (rc)
        log_warn("drvdom-init cannot be heard: %s", strerror(-rc));
    keeper_end_predecessor();
    if (d->box.inherited && spawn_find_strays(d))
        spare_fill(d);
    d->driver_domain = keys_is_driver_domain(d->store);
    if (!d->driver_domain)
        log_error("%s", keys_no_driver_domain);
    rc = keys_write_daemon_state(d->store, KEYS_STARTING);
    d->adopting = true;
    if (!rc)
        rc = watch_start(d);
    /* Else what was not seen may be there: all that serves stays for the next of us. */
    if (!rc) {
        end_adoption(d);
        rc = upgrade_start(d);
    }
    if (!rc && d->allow_test_kill)
        rc = testkill_start(d);
    if (!rc)
        rc = keys_write_daemon_state(d->store, d->driver_domain ? KEYS_READY : KEYS_REFUSING);
    if (!rc)
        keeper_say_ready(d);
    else
        log_error("xenstore: %s; is driver_domain=1 in this domain's xl.cfg?", strerror(-rc));
    return rc;
}

/* Ports and disks go with us; guests see state 4, and the next drvdomd adopts them. */
static void stop(struct drvdomd *d)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (d->dev[i])
            spawn_reap(d->dev[i]);
    }
    spare_end(d);
}

int main(int argc, char **argv)
{
    struct drvdomd *d = &daemon_state;
    int rc;

    log_set_prefix("drvdomd");
    if (own_directory(bin_dir, sizeof(bin_dir)))
        snprintf(bin_dir, sizeof(bin_dir), "/sbin");
    rc = parse_options(argc, argv);
    if (rc)
        return rc == 1 ? 0 : rc;
    d->bin_dir = bin_dir;
    make_empty_dir();
    if (start(d))
        return 1;
    log_info("drvdomd " DRVDOM_VERSION " ready");
    rc = loop_run(&d->loop);
    stop(d);
    return rc < 0 ? 1 : rc;
}
