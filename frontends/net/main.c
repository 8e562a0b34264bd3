/*
 * drvdom-netfront: a network frontend in user space, for a guest with /dev/xen/gntalloc, evtchn and
 * xenbus.  It checks traffic, measures, plays the frontends that exist, and misbehaves on request.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontends/net/hog.h"
#include "frontends/net/misbehave.h"
#include "frontends/net/ping.h"
#include "frontends/net/report.h"
#include "transport/base/log.h"

static const char usage[] =
    "usage: drvdom-netfront --devid N [options] VERB\n"
    "\n"
    "A network frontend in user space. The device must not be in use by this guest's kernel.\n"
    "\n"
    "  info              what the backend offers\n"
    "  echo              send back what another drvdom-netfront sends, checked, until SIGTERM\n"
    "  verify            frames of all kinds to an echo; every byte that comes back is checked\n"
    "  bench             frames of one kind to an echo; measured, payload not looked at\n"
    "  ping ADDRESS      ARP and ICMP echo with a network stack of the other side (IPv4)\n"
    "  listen            count what comes for --seconds: to this address, to all, to groups\n"
    "  connect           connect and disconnect, as the profile does\n"
    "  hog WHAT          flood, pour (to --to only), dry (no receive buffers) or storm (events)\n"
    "  hold STATE        go to initialised, connected, busy or closing, say so, and stay there\n"
    "  misbehave NAME... one or more of the catalogue (list: all of them; R, N, S: a chapter)\n"
    "\n"
    "connection:\n"
    "  --devid N         device number\n"
    "  --queues N        as many queues as are offered, at most N (default 1)\n"
    "  --without LIST    of split,sg,gso4,gso6,csum4,csum6,notify: not used (default: all used)\n"
    "  --mcast           ask for multicast filtering\n"
    "  --headroom N      ask for room in front of received data (XDP)\n"
    "  --hash            set a hash and a mapping over the control ring; every frame is looked at\n"
    "  --exact           fail when less than that is offered\n"
    "  --profile NAME    linux (default), windows, freebsd, netbsd, openbsd, minios, unikraft,\n"
    "                    nanos, mirage, ipxe\n"
    "  --timeout MS      for each step of the handshake (default 10000)\n"
    "traffic:\n"
    "  --to MAC          the echo\n"
    "  --kinds LIST      of raw,udp4,tcp4,udp6,tcp6 (default: all; bench: udp4)\n"
    "  --frames N        so many frames;  --seconds N  how long (default 3; echo: no end)\n"
    "  --size BYTES      of a frame (default: any; bench 64); above the MTU: TCP, segmented\n"
    "  --mtu N           (default 1500)\n"
    "  --depth N         frames on their way (default 16; bench 1)\n"
    "  --rate N          verify: at most N frames a second\n"
    "  --loss N          frames that may be lost (default 0)\n"
    "  --lossy           verify: frames may be lost or come twice; what comes is checked\n"
    "  --seed N          of data and shapes (default 1)\n"
    "  --plain           whole pages, blank checksums where possible\n"
    "  --watch           look at every byte of every page received into\n"
    "  --hook CMD        misbehave: run to make the conditions of some (see list)\n"
    "  --json            one line of JSON instead of text\n"
    "\n"
    "exit status: 0 as it should be, 1 not, 2 usage, 3 could not be tried here\n";

enum { EXIT_USAGE = 2 };

struct options {
    bool has_devid, json, watch, has_depth, has_kinds;
    uint32_t devid;
    struct nf_want want;
    struct traffic_options traffic;
    const char *hook;
};

static struct options opt = {
    .want = {.queues = 1,
             .timeout_ms = 10000,
             .split = true,
             .sg = true,
             .gso4 = true,
             .gso6 = true,
             .csum4 = true,
             .csum6 = true,
             .rx_notify = true},
    .traffic = {.kinds = (1u << FRAME_KINDS) - 1, .mtu = 1500, .depth = 16, .seed = 1},
};
static struct nf_conn conn;

/* ---- options ---- */

