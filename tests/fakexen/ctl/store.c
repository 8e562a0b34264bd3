/*
 * fakexenctl: xenstore as dom0.  See store.h.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fakexen/ctl/store.h"

struct xs_handle *store_open(void)
{
    static struct xs_handle *xs;
    char path[256];

    if (xs)
        return xs;
    snprintf(path, sizeof(path), "%s/xenstored.sock", getenv("FAKEXEN_DIR"));
    setenv("XENSTORED_PATH", path, 1);
    xs = xs_open(0);
    if (!xs)
        err(1, "%s", path);
    return xs;
}

int store_transaction(void (*fn)(struct store *s, void *arg), void *arg)
{
    struct store s = {.xs = store_open()};

    for (;;) {
        s.t = xs_transaction_start(s.xs);
        if (s.t == XBT_NULL)
            err(1, "transaction");
        fn(&s, arg);
        if (xs_transaction_end(s.xs, s.t, s.failed))
            return s.failed;
        if (errno != EAGAIN)
            err(1, "transaction");
    }
}

void store_write(struct store *s, const char *dir, const char *key, const char *value)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", dir, key);
    if (!s->failed && !xs_write(s->xs, s->t, path, value, (unsigned)strlen(value))) {
        warn("write %s", path);
        s->failed = true;
    }
}

void store_writef(struct store *s, const char *dir, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    store_write(s, dir, key, value);
}

void store_rm(struct store *s, const char *path)
{
    if (!s->failed && !xs_rm(s->xs, s->t, path) && errno != ENOENT) {
        warn("rm %s", path);
        s->failed = true;
    }
}

void store_dir(struct store *s, const char *path, unsigned owner, int reader)
{
    struct xs_permissions p[2] = {{.id = owner, .perms = XS_PERM_NONE},
                                  {.id = (unsigned)reader, .perms = XS_PERM_READ}};

    if (s->failed)
        return;
    if (!xs_mkdir(s->xs, s->t, path) ||
        !xs_set_permissions(s->xs, s->t, path, p, reader < 0 ? 1 : 2)) {
        warn("make %s", path);
        s->failed = true;
    }
}

char *store_read(const char *dir, const char *key)
{
    char path[512];
    unsigned len;

    snprintf(path, sizeof(path), "%s/%s", dir, key);
    return xs_read(store_open(), XBT_NULL, path, &len);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -1: not yet */
static int looked_state(const char *dir, const char *state)
{
    char *is = store_read(dir, "state");
    int rc = is ? strcmp(is, state) == 0 ? 0 : -1 : 2;

    free(is);
    return rc;
}

static int looked_gone(const char *dir)
{
    unsigned n;
    char **ls = xs_directory(store_open(), XBT_NULL, dir, &n);

    free(ls);
    return ls ? -1 : 0;
}

/* As libxl, of a state only that one node is watched: a backend that starts writes thirty others.
 */
int store_wait(const char *dir, const char *state, bool gone, int seconds)
{
    struct xs_handle *xs = store_open();
    struct pollfd p = {.fd = xs_fileno(xs), .events = POLLIN};
    int64_t end = now_ms() + (int64_t)seconds * 1000;
    char path[512];
    int rc;

    snprintf(path, sizeof(path), "%s%s", dir, gone ? "" : "/state");
    if (!xs_watch(xs, path, "wait"))
        err(1, "watch %s", path);
    while ((rc = gone ? looked_gone(dir) : looked_state(dir, state)) < 0 && now_ms() < end) {
        poll(&p, 1, 100);
        free(xs_check_watch(xs));
    }
    xs_unwatch(xs, path, "wait");
    return rc < 0 ? 1 : rc;
}
