/*
 * drvdom-blkfront: a block frontend in user space, for a guest with /dev/xen/gntalloc, evtchn and
 * xenbus.  It checks data, measures, plays the frontends that exist, and misbehaves on request.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/blk/bench.h"
#include "frontends/blk/misbehave.h"
#include "frontends/blk/report.h"
#include "frontends/blk/verify.h"
#include "transport/base/log.h"

static const char usage[] =
    "usage: drvdom-blkfront --devid N [options] VERB\n"
    "\n"
    "A block frontend in user space. The device must not be in use by this guest's kernel.\n"
    "\n"
    "  info              what the backend offers\n"
    "  verify            random reads, writes, flushes, barriers and discards; all data checked\n"
    "  write, read       the whole range once; read compares with what write wrote\n"
    "  bench             measure\n"
    "  connect           connect and disconnect, as the profile does\n"
    "  hold STATE        go to initialised, connected, busy or closing, say so, and stay there\n"
    "  misbehave NAME... one or more of the catalogue (list: all of them; R, B, S: a chapter)\n"
    "\n"
    "connection:\n"
    "  --devid N         device number (51712 is xvda)\n"
    "  --queues N        as many queues as are offered, at most N (default 1)\n"
    "  --order N         rings of 2^N pages (default 0)\n"
    "  --indirect N      requests of up to N segments (default 0: 11, plain requests)\n"
    "  --persistent      persistent grants\n"
    "  --exact           fail when less than that is offered\n"
    "  --abi NAME        native, x86_32, x86_64\n"
    "  --profile NAME    linux (default), windows, freebsd, netbsd, openbsd, minios, unikraft,\n"
    "                    nanos, grub, ovmf, mirage\n"
    "  --timeout MS      for each step of the handshake (default 10000)\n"
    "data:\n"
    "  --from SECTOR  --sectors N   range in units of 512 bytes\n"
    "  --depth N         requests in flight (default 16)\n"
    "  --seconds N       how long verify and bench run (default 3); SIGTERM ends verify earlier\n"
    "  --rate N          verify: at most N requests a second\n"
    "  --window MS       verify: a line of JSON about every MS milliseconds\n"
    "  --ops N           verify: so many requests instead\n"
    "  --seed N          of data and order (default 1)\n"
    "  --generation N    of write and read (default 1)\n"
    "  --plain           verify: whole pages only\n"
    "  --no-discard      verify: without discard;  --no-sync  without flush and barrier\n"
    "  --size BYTES      bench: of a request (default 4096);  --writes PERCENT  --in-order\n"
    "  --stamps          bench: time stamps in the slots, for stage `wake` of drvdom latency, and\n"
    "                    the way back\n"
    "  --stamp-offset NS our time stamp counter began so much later than the backend's (xl\n"
    "                    debug-keys s: ofs=), where Xen emulates it\n"
    "  --hook CMD        misbehave: run to make the conditions of some (see list)\n"
    "  --json            one line of JSON instead of text\n"
    "\n"
    "exit status: 0 as it should be, 1 not, 2 usage, 3 could not be tried here\n";

enum { EXIT_USAGE = 2 };

struct options {
    bool has_devid, json;
    uint32_t devid;
    struct bf_want want;
    struct verify_options verify;
    struct bench_options bench;
    const char *hook;
};

static struct options opt = {
    .want = {.queues = 1, .timeout_ms = 10000},
    .verify =
        {.depth = 16, .seconds = 3, .seed = 1, .generation = 1, .sync_ops = true, .discard = true},
    .bench = {.bytes = 4096},
};
static struct bf_conn conn;

/* ---- options ---- */

enum option_id {
    O_DEVID = 256,
    O_QUEUES,
    O_ORDER,
    O_INDIRECT,
    O_PERSISTENT,
    O_EXACT,
    O_ABI,
    O_PROFILE,
    O_TIMEOUT,
    O_FROM,
    O_SECTORS,
    O_DEPTH,
    O_SECONDS,
    O_WINDOW,
    O_RATE,
    O_OPS,
    O_SEED,
    O_GENERATION,
    O_PLAIN,
    O_NO_DISCARD,
    O_NO_SYNC,
    O_SIZE,
    O_WRITES,
    O_IN_ORDER,
    O_STAMPS,
    O_STAMP_OFFSET,
    O_HOOK,
    O_JSON,
    O_VERSION,
    O_HELP,
};

