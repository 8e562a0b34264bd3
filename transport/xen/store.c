/* See store.h. */
#include "transport/xen/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "transport/xen/store_ahead.h"
#include "transport/xen/store_priv.h"

int store_open(struct store **out)
{
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->xs = xs_open(0);
    if (!s->xs) {
        int err = errno ? errno : ENOENT;

        free(s);
        return -err;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    cache_free(s->cache);
    xs_close(s->xs);
    free(s);
}

/* Is the answer kept from reading ahead? */
static bool kept(const struct store *s, store_txn t, const char *path, bool dir, const char **value,
                 size_t *len, int *err)
{
    return s->cache && t == 0 && cache_find(s->cache, path, dir, value, len, err);
}

static int copy_value(const char *v, size_t len, char *buf, size_t size)
{
    if (memchr(v, 0, len))
        return -EINVAL;
    if (len + 1 > size)
        return -E2BIG;
    memcpy(buf, v, len);
    buf[len] = '\0';
    return (int)len;
}

int store_read(struct store *s, store_txn t, const char *path, char *buf, size_t size)
{
    const char *ahead;
    unsigned len = 0;
    size_t ahead_len;
    char *v;
    int rc;

    if (kept(s, t, path, false, &ahead, &ahead_len, &rc))
        return ahead ? copy_value(ahead, ahead_len, buf, size) : -rc;
    v = xs_read(s->xs, t, path, &len);
    if (!v)
        return -errno;
    rc = copy_value(v, len, buf, size);
    free(v);
    return rc;
}

int store_write(struct store *s, store_txn t, const char *path, const char *value)
{
    return xs_write(s->xs, t, path, value, (unsigned)strlen(value)) ? 0 : -errno;
}

int store_rm(struct store *s, store_txn t, const char *path)
{
    return xs_rm(s->xs, t, path) ? 0 : -errno;
}

int store_exists(struct store *s, store_txn t, const char *path)
{
    const char *ahead;
    size_t len;
    char *v;
    int err;

    if (!kept(s, t, path, false, &ahead, &len, &err)) {
        v = xs_read(s->xs, t, path, NULL);
        ahead = v;
        err = errno;
        free(v);
    }
    if (ahead)
        return 1;
    return err == ENOENT || err == EACCES ? 0 : -err;
}

/* Names one after the other, each with its NUL. */
static int each_kept(const char *names, size_t len, int (*fn)(void *, const char *), void *arg)
{
    const char *end = names + len;
    int rc = 0;

    for (; names < end && rc == 0; names += strlen(names) + 1)
        rc = fn(arg, names);
    return rc;
}

int store_each(struct store *s, store_txn t, const char *path, int (*fn)(void *, const char *),
               void *arg)
{
    const char *ahead;
    char **names;
    unsigned n = 0;
    size_t len;
    int rc = 0;

    if (kept(s, t, path, true, &ahead, &len, &rc))
        return ahead ? each_kept(ahead, len, fn, arg) : -rc;
    names = xs_directory(s->xs, t, path, &n);
    if (!names)
        return -errno;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = fn(arg, names[i]);
    free(names);
    return rc;
}

int store_txn_begin(struct store *s, store_txn *out)
{
    *out = xs_transaction_start(s->xs);
    return *out ? 0 : -errno;
}

int store_txn_end(struct store *s, store_txn t, bool abort)
{
    return xs_transaction_end(s->xs, t, abort) ? 0 : -errno;
}

int store_watch(struct store *s, const char *path, const char *token)
{
    return xs_watch(s->xs, path, token) ? 0 : -errno;
}

int store_unwatch(struct store *s, const char *path, const char *token)
{
    return xs_unwatch(s->xs, path, token) ? 0 : -errno;
}

int store_fd(struct store *s)
{
    return xs_fileno(s->xs);
}

int store_next_event(struct store *s, char path[STORE_PATH_MAX], char token[STORE_TOKEN_MAX])
{
    char **ev = xs_check_watch(s->xs);

    if (!ev)
        return errno == EAGAIN || errno == 0 ? 0 : -errno;
    snprintf(path, STORE_PATH_MAX, "%s", ev[XS_WATCH_PATH]);
    snprintf(token, STORE_TOKEN_MAX, "%s", ev[XS_WATCH_TOKEN]);
    free(ev);
    return 1;
}

int store_set_perms(struct store *s, store_txn t, const char *path, unsigned owner, unsigned reader)
{
    /* The first entry names the owner and the right of everybody not listed (xs_wire.h). */
    struct xs_permissions perms[2] = {
        {.id = owner, .perms = XS_PERM_NONE},
        {.id = reader, .perms = XS_PERM_READ},
    };

    return xs_set_permissions(s->xs, t, path, perms, 2) ? 0 : -errno;
}

int store_get_perms(struct store *s, store_txn t, const char *path, char *buf, size_t size)
{
    /* The right as two bits: 1 read, 2 write (xenstore_lib.h). */
    static const char letter[] = {'n', 'r', 'w', 'b'};
    struct xs_permissions *p;
    unsigned n = 0;
    size_t len = 0;

    p = xs_get_permissions(s->xs, t, path, &n);
    if (!p)
        return -errno;
    buf[0] = '\0';
    for (unsigned i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, "%s%c%u", i ? "," : "",
                                letter[(unsigned)p[i].perms & 3u], p[i].id);
    free(p);
    return len < size ? 0 : -E2BIG;
}

int store_control(struct store *s, const char *command, const char *arg, char *buf, size_t size)
{
    /* An empty argument is one too: "quota" would take it for a domain's number. */
    char *answer = xs_control_command(s->xs, command, (void *)(uintptr_t)arg,
                                      arg ? (unsigned)strlen(arg) + 1 : 0);

    if (!answer)
        return -errno;
    snprintf(buf, size, "%s", answer);
    free(answer);
    return 0;
}
