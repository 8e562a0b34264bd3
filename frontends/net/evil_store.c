/*
 * Catalogue, chapter S: xenstore and life cycle.  S9 here is the death of the frontend; the death
 * of the whole guest, and S11 (its domid used again), need a dom0: tests/evil has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontends/net/evil.h"
#include "schema/vif.h"
#include "transport/base/log.h"

static void own_path(const struct nf_conn *c, const char *key, char path[STORE_PATH_MAX])
{
    schema_join(path, STORE_PATH_MAX, c->f.dir, key);
}

static void put(struct nf_conn *c, const char *key, const char *value)
{
    struct evil_key k = {key, value};

    evil_set_key(c, &k);
}

static void gone(struct nf_conn *c, const char *key)
{
    struct evil_key k = {key, NULL};

    evil_rm_key(c, &k);
}

/* ---- S1, S2 ---- */

/* A key may still come: waiting is allowed, connecting without it is not. */
static enum row_result missing(struct evil *e, const char *key)
{
    struct evil_key k = {key, NULL};
    struct nf_want w = e->want;
    unsigned s;

    w.tamper = evil_rm_key;
    w.tamper_arg = &k;
    w.timeout_ms = 150;
    if (nf_connect(e->c, &w) == 0)
        return evil_wrong(e, "connected without %s", key);
    s = front_state(&e->c->f);
    if (s != XENBUS_INIT_WAIT && s != XENBUS_CLOSING && s != XENBUS_CLOSED)
        return evil_wrong(e, "state %u without %s", s, key);
    return evil_again(e);
}

static enum row_result s1(struct evil *e)
{
    ROW_TRY(missing(e, VIF_FRONT_KEY_TX_RING_REF));
    ROW_TRY(missing(e, VIF_FRONT_KEY_RX_RING_REF));
    ROW_TRY(missing(e, VIF_FRONT_KEY_REQUEST_RX_COPY));
    e->want.split = true;
    ROW_TRY(missing(e, VIF_FRONT_KEY_EVENT_CHANNEL_RX));
    ROW_TRY(missing(e, VIF_FRONT_KEY_EVENT_CHANNEL_TX));
    e->want.split = false;
    return missing(e, VIF_FRONT_KEY_EVENT_CHANNEL);
}

static enum row_result s2(struct evil *e)
{
    static char long_text[1200]; /* a node may have 2048, all of it counted */
    static const char *const values[] = {
        "",     "-1",      "+1", "0x1", " 7", "7 ", "1e3", "100000000000000000000", "\x1b[2J\x07",
        "1\n2", long_text,
    };
    static const char *const keys[] = {
        VIF_FRONT_KEY_TX_RING_REF,     VIF_FRONT_KEY_RX_RING_REF,
        VIF_FRONT_KEY_EVENT_CHANNEL,   VIF_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES,
        VIF_FRONT_KEY_FEATURE_SG,      VIF_FRONT_KEY_FEATURE_NO_CSUM_OFFLOAD,
        VIF_FRONT_KEY_REQUEST_RX_COPY,
    };

    memset(long_text, '1', sizeof(long_text) - 1);
    e->want.split = false;
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        /* All values with the first key, and each of the others with some. */
        for (unsigned k = i % 3; k < ARRAY_SIZE(values); k += i ? 3 : 1) {
            struct evil_key t = {keys[i], values[k]};

            if (evil_refused(e, evil_set_key, &t) != ROW_OK)
                return evil_wrong(e, "%s = \"%.20s\": not refused (%s)", t.key, t.value,
                                  e->c->f.why);
        }
    }
    return ROW_OK;
}

/* ---- S3, S4 ---- */

struct rewrite {
    struct store *store; /* its own: one thread per handle */
    char ref[STORE_PATH_MAX], port[STORE_PATH_MAX];
    char good_ref[16], good_port[16];
    atomic_bool on; /* not while we write our keys ourselves: it would win every transaction */
};

static void rewrite_keys(void *arg, uint64_t round)
{
    struct rewrite *w = arg;

    if (!atomic_load(&w->on)) {
        usleep(100);
        return;
    }
    (void)!store_write(w->store, 0, w->ref, round & 1 ? w->good_ref : "77777");
    (void)!store_write(w->store, 0, w->port, round & 1 ? w->good_port : "131070");
}

