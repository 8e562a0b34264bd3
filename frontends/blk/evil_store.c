/*
 * Catalogue, chapter S: xenstore and life cycle.  S9 here is the death of the frontend;
 * the death of the whole guest, and S11 (its domid used again), need a dom0: tests/evil has them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "frontends/blk/pattern.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

static void own_path(const struct bf_conn *c, const char *key, char path[STORE_PATH_MAX])
{
    schema_join(path, STORE_PATH_MAX, c->f.dir, key);
}

static int put_raw(struct bf_conn *c, const char *key, const char *value)
{
    char path[STORE_PATH_MAX];

    own_path(c, key, path);
    return store_write(c->f.store, 0, path, value);
}

static void remove_key(struct bf_conn *c, const char *key)
{
    char path[STORE_PATH_MAX];

    own_path(c, key, path);
    (void)!store_rm(c->f.store, 0, path);
}

/* ---- S1 ---- */

static void remove_tamper(struct bf_conn *c, void *arg)
{
    remove_key(c, arg);
}

/* A key may still come: waiting is allowed, connecting without it is not. */
static enum row_result missing(struct evil *e, const char *key, unsigned state)
{
    struct bf_want w = e->want;
    unsigned s;

    w.tamper = remove_tamper;
    w.tamper_arg = (void *)(uintptr_t)key;
    w.timeout_ms = 100;
    if (bf_connect(e->c, &w) == 0)
        return evil_wrong(e, "connected without %s", key);
    if (front_set_state(&e->c->f, state))
        return evil_wrong(e, "%s", e->c->f.why);
    usleep(100000);
    s = front_state(&e->c->f);
    if (s != XENBUS_INIT_WAIT && s != XENBUS_CLOSING && s != XENBUS_CLOSED)
        return evil_wrong(e, "state %u without %s", s, key);
    return evil_again(e);
}

static enum row_result s1(struct evil *e)
{
    static const char *const keys[] = {VBD_FRONT_KEY_RING_REF, VBD_FRONT_KEY_EVENT_CHANNEL};

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        ROW_TRY(missing(e, keys[i], XENBUS_INITIALISED));
        ROW_TRY(missing(e, keys[i], XENBUS_CONNECTED));
    }
    return ROW_OK;
}

/* ---- S2 ---- */

struct text_key {
    const char *key, *value;
};

static void text_tamper(struct bf_conn *c, void *arg)
{
    const struct text_key *k = arg;

    if (put_raw(c, k->key, k->value))
        log_error("%s cannot be written", k->key); /* and the row then finds it connected */
}

static enum row_result s2(struct evil *e)
{
    static char long_text[1200]; /* a node may have 2048, all of it counted */
    static const char *const values[] = {
        "",     "-1",      "+1", "0x1", " 7", "7 ", "1e3", "100000000000000000000", "\x1b[2J\x07",
        "1\n2", long_text,
    };
    static const char *const keys[] = {
        VBD_FRONT_KEY_RING_REF,        VBD_FRONT_KEY_EVENT_CHANNEL,
        VBD_FRONT_KEY_RING_PAGE_ORDER, VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES,
        VBD_FRONT_KEY_PROTOCOL,
    };

    memset(long_text, '1', sizeof(long_text) - 1);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        /* All values with the first key, and each of the others with some. */
        for (unsigned k = i; k < ARRAY_SIZE(values); k += i ? 3 : 1) {
            struct text_key t = {keys[i], values[k]};

            if (evil_refused(e, text_tamper, &t) != ROW_OK)
                return evil_wrong(e, "%s = \"%.20s\": not refused (%s)", t.key, t.value,
                                  e->c->f.why);
            ROW_TRY(evil_again(e));
        }
    }
    return ROW_OK;
}

/* ---- S3, S4 ---- */

struct rewrite {
    struct store *store; /* its own: libxenstore serves one thread per handle here */
    char ref[STORE_PATH_MAX], port[STORE_PATH_MAX], queues[STORE_PATH_MAX];
    char good_ref[16], good_port[16];
    atomic_bool on; /* not while we write our keys ourselves: it would win every transaction */
};