enum option_id {
    O_DEVID = 256,
    O_QUEUES,
    O_WITHOUT,
    O_MCAST,
    O_HEADROOM,
    O_HASH,
    O_EXACT,
    O_PROFILE,
    O_TIMEOUT,
    O_TO,
    O_KINDS,
    O_FRAMES,
    O_SECONDS,
    O_SIZE,
    O_MTU,
    O_DEPTH,
    O_RATE,
    O_LOSS,
    O_LOSSY,
    O_SEED,
    O_PLAIN,
    O_WATCH,
    O_HOOK,
    O_JSON,
    O_VERSION,
    O_HELP,
};

static const struct option longs[] = {
    {"devid", required_argument, NULL, O_DEVID},
    {"queues", required_argument, NULL, O_QUEUES},
    {"without", required_argument, NULL, O_WITHOUT},
    {"mcast", no_argument, NULL, O_MCAST},
    {"headroom", required_argument, NULL, O_HEADROOM},
    {"hash", no_argument, NULL, O_HASH},
    {"exact", no_argument, NULL, O_EXACT},
    {"profile", required_argument, NULL, O_PROFILE},
    {"timeout", required_argument, NULL, O_TIMEOUT},
    {"to", required_argument, NULL, O_TO},
    {"kinds", required_argument, NULL, O_KINDS},
    {"frames", required_argument, NULL, O_FRAMES},
    {"seconds", required_argument, NULL, O_SECONDS},
    {"size", required_argument, NULL, O_SIZE},
    {"mtu", required_argument, NULL, O_MTU},
    {"depth", required_argument, NULL, O_DEPTH},
    {"rate", required_argument, NULL, O_RATE},
    {"loss", required_argument, NULL, O_LOSS},
    {"lossy", no_argument, NULL, O_LOSSY},
    {"seed", required_argument, NULL, O_SEED},
    {"plain", no_argument, NULL, O_PLAIN},
    {"watch", no_argument, NULL, O_WATCH},
    {"hook", required_argument, NULL, O_HOOK},
    {"json", no_argument, NULL, O_JSON},
    {"version", no_argument, NULL, O_VERSION},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

static void __attribute__((noreturn))
bad_option(const char *option, const char *text, const char *use)
{
    fprintf(stderr, "drvdom-netfront: --%s %s: use %s\n", option, text, use);
    exit(EXIT_USAGE);
}

static uint64_t number(const char *option, const char *text, uint64_t max)
{
    char *end, use[40];
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 10);
    snprintf(use, sizeof(use), "a number up to %" PRIu64, max);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > max)
        bad_option(option, text, use);
    return v;
}

static void parse_mac(const char *text)
{
    unsigned b[6];
    char rest;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &rest) != 6)
        bad_option("to", text, "an address like 00:16:3e:00:00:01");
    for (unsigned i = 0; i < 6; i++)
        opt.traffic.to[i] = (uint8_t)b[i];
}

static const struct profile *parse_profile(const char *text)
{
    const struct profile *p = profile_find(text);

    if (!p)
        bad_option("profile", text, "one of those in --help");
    return p;
}

static void parse_kinds(char *text)
{
    opt.traffic.kinds = 0;
    opt.has_kinds = true;
    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        unsigned k = 0;

        while (k < FRAME_KINDS && strcmp(frame_kind_name((enum frame_kind)k), w) != 0)
            k++;
        if (k == FRAME_KINDS)
            bad_option("kinds", w, "raw, udp4, tcp4, udp6 or tcp6");
        opt.traffic.kinds |= 1u << k;
    }
}

static void parse_without(char *text)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"split", &opt.want.split},      {"sg", &opt.want.sg},       {"gso4", &opt.want.gso4},
        {"gso6", &opt.want.gso6},        {"csum4", &opt.want.csum4}, {"csum6", &opt.want.csum6},
        {"notify", &opt.want.rx_notify},
    };

    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        unsigned i = 0;

        while (i < ARRAY_SIZE(flags) && strcmp(flags[i].name, w) != 0)
            i++;
        if (i == ARRAY_SIZE(flags))
            bad_option("without", w, "split, sg, gso4, gso6, csum4, csum6 or notify");
        *flags[i].flag = false;
    }
}