static void note_good_keys(struct nf_conn *c, void *arg)
{
    struct rewrite *w = arg;

    snprintf(w->good_ref, sizeof(w->good_ref), "%u", c->queue[0].rx_ref);
    snprintf(w->good_port, sizeof(w->good_port), "%u", c->queue[0].port[0].port);
    atomic_store(&w->on, true);
}

static enum row_result s3_rounds(struct evil *e, struct rewrite *w)
{
    for (unsigned i = 0; i < 6; i++) {
        struct nf_want want = e->want;
        int rc;

        want.split = false;
        want.tamper = note_good_keys;
        want.tamper_arg = w;
        want.timeout_ms = EVIL_REACT_MS;
        rc = nf_connect(e->c, &want);
        atomic_store(&w->on, false);
        if (rc && rc != -ECONNREFUSED)
            return evil_wrong(e, "neither connected nor refused: %s", e->c->f.why);
        if (rc == 0)
            ROW_TRY(evil_serves(e));
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

static enum row_result s3(struct evil *e)
{
    struct rewrite w = {.good_ref = "1", .good_port = "1"};
    enum row_result result;
    struct twin twin;

    own_path(e->c, VIF_FRONT_KEY_RX_RING_REF, w.ref);
    own_path(e->c, VIF_FRONT_KEY_EVENT_CHANNEL, w.port);
    if (store_open(&w.store) || twin_start(&twin, rewrite_keys, &w))
        return evil_wrong(e, "no second connection to xenstore");
    result = s3_rounds(e, &w);
    twin_stop(&twin);
    store_close(w.store);
    return result;
}

static enum row_result s4(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    put(e->c, VIF_FRONT_KEY_TX_RING_REF, "77777");
    put(e->c, VIF_FRONT_KEY_EVENT_CHANNEL_TX, "0");
    put(e->c, VIF_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, "7");
    put(e->c, VIF_FRONT_KEY_FEATURE_SG, "none");
    put(e->c, VIF_FRONT_KEY_REQUEST_RX_COPY, "0");
    put(e->c, VIF_FRONT_KEY_STATE, "4");
    ROW_TRY(evil_serves(e));
    evil_sleep(EVIL_STEADY_MS);
    if (front_state(&e->c->f) != XENBUS_CONNECTED)
        return evil_wrong(e, "it left state 4 for keys that count no more");
    return evil_serves(e);
}

/* ---- S5 to S8 ---- */

static enum row_result s5(struct evil *e)
{
    static const char *const odd[] = {"0", "7", "8", "99", "-4", "", "4294967300"};
    uint64_t random = 5;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 400; i++) {
        uint64_t r = frame_random(&random);
        char text[2] = {(char)('1' + r % 6), '\0'};

        put(e->c, VIF_FRONT_KEY_STATE, r >> 32 & 7 ? text : odd[(r >> 16) % ARRAY_SIZE(odd)]);
        if (i % 16 == 0)
            evil_sleep(10); /* sometimes long enough to be seen */
    }
    return ROW_OK;
}

static enum row_result s6(struct evil *e)
{
    unsigned back, us, devid;
    char path[STORE_PATH_MAX];
    enum row_result result;
    const char *rest;

    own_path(e->c, VIF_FRONT_KEY_STATE, path);
    ROW_TRY(evil_connect(e));
    gone(e->c, VIF_FRONT_KEY_STATE);
    ROW_TRY(evil_closes(e));
    ROW_TRY(evil_again(e));
    /* Nobody but us may read it: to the backend it is gone. */
    if (vif_back_dir_of_match(e->c->f.back, &back, &us, &devid, &rest))
        return evil_wrong(e, "our own number is not in %s", e->c->f.back);
    ROW_TRY(evil_connect(e));
    if (store_set_perms(e->c->f.store, 0, path, us, us))
        return evil_wrong(e, "permissions cannot be set");
    result = evil_closes(e);
    gone(e->c, VIF_FRONT_KEY_STATE); /* made anew, it has its directory's permissions */
    return result;
}

static enum row_result s7_rewritten(struct evil *e)
{
    ROW_TRY(evil_serves(e));
    /* A whole new start with them in place: nobody but us may ever read them. */
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    return evil_serves(e);
}

static enum row_result s7(struct evil *e)
{
    struct front *f = &e->c->f;
    enum row_result result;
    char id[16];