static int rewrite_open(struct rewrite *w, const struct bf_conn *c)
{
    own_path(c, VBD_FRONT_KEY_RING_REF, w->ref);
    own_path(c, VBD_FRONT_KEY_EVENT_CHANNEL, w->port);
    own_path(c, VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, w->queues);
    return store_open(&w->store);
}

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

static void note_good_keys(struct bf_conn *c, void *arg)
{
    struct rewrite *w = arg;

    snprintf(w->good_ref, sizeof(w->good_ref), "%u", c->queue[0].ref[0]);
    snprintf(w->good_port, sizeof(w->good_port), "%u", c->queue[0].port.port);
    atomic_store(&w->on, true);
}

static enum row_result s3(struct evil *e)
{
    struct rewrite w = {.good_ref = "1", .good_port = "1"};
    enum row_result result = ROW_OK;
    struct twin twin;

    if (rewrite_open(&w, e->c) || twin_start(&twin, rewrite_keys, &w))
        return evil_wrong(e, "no second connection to xenstore");
    for (unsigned i = 0; i < 8 && result == ROW_OK; i++) {
        struct bf_want want = e->want;
        int rc;

        want.tamper = note_good_keys;
        want.tamper_arg = &w;
        want.timeout_ms = EVIL_REACT_MS;
        rc = bf_connect(e->c, &want);
        atomic_store(&w.on, false);
        if (rc && rc != -ECONNREFUSED)
            result = evil_wrong(e, "neither connected nor refused: %s", e->c->f.why);
        if (rc == 0)
            result = evil_serves(e);
        if (result == ROW_OK)
            result = evil_again(e);
    }
    twin_stop(&twin);
    store_close(w.store);
    return result;
}

static enum row_result s4(struct evil *e)
{
    struct bf_conn *c = e->c;

    ROW_TRY(evil_connect(e));
    (void)!put_raw(c, VBD_FRONT_KEY_RING_REF, "77777");
    (void)!put_raw(c, VBD_FRONT_KEY_EVENT_CHANNEL, "0");
    (void)!put_raw(c, VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, "7");
    (void)!put_raw(c, VBD_FRONT_KEY_PROTOCOL, "none");
    (void)!put_raw(c, VBD_FRONT_KEY_RING_PAGE_ORDER, "9");
    (void)!front_set_state(&c->f, XENBUS_CONNECTED);
    ROW_TRY(evil_serves(e));
    usleep(EVIL_STEADY_MS * 1000);
    if (front_state(&c->f) != XENBUS_CONNECTED)
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
        uint64_t r = pattern_random(&random);
        char text[2] = {(char)('1' + r % 6), '\0'};

        (void)!put_raw(e->c, VBD_FRONT_KEY_STATE,
                       r >> 32 & 7 ? text : odd[(r >> 16) % ARRAY_SIZE(odd)]);
        if (i % 16 == 0)
            usleep(10000); /* sometimes long enough to be seen */
    }
    return ROW_OK;
}

/* The guest's own number, out of the backend's directory. */
static int own_domid(const struct bf_conn *c, unsigned *out)
{
    const char *rest;
    unsigned back, devid;

    return vbd_back_dir_of_match(c->f.back, &back, out, &devid, &rest);
}

static enum row_result s6(struct evil *e)
{
    char path[STORE_PATH_MAX];
    enum row_result result;
    unsigned us = 0;

    own_path(e->c, VBD_FRONT_KEY_STATE, path);
    ROW_TRY(evil_connect(e));
    remove_key(e->c, VBD_FRONT_KEY_STATE);
    ROW_TRY(evil_closes(e));
    ROW_TRY(evil_again(e));
    /* Nobody but us may read it: to the backend it is gone. */
    if (own_domid(e->c, &us))
        return evil_wrong(e, "our own number is not in %s", e->c->f.back);
    ROW_TRY(evil_connect(e));
    if (store_set_perms(e->c->f.store, 0, path, us, us))
        return evil_wrong(e, "permissions cannot be set");
    result = evil_closes(e);
    remove_key(e->c, VBD_FRONT_KEY_STATE); /* made anew, it has its directory's permissions */
    return result;
}

static enum row_result s7(struct evil *e)
{
    struct bf_conn *c = e->c;
    enum row_result result;
    char id[16];