static const struct option longs[] = {
    {"devid", required_argument, NULL, O_DEVID},
    {"queues", required_argument, NULL, O_QUEUES},
    {"order", required_argument, NULL, O_ORDER},
    {"indirect", required_argument, NULL, O_INDIRECT},
    {"persistent", no_argument, NULL, O_PERSISTENT},
    {"exact", no_argument, NULL, O_EXACT},
    {"abi", required_argument, NULL, O_ABI},
    {"profile", required_argument, NULL, O_PROFILE},
    {"timeout", required_argument, NULL, O_TIMEOUT},
    {"from", required_argument, NULL, O_FROM},
    {"sectors", required_argument, NULL, O_SECTORS},
    {"depth", required_argument, NULL, O_DEPTH},
    {"seconds", required_argument, NULL, O_SECONDS},
    {"window", required_argument, NULL, O_WINDOW},
    {"rate", required_argument, NULL, O_RATE},
    {"ops", required_argument, NULL, O_OPS},
    {"seed", required_argument, NULL, O_SEED},
    {"generation", required_argument, NULL, O_GENERATION},
    {"plain", no_argument, NULL, O_PLAIN},
    {"no-discard", no_argument, NULL, O_NO_DISCARD},
    {"no-sync", no_argument, NULL, O_NO_SYNC},
    {"size", required_argument, NULL, O_SIZE},
    {"writes", required_argument, NULL, O_WRITES},
    {"in-order", no_argument, NULL, O_IN_ORDER},
    {"stamps", no_argument, NULL, O_STAMPS},
    {"stamp-offset", required_argument, NULL, O_STAMP_OFFSET},
    {"hook", required_argument, NULL, O_HOOK},
    {"json", no_argument, NULL, O_JSON},
    {"version", no_argument, NULL, O_VERSION},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

/* Ends the program when the argument is no number or too large. */
static uint64_t number(const char *option, const char *text, uint64_t max)
{
    char *end;
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > max) {
        fprintf(stderr, "drvdom-blkfront: --%s %s: use a number up to %" PRIu64 "\n", option, text,
                max);
        exit(EXIT_USAGE);
    }
    return v;
}

static enum bf_abi parse_abi(const char *text)
{
    if (strcmp(text, "x86_32") == 0)
        return BF_ABI_X86_32;
    if (strcmp(text, "x86_64") == 0)
        return BF_ABI_X86_64;
    if (strcmp(text, "native") != 0) {
        fprintf(stderr, "drvdom-blkfront: --abi %s: use native, x86_32 or x86_64\n", text);
        exit(EXIT_USAGE);
    }
    return BF_ABI_NATIVE;
}

static const struct profile *parse_profile(const char *text)
{
    const struct profile *p = bf_profile_find(text);

    if (p)
        return p;
    fprintf(stderr, "drvdom-blkfront: --profile %s: use one of", text);
    for (unsigned i = 0; bf_profile_name(i); i++)
        fprintf(stderr, " %s", bf_profile_name(i));
    fputc('\n', stderr);
    exit(EXIT_USAGE);
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
        opt.want.queues = (unsigned)number(name, text, BF_QUEUES_MAX);
        return true;
    case O_ORDER:
        opt.want.order = (unsigned)number(name, text, BF_ORDER_MAX);
        return true;
    case O_INDIRECT:
        opt.want.indirect = (uint32_t)number(name, text, BF_SEGS_MAX);
        return true;
    case O_TIMEOUT:
        opt.want.timeout_ms = (unsigned)number(name, text, 3600000);
        return true;
    case O_FROM:
        opt.verify.from = opt.bench.from = number(name, text, INT64_MAX);
        return true;
    case O_SECTORS:
        opt.verify.sectors = opt.bench.sectors = number(name, text, 1u << 28);
        return true;
    case O_DEPTH:
        opt.verify.depth = opt.bench.depth = (unsigned)number(name, text, LOAD_DEPTH_MAX);
        return true;
    case O_SECONDS:
        opt.verify.seconds = (unsigned)number(name, text, 1000000);
        return true;
    case O_RATE:
        opt.verify.rate = (unsigned)number(name, text, 1000000);
        return true;
    case O_WINDOW:
        opt.verify.window_ms = (unsigned)number(name, text, 1000000);
        return true;
    case O_OPS:
        opt.verify.ops = number(name, text, UINT64_MAX);
        return true;
    case O_SEED:
        opt.verify.seed = number(name, text, UINT64_MAX);
        return true;
    case O_GENERATION:
        opt.verify.generation = (uint32_t)number(name, text, UINT32_MAX);
        return true;
    case O_SIZE:
        opt.bench.bytes = (uint32_t)number(name, text, BF_SEGS_MAX * BF_PAGE);
        return true;
    case O_WRITES:
        opt.bench.write_percent = (unsigned)number(name, text, 100);
        return true;
    default:
        return false;
    }
}