/* One option with a number.  False: not one of these. */
static bool numeric_option(int id, const char *name, const char *text)
{
    switch (id) {
    case O_DEVID:
        opt.devid = (uint32_t)number(name, text, UINT32_MAX);
        opt.has_devid = true;
        return true;
    case O_QUEUES:
        opt.want.queues = (unsigned)number(name, text, NF_QUEUES_MAX);
        return true;
    case O_HEADROOM:
        opt.want.headroom = (uint16_t)number(name, text, 32767);
        return true;
    case O_TIMEOUT:
        opt.want.timeout_ms = (unsigned)number(name, text, 3600000);
        return true;
    case O_FRAMES:
        opt.traffic.frames = number(name, text, UINT64_MAX);
        return true;
    case O_SECONDS:
        opt.traffic.seconds = (unsigned)number(name, text, 1000000);
        return true;
    case O_SIZE:
        opt.traffic.size = (uint32_t)number(name, text, NF_TX_FRAME_MAX);
        return true;
    case O_MTU:
        opt.traffic.mtu = (uint32_t)number(name, text, 65517);
        return true;
    case O_DEPTH:
        opt.traffic.depth = (unsigned)number(name, text, 64);
        opt.has_depth = true;
        return true;
    case O_RATE:
        opt.traffic.rate = (unsigned)number(name, text, 1000000);
        return true;
    case O_LOSS:
        opt.traffic.allowed_loss = (uint32_t)number(name, text, UINT32_MAX);
        return true;
    case O_SEED:
        opt.traffic.seed = number(name, text, UINT64_MAX);
        return true;
    default:
        return false;
    }
}

static void other_option(int id)
{
    switch (id) {
    case O_LOSSY:
        opt.traffic.lossy = true;
        break;
    case O_WITHOUT:
        parse_without(optarg);
        break;
    case O_MCAST:
        opt.want.mcast = true;
        break;
    case O_HASH:
        opt.want.ctrl = opt.want.hash = true;
        break;
    case O_EXACT:
        opt.want.exact = true;
        break;
    case O_PROFILE:
        opt.want.profile = parse_profile(optarg);
        break;
    case O_TO:
        parse_mac(optarg);
        break;
    case O_KINDS:
        parse_kinds(optarg);
        break;
    case O_PLAIN:
        opt.traffic.plain = true;
        break;
    case O_WATCH:
        opt.watch = true;
        break;
    case O_HOOK:
        opt.hook = optarg;
        break;
    case O_JSON:
        opt.json = true;
        break;
    case O_VERSION:
        puts("drvdom-netfront " DRVDOM_VERSION);
        exit(0);
    case O_HELP:
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(EXIT_USAGE);
    }
}

static void parse_options(int argc, char **argv)
{
    int id, index;

    opt.want.profile = profile_find("linux");
    while ((id = getopt_long(argc, argv, "", longs, &index)) != -1) {
        if (id == '?' || !numeric_option(id, longs[index].name, optarg))
            other_option(id);
    }
    if (strcmp(opt.want.profile->name, "windows") == 0)
        opt.want.mcast = true;
    nf_want_limit(&opt.want);
    if (optind == argc) {
        fputs(usage, stderr);
        exit(EXIT_USAGE);
    }
}

/* ---- verbs ---- */

/* To where every frontend starts: 1 here, 2 there, whatever an earlier one left behind. */
static int make_ready(struct nf_conn *c)
{
    int rc;

    if (opt.want.profile->resets)
        return 0;
    rc = front_set_state(&c->f, XENBUS_INITIALISING);
    if (!rc)
        rc = front_await(&c->f, ST(INIT_WAIT), 0, opt.want.timeout_ms);
    return MIN(rc, 0);
}