    ROW_TRY(evil_connect(e));
    snprintf(id, sizeof(id), "%u", c->f.back_domid);
    (void)!put_raw(c, VBD_FRONT_KEY_BACKEND, c->f.dir);
    (void)!put_raw(c, VBD_FRONT_KEY_BACKEND_ID, "0");
    result = evil_serves(e);
    /* A whole new start with them in place: nobody but us may ever read them. */
    if (result == ROW_OK)
        result = evil_again(e);
    if (result == ROW_OK)
        result = evil_connect(e);
    if (result == ROW_OK)
        result = evil_serves(e);
    (void)!put_raw(c, VBD_FRONT_KEY_BACKEND, c->f.back);
    (void)!put_raw(c, VBD_FRONT_KEY_BACKEND_ID, id);
    return result;
}

static enum row_result s8(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 3000; i++)
        (void)!front_set_state(&e->c->f, XENBUS_CONNECTED);
    return evil_serves(e);
}

/* ---- S9 to S12 ---- */

/* A frontend that dies: grants and ports go with it, the store says nothing. */
static enum row_result die_in(struct evil *e, const char *state)
{
    char devid[16];
    pid_t pid;

    snprintf(devid, sizeof(devid), "%u", e->c->f.devid);
    pid = fork();
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stdout);
        execl("/proc/self/exe", "drvdom-blkfront", "--devid", devid, "hold", state, (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        return evil_wrong(e, "no process: %s", strerror(errno));
    usleep(EVIL_STEADY_MS * 1000);
    if (waitpid(pid, NULL, WNOHANG) != 0)
        return evil_wrong(e, "it did not get to state %s", state);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
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

static enum row_result s11(struct evil *e)
{
    return evil_skip(e, "a guest cannot destroy itself and come back: tests/evil does it");
}

/* Other guests' devices have used up what the driver domain may have in xenstore: ours goes on. */
static enum row_result s12(struct evil *e)
{
    enum row_result result;

    ROW_TRY(evil_connect(e));
    if (!e->hook)
        return evil_skip(e, "no hook that uses up the driver domain's quota");
    result = evil_hook(e, "begin") ? evil_serves(e) : evil_wrong(e, "the hook did not succeed");
    if (!evil_hook(e, "end"))
        return evil_wrong(e, "the hook failed");
    return result;
}

static enum row_result s10(struct evil *e)
{
    static const struct {
        unsigned queues, order;
        uint32_t indirect;
        enum bf_abi abi;
    } combos[] = {
        {1, 0, 0, BF_ABI_X86_64},   {2, 4, 256, BF_ABI_X86_64}, {1, 0, 0, BF_ABI_X86_32},
        {8, 0, 32, BF_ABI_X86_32},  {1, 3, 64, BF_ABI_X86_64},  {2, 1, 0, BF_ABI_X86_32},
        {1, 4, 256, BF_ABI_X86_64},
    };

    e->want.pages = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(combos); i++) {
        e->want.queues = combos[i].queues;
        e->want.order = combos[i].order;
        e->want.indirect = combos[i].indirect;
        e->want.abi = combos[i].abi;
        ROW_TRY(evil_connect(e));
        ROW_TRY(evil_serves(e));
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

#define SERVED "served on"

const struct row evil_stores[] = {
    {"S1", "keys missing", "not connected", s1, NULL},
    {"S2", "values that are no numbers", "the device is closed", s2, NULL},
    {"S3", "keys that change while they are read", "connected or refused", s3, NULL},
    {"S4", "keys that change when connected", SERVED, s4, NULL},
    {"S5", "states in every order", "a start is possible again", s5, NULL},
    {"S6", "state removed or unreadable", "closed when it is seen", s6, NULL},
    {"S7", "other backend named", SERVED, s7, NULL},
    {"S8", "a storm of writes", SERVED, s8, NULL},
    {"S9", "the frontend dies in every state", "served when it is back", s9, NULL},
    {"S10", "again with other features", SERVED, s10, NULL},
    {"S11", "the same domid, another guest", "a fresh device", s11, "dom0"},
    {"S12", "the driver domain's xenstore quota is used up", SERVED, s12, "a hook: quota"},
    {NULL, NULL, NULL, NULL, NULL},
};
