/*
 * fakexenctl VERB ...: in a session (FAKEXEN_DIR) as dom0.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakexen/ctl/ctl.h"
#include "tests/fakexen/lib/client.h"

static const struct verb {
    const char *name;
    verb_fn *run;
    int args;
    const char *usage;
} verbs[] = {
    {"create", v_create, 1, "create DOMID"},
    {"destroy", v_destroy, 1, "destroy DOMID"},
    {"list", v_list, 0, "list"},
    {"usage", v_usage, 1, "usage DOMID   (ports, grants, maps, pins)"},
    {"limit", v_limit, 3, "limit DOMID ports|grants|maps N"},
    {"fault", v_fault, 2, "fault DOMID KIND [N [CODE [EVERY]]]   (N 0: no more; without: how far)"},
    {"flip", v_flip, 4, "flip DOMID REF OFFSET MS [BYTES]"},
    {"hold", v_hold, 2, "hold DOMID REF   (maps it until killed)"},
    {"introduce", v_introduce, 1, "introduce DOMID [NAME]"},
    {"attach-vbd", v_attach_vbd, 4, "attach-vbd GUEST DD DEVID PARAMS [KEY=VALUE...]"},
    {"attach-qdisk", v_attach_qdisk, 4, "attach-qdisk GUEST DD DEVID aio:PATH [KEY=VALUE...]"},
    {"attach-vif", v_attach_vif, 4, "attach-vif GUEST DD DEVID BRIDGE [KEY=VALUE...]"},
    {"cycle-vbd", v_cycle_vbd, 5,
     "cycle-vbd TIMES GUEST DD DEVID[,DEVID...] PARAMS [KEY=VALUE...]"},
    {"devices-gone", v_devices_gone, 1, "devices-gone DOMID [SECONDS]"},
    {"forget", v_forget, 1, "forget DOMID"},
    {"xs", v_xs, 2,
     "xs read|write|rm|ls|watch PATH [VALUE|COUNT]   (as whatever domain the environment says)"},
    {"detach", v_detach, 4, "detach vbd|vif GUEST DD DEVID [SECONDS]"},
};

static uint32_t number(const char *s)
{
    char *end;
    unsigned long v = strtoul(s, &end, 0);

    if (*end || end == s || v > UINT32_MAX)
        errx(2, "not a number: %s", s);
    return (uint32_t)v;
}

static int done(const char *what, int rc)
{
    if (rc < 0)
        warnx("%s: %s", what, strerror(-rc));
    return rc < 0;
}

int v_create(int argc, char **argv)
{
    (void)argc;
    return done("create", fx_simple(FX_DOM_CREATE, 0, number(argv[0]), 0, NULL));
}

int v_destroy(int argc, char **argv)
{
    (void)argc;
    return done("destroy", fx_simple(FX_DOM_DESTROY, 0, number(argv[0]), 0, NULL));
}

int v_list(int argc, char **argv)
{
    static uint32_t v[2 * FX_MAX_DOMS];
    struct fx_call c = {.req = {.op = FX_DOM_LIST}, .out = v, .cap = 2 * FX_MAX_DOMS, .fd_in = -1};
    int rc = fx_rpc(&c);

    (void)argc;
    (void)argv;
    for (uint32_t i = 0; rc == 0 && i + 1 < c.nout; i += 2)
        printf("%u %s\n", v[i], v[i + 1] & FX_DOMF_DYING ? "dying" : "running");
    return done("list", rc);
}

/* What a domain has open, for tests that look for leaks. */
int v_usage(int argc, char **argv)
{
    uint32_t v[4] = {0};
    struct fx_call c = {
        .req = {.op = FX_DOM_USAGE, .a = {number(argv[0])}}, .out = v, .cap = 4, .fd_in = -1};
    int rc = fx_rpc(&c);

    (void)argc;
    if (rc == 0)
        printf("ports %u grants %u maps %u pins %u\n", v[0], v[1], v[2], v[3]);
    return done("usage", rc);
}

int v_limit(int argc, char **argv)
{
    static const char *const what[] = {"ports", "grants", "maps"};
    struct fx_call c = {.req = {.op = FX_DOM_LIMIT, .a = {number(argv[0])}}, .fd_in = -1};

    (void)argc;
    while (c.req.a[1] < 3 && strcmp(what[c.req.a[1]], argv[1]) != 0)
        c.req.a[1]++;
    c.req.a[2] = number(argv[2]);
    return done("limit", fx_rpc(&c));
}

int v_fault(int argc, char **argv)
{
    struct fx_dom *d = fx_dom_get(number(argv[0]));
    int kind = fx_fault_by_name(argv[1]);
    struct fx_fault *f;

    if (!d || kind < 0)
        errx(1, "fault: no such %s", d ? "kind" : "domain");
    f = &d->tab->fault[kind];
    if (argc < 3) {
        printf("%d\n", atomic_load(&f->countdown));
        return 0;
    }
    atomic_store(&f->countdown, 0);
    atomic_store(&f->err, argc > 3 ? atoi(argv[3]) : fx_fault_usual(kind));
    atomic_store(&f->every, argc > 4 ? atoi(argv[4]) : 0);
    atomic_store(&f->countdown, atoi(argv[2]));
    return 0;
}

/* A guest that writes to a page it has handed over: for double fetches. */
int v_flip(int argc, char **argv)
{
    struct fx_dom *d = fx_dom_get(number(argv[0]));
    uint32_t ref = number(argv[1]), off = number(argv[2]), n = argc > 4 ? number(argv[4]) : 1;
    struct timespec t;
    uint64_t g, end;

    if (!d || ref >= FX_GRANTS || off >= FX_PAGE || n > FX_PAGE - off)
        errx(1, "flip: no such domain, reference or bytes");
    g = atomic_load(&d->tab->grant[ref]);
    if (!(g & FX_GTF_PERMIT))
        errx(1, "flip: reference %u is not granted", ref);
    volatile uint8_t *p = d->mem + (size_t)fx_grant_frame(g) * FX_PAGE + off;

    clock_gettime(CLOCK_MONOTONIC, &t);
    end = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + number(argv[3]);
    do {
        for (unsigned k = 0; k < 20000; k++)
            for (uint32_t i = 0; i < n; i++)
                p[i] = (uint8_t)~p[i];
        clock_gettime(CLOCK_MONOTONIC, &t);
    } while ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 < end);
    return 0;
}

int v_hold(int argc, char **argv)
{
    uint32_t pair[2] = {number(argv[0]), number(argv[1])}, frame;
    struct fx_call c = {.req = {.op = FX_GNT_MAP, .a = {0, FX_NONE, FX_NONE}, .n = 2},
                        .v = pair,
                        .out = &frame,
                        .cap = 1,
                        .fd_in = -1};
    int rc = fx_simple(FX_GNT_OPEN, 0, 0, 0, &c.req.h);

    (void)argc;
    if (rc == 0)
        rc = fx_rpc(&c);
    if (rc == 0) {
        puts("held");
        fflush(stdout);
        pause();
    }
    return done("hold", rc);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        if (argc - 2 < verbs[i].args)
            errx(2, "usage: fakexenctl %s", verbs[i].usage);
        return verbs[i].run(argc - 2, argv + 2);
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(stderr, "fakexenctl %s\n", verbs[i].usage);
    return 2;
}