static void other_option(int id)
{
    switch (id) {
    case O_PERSISTENT:
        opt.want.persistent = true;
        break;
    case O_STAMPS:
        opt.want.stamps = true;
        break;
    case O_STAMP_OFFSET:
        opt.want.stamp_offset_ns = number("stamp-offset", optarg, INT64_MAX);
        break;
    case O_EXACT:
        opt.want.all_or_nothing = true;
        break;
    case O_ABI:
        opt.want.abi = parse_abi(optarg);
        break;
    case O_PROFILE:
        opt.want.profile = parse_profile(optarg);
        break;
    case O_PLAIN:
        opt.verify.plain = true;
        break;
    case O_NO_DISCARD:
        opt.verify.discard = false;
        break;
    case O_NO_SYNC:
        opt.verify.sync_ops = false;
        break;
    case O_IN_ORDER:
        opt.bench.in_order = true;
        break;
    case O_HOOK:
        opt.hook = optarg;
        break;
    case O_JSON:
        opt.json = true;
        break;
    case O_VERSION:
        puts("drvdom-blkfront " DRVDOM_VERSION);
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

    opt.want.profile = bf_profile_find("linux");
    while ((id = getopt_long(argc, argv, "", longs, &index)) != -1) {
        if (id == '?' || !numeric_option(id, longs[index].name, optarg))
            other_option(id);
    }
    opt.bench.depth = opt.verify.depth;
    opt.bench.seconds = opt.verify.seconds;
    if (optind == argc) {
        fputs(usage, stderr);
        exit(EXIT_USAGE);
    }
}

/* ---- verbs ---- */

/* To where every frontend starts: 1 here, 2 there, whatever an earlier one left behind. */
static int make_ready(struct bf_conn *c)
{
    int rc = front_set_state(&c->f, XENBUS_INITIALISING);

    c->f.timeout_ms = opt.want.timeout_ms;
    if (!rc)
        rc = front_await(&c->f, ST(INIT_WAIT), 0, opt.want.timeout_ms);
    return rc < 0 ? rc : 0;
}

static int do_info(struct bf_conn *c)
{
    int rc = bf_read_offer(c);

    if (!rc)
        report_offer(&c->offer, opt.json);
    return rc;
}

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
    (void)sig;
    stop = 1;
}

static int do_verify(struct bf_conn *c, const char *verb)
{
    static struct verify_result r;
    int rc;

    signal(SIGTERM, on_term);
    opt.verify.stop = &stop;
    opt.verify.window = opt.verify.window_ms ? report_window : NULL;
    if (strcmp(verb, "write") == 0)
        rc = verify_write(c, &opt.verify, &r);
    else if (strcmp(verb, "read") == 0)
        rc = verify_read(c, &opt.verify, &r);
    else
        rc = verify_random(c, &opt.verify, &r);
    if (!rc)
        report_verify(c, verb, &r, opt.json);
    return rc;
}

static int do_bench(struct bf_conn *c)
{
    static struct bench_result r;
    int rc = bench_run(c, &opt.bench, &r);

    if (!rc)
        report_bench(c, &opt.bench, &r, opt.json);
    return rc;
}

/* A frontend that failed still lets go of the disk, or it could not be detached. */
static int leave(struct bf_conn *c, int rc)
{
    char why[FRONT_WHY_MAX];
    int end;

    memcpy(why, c->f.why, sizeof(why));
    end = bf_disconnect(c);
    if (rc)
        memcpy(c->f.why, why, sizeof(why));
    return rc ? rc : end;
}

static int connected_verb(struct bf_conn *c, const char *verb)
{
    int rc = bf_connect(c, &opt.want);

    if (!rc && strcmp(verb, "bench") == 0)
        rc = do_bench(c);
    else if (!rc && strcmp(verb, "connect") != 0)
        rc = do_verify(c, verb);
    rc = leave(c, rc);
    if (!rc && strcmp(verb, "connect") == 0)
        printf("%s: connected and closed\n", opt.want.profile->name);
    return rc;
}

static bool is_one_of(const char *verb, const char *const *list)
{
    while (*list && strcmp(*list, verb) != 0)
        list++;
    return *list != NULL;
}

static int run_verb(int argc, char **argv)
{
    static const char *const connected[] = {"verify", "write", "read", "bench", "connect", NULL};
    const char *verb = argv[0];
    bool evil = strcmp(verb, "misbehave") == 0;
    int rc;

    if (evil && argc > 1 && strcmp(argv[1], "list") == 0)
        return misbehave_list();
    if (!is_one_of(verb, connected) && !evil && strcmp(verb, "info") != 0 &&
        strcmp(verb, "hold") != 0) {
        fprintf(stderr, "drvdom-blkfront: no verb \"%s\"\n%s", verb, usage);
        return EXIT_USAGE;
    }
    if (!opt.has_devid || ((evil || strcmp(verb, "hold") == 0) && argc < 2)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    rc = bf_open(&conn, opt.devid);
    if (!rc)
        rc = make_ready(&conn);
    if (!rc && evil)
        return misbehave(&conn, &opt.want, opt.hook, opt.json, argv + 1);
    if (!rc && strcmp(verb, "hold") == 0)
        rc = misbehave_hold(&conn, &opt.want, argv[1]);
    else if (!rc && strcmp(verb, "info") == 0)
        rc = do_info(&conn);
    else if (!rc)
        rc = connected_verb(&conn, verb);
    if (rc < 0)
        report_failure(&conn, verb, rc, opt.json);
    bf_fini(&conn);
    return rc < 0 ? 1 : rc;
}

int main(int argc, char **argv)
{
    log_set_prefix("blkfront");
    signal(SIGPIPE, SIG_IGN);
    parse_options(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return run_verb(argc - optind, argv + optind);
}