static int do_info(struct nf_conn *c)
{
    int rc = nf_read_offer(c);

    if (!rc)
        report_offer(c, opt.json);
    return rc;
}

static int do_traffic(struct nf_conn *c, const char *verb)
{
    static struct traffic_result r;
    struct traffic_options *o = &opt.traffic;
    int rc;

    if (strcmp(verb, "listen") == 0)
        return traffic_listen(c, o);
    if (strcmp(verb, "echo") == 0) {
        printf("echo ready\n");
        rc = traffic_echo(c, o, &r);
    } else {
        if (!o->frames && !o->seconds)
            o->seconds = 3;
        if (strcmp(verb, "bench") == 0) {
            o->plain = o->no_check = true;
            o->size = o->size ? o->size : 64;
            o->depth = opt.has_depth ? o->depth : 1;
            if (!opt.has_kinds)
                o->kinds = 1u << (o->size > o->mtu + FRAME_ETHER ? FRAME_TCP4 : FRAME_UDP4);
        }
        rc = traffic_verify(c, o, &r);
    }
    if (!rc)
        report_traffic(c, verb, &r, opt.json);
    return rc;
}

static int connected_verb(struct nf_conn *c, int argc, char **argv)
{
    const char *verb = argv[0];
    int rc, end;

    c->watched = opt.watch;
    rc = nf_connect(c, &opt.want);
    if (rc)
        return rc;
    if (strcmp(verb, "ping") == 0)
        rc = argc > 1 ? ping(c, argv[1], &opt.traffic) : -EINVAL;
    else if (strcmp(verb, "connect") != 0)
        rc = do_traffic(c, verb);
    if (rc)
        return rc;
    end = nf_disconnect(c);
    if (!end && strcmp(verb, "connect") == 0)
        printf("%s: connected and closed\n", opt.want.profile->name);
    return end;
}

static bool is_one_of(const char *verb, const char *const *list)
{
    while (*list && strcmp(*list, verb) != 0)
        list++;
    return *list != NULL;
}

static int run_verb(int argc, char **argv)
{
    static const char *const connected[] = {"verify", "bench",   "echo", "ping",
                                            "listen", "connect", NULL};
    const char *verb = argv[0];
    bool evil = strcmp(verb, "misbehave") == 0, hold = strcmp(verb, "hold") == 0,
         hogs = strcmp(verb, "hog") == 0;
    int rc;

    if (evil && argc > 1 && strcmp(argv[1], "list") == 0)
        return misbehave_list();
    if (!is_one_of(verb, connected) && !evil && !hold && !hogs && strcmp(verb, "info") != 0) {
        fprintf(stderr, "drvdom-netfront: no verb \"%s\"\n%s", verb, usage);
        return EXIT_USAGE;
    }
    if (!opt.has_devid || ((evil || hold || hogs) && argc < 2)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    rc = nf_open(&conn, opt.devid);
    if (!rc)
        rc = make_ready(&conn);
    if (!rc && evil)
        return misbehave(&conn, &opt.want, &opt.traffic, opt.hook, argv + 1);
    if (!rc && hold)
        rc = misbehave_hold(&conn, &opt.want, argv[1]);
    else if (!rc && hogs)
        rc = hog(&conn, &opt.want, argv[1], opt.traffic.to);
    else if (!rc && strcmp(verb, "info") == 0)
        rc = do_info(&conn);
    else if (!rc)
        rc = connected_verb(&conn, argc, argv);
    if (rc < 0) {
        report_failure(&conn, verb, rc, opt.json);
        (void)!front_set_state(&conn.f, XENBUS_CLOSED); /* a driver that gives up says so */
    }
    nf_fini(&conn);
    return rc < 0 ? 1 : rc;
}

int main(int argc, char **argv)
{
    log_set_prefix("netfront");
    signal(SIGPIPE, SIG_IGN);
    parse_options(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return run_verb(argc - optind, argv + optind);
}