    ROW_TRY(evil_connect(e));
    snprintf(id, sizeof(id), "%u", f->back_domid);
    put(e->c, VIF_FRONT_KEY_BACKEND, f->dir);
    put(e->c, VIF_FRONT_KEY_BACKEND_ID, "0");
    result = s7_rewritten(e);
    put(e->c, VIF_FRONT_KEY_BACKEND, f->back);
    put(e->c, VIF_FRONT_KEY_BACKEND_ID, id);
    return result;
}

static enum row_result s8(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 3000; i++)
        put(e->c, VIF_FRONT_KEY_STATE, "4");
    return evil_serves(e);
}

/* ---- S9 to S12 ---- */

/* Another frontend for the same device, which says on `out` when it is in the state. */
static pid_t start_holder(const struct nf_conn *c, const char *state, int out)
{
    char devid[16];
    pid_t pid;

    snprintf(devid, sizeof(devid), "%u", c->f.devid);
    pid = fork();
    if (pid == 0) {
        (void)dup2(out, STDOUT_FILENO);
        execl("/proc/self/exe", "drvdom-netfront", "--devid", devid, "hold", state, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Until it has said so (one line), or has ended.  It may take its time: a slow machine's to start a
 * program and connect. */
static bool is_holding(int from)
{
    enum { PATIENCE_MS = 20000 };
    struct pollfd p = {.fd = from, .events = POLLIN};
    char line[64];

    return poll(&p, 1, PATIENCE_MS) == 1 && read(from, line, sizeof(line)) > 0;
}

/* A frontend that dies: grants and ports go with it, the store says nothing. */
static enum row_result die_in(struct evil *e, const char *state)
{
    bool holding = false;
    int pipes[2];
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC))
        return evil_wrong(e, "no pipe: %s", strerror(errno));
    pid = start_holder(e->c, state, pipes[1]);
    close(pipes[1]);
    if (pid > 0) {
        holding = is_holding(pipes[0]);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(pipes[0]);
    if (!holding)
        return evil_wrong(e, "it did not get to state %s", state);
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    return evil_again(e);
}

static enum row_result s9(struct evil *e)
{
    static const char *const states[] = {"initialised", "connected", "busy", "closing"};

    for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
        ROW_TRY(die_in(e, states[i]));
    return ROW_OK;
}

static enum row_result s10(struct evil *e)
{
    for (unsigned i = 0; i < 6; i++) {
        e->want.split = i & 1;
        e->want.sg = i != 2;
        e->want.gso4 = i != 2 && i != 3;
        e->want.gso6 = i != 2 && i != 4;
        e->want.csum4 = i != 2 && i != 5;
        e->want.queues = i == 4 ? 2 : 1;
        ROW_TRY(evil_connect(e));
        ROW_TRY(evil_serves(e));
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

static enum row_result s11(struct evil *e)
{
    return evil_skip(e, "a guest cannot destroy itself and come back: tests/evil does it");
}

/* The driver domain can write no more to xenstore: what is connected goes on. */
static enum row_result s12(struct evil *e)
{
    enum row_result result;

    if (!e->hook)
        return evil_skip(e, "no hook that uses up the driver domain's share of xenstore");
    ROW_TRY(evil_connect(e));
    if (!evil_hook(e, "begin"))
        return evil_wrong(e, "the hook failed");
    result = evil_serves(e);
    if (!evil_hook(e, "end"))
        return evil_wrong(e, "the hook failed");
    return result;
}

#define CLOSED "the device is closed"

const struct row evil_stores[] = {
    {"S1", "each key missing", "waits or closes, never connects", s1, NULL},
    {"S2", "values that are no numbers, or too long", CLOSED, s2, NULL},
    {"S3", "keys that change while they are read", "connects with one set, or closes", s3, NULL},
    {"S4", "keys that change when connected", "ignored", s4, NULL},
    {"S5", "states at random", "never stuck", s5, NULL},
    {"S6", "state gone, or not to be read", CLOSED, s6, NULL},
    {"S7", "backend and backend-id rewritten", "never read", s7, NULL},
    {"S8", "thousands of writes", "served on", s8, NULL},
    {"S9", "the frontend dies in each state", "all is let go", s9, NULL},
    {"S10", "connects again with other features", "only the new ones count", s10, NULL},
    {"S11", "domid used again", "a new device", s11, "a dom0"},
    {"S12", "the driver domain's share of xenstore is used up", "served on", s12, "a hook"},
    {NULL, NULL, NULL, NULL, NULL},
};
