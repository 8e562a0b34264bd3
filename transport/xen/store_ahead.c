/* See store_ahead.h.
 * #syscalls: connect(2) to xenstored's UNIX socket, poll, send, recv */
#include "transport/xen/store_ahead.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#include "transport/xen/store_priv.h"

enum {
    ANSWER_MS = 5000, /* xenstored has died or hangs: go on without */
    SEND_BYTES = 16384,
    ANSWER_NS = 10000, /* what xenstored needs for an answer, at least */
    PAUSE_NS = 1000000,
};

struct ahead_item {
    char *path;
    bool dir;
    bool answered;
    int err; /* positive; 0: value holds */
    char *value;
    size_t len;
};

struct store_cache {
    struct ahead_item *item;
    size_t n;
    uint32_t *slot; /* hash table: index into item + 1; size is a power of two */
    size_t slots;
    struct store_cache *older; /* answers to earlier questions */
};

/* ---- the list ---- */

void ahead_add(struct ahead *a, const char *path, bool dir)
{
    if (a->n == a->room) {
        size_t room = a->room ? a->room * 2 : 64;
        void *p = realloc(a->item, room * sizeof(*a->item));

        if (!p) {
            a->failed = true;
            return;
        }
        a->item = p;
        a->room = room;
    }
    a->item[a->n] = (struct ahead_item){.path = strdup(path), .dir = dir};
    if (a->item[a->n].path)
        a->n++;
    else
        a->failed = true;
}

static void free_items(struct ahead_item *item, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(item[i].path);
        free(item[i].value);
    }
    free(item);
}

/* ---- the conversation ---- */

struct talk {
    int fd;
    struct ahead *a;
    size_t next; /* item to be sent */
    uint8_t out[SEND_BYTES];
    size_t out_len, out_at;
    uint8_t in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    size_t in_len;
    size_t got;
};

static int open_socket(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *path = getenv("XENSTORED_PATH"); /* libxenstore's own word */
    int fd;

    path = path ? path : "/run/xenstored/socket";
    if (strlen(path) >= sizeof(addr.sun_path))
        return -1;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Questions into the buffer, as many as fit. */
static void fill(struct talk *t)
{
    while (t->next < t->a->n) {
        const struct ahead_item *i = &t->a->item[t->next];
        struct xsd_sockmsg m = {.type = i->dir ? XS_DIRECTORY : XS_READ,
                                .req_id = (uint32_t)t->next,
                                .len = (uint32_t)strlen(i->path) + 1};

        if (t->out_len + sizeof(m) + m.len > sizeof(t->out))
            return;
        memcpy(t->out + t->out_len, &m, sizeof(m));
        memcpy(t->out + t->out_len + sizeof(m), i->path, m.len);
        t->out_len += sizeof(m) + m.len;
        t->next++;
    }
}

static int send_some(struct talk *t)
{
    ssize_t n;

    if (t->out_at == t->out_len) {
        t->out_at = t->out_len = 0;
        fill(t);
    }
    if (t->out_at == t->out_len)
        return 0;
    n = send(t->fd, t->out + t->out_at, t->out_len - t->out_at, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    t->out_at += (size_t)n;
    return 0;
}

/* xs_wire.h's table is of static strings and errno. */
static int error_of(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (strlen(xsd_errors[i].errstring) < len + 1 &&
            strncmp(xsd_errors[i].errstring, text, len) == 0)
            return xsd_errors[i].errnum;
    }
    return EIO;
}

static int take_answer(struct talk *t, const struct xsd_sockmsg *m, const char *payload)
{
    struct ahead_item *i;

    if (m->req_id >= t->next || t->a->item[m->req_id].answered)
        return -EPROTO;
    i = &t->a->item[m->req_id];
    if (m->type == XS_ERROR) {
        i->err = error_of(payload, strnlen(payload, m->len));
    } else {
        i->value = malloc(m->len + 1);
        if (!i->value)
            return -ENOMEM;
        memcpy(i->value, payload, m->len);
        i->value[m->len] = '\0';
        i->len = m->len;
    }
    i->answered = i->err != E2BIG; /* libxenstore asks for such a listing in parts */
    t->got++;
    return 0;
}

static int receive_some(struct talk *t)
{
    struct xsd_sockmsg m;
    size_t at = 0;
    ssize_t n = recv(t->fd, t->in + t->in_len, sizeof(t->in) - t->in_len, 0);
    int rc = 0;

    if (n == 0)
        return -EPIPE;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    t->in_len += (size_t)n;
    while (!rc && t->in_len - at >= sizeof(m)) {
        memcpy(&m, t->in + at, sizeof(m));
        if (m.len > XENSTORE_PAYLOAD_MAX)
            return -EPROTO;
        if (t->in_len - at < sizeof(m) + m.len)
            break;
        rc = take_answer(t, &m, (const char *)t->in + at + sizeof(m));
        at += sizeof(m) + m.len;
    }
    memmove(t->in, t->in + at, t->in_len - at);
    t->in_len -= at;
    return rc;
}

/* xenstored writes one answer at a time, and each would wake us: on one processor that is two
 * changes of process for each. */
static void let_it_answer(size_t left)
{
    struct timespec t = {.tv_nsec = (long)MIN(left * ANSWER_NS, (size_t)PAUSE_NS)};

    if (left > 1)
        nanosleep(&t, NULL);
}

static int talk(struct talk *t)
{
    int rc = 0;

    while (!rc && t->got < t->a->n) {
        bool more = t->next < t->a->n || t->out_at < t->out_len;
        struct pollfd p = {.fd = t->fd, .events = (short)(POLLIN | (more ? POLLOUT : 0))};

        if (poll(&p, 1, ANSWER_MS) <= 0)
            return -ETIMEDOUT;
        if (!more && p.revents == POLLIN)
            let_it_answer(t->a->n - t->got);
        if (p.revents & POLLOUT)
            rc = send_some(t);
        if (!rc && (p.revents & (POLLIN | POLLHUP | POLLERR)))
            rc = receive_some(t);
    }
    return rc;
}

/* ---- what is kept ---- */

static size_t hash(const char *path, bool dir)
{
    size_t h = dir ? 5381 : 5387;

    for (; *path; path++)
        h = h * 33 + (unsigned char)*path;
    return h;
}

static struct store_cache *keep(struct ahead *a)
{
    struct store_cache *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    for (c->slots = 64; c->slots < a->n * 2;)
        c->slots *= 2;
    c->slot = calloc(c->slots, sizeof(*c->slot));
    if (!c->slot) {
        free(c);
        return NULL;
    }
    c->item = a->item;
    c->n = a->n;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = hash(c->item[i].path, c->item[i].dir) & (c->slots - 1);

        while (c->slot[at])
            at = (at + 1) & (c->slots - 1);
        c->slot[at] = (uint32_t)i + 1;
    }
    return c;
}

static bool find(const struct store_cache *c, const char *path, bool dir, const char **value,
                 size_t *len, int *err)
{
    size_t at = hash(path, dir) & (c->slots - 1);

    for (; c->slot[at]; at = (at + 1) & (c->slots - 1)) {
        const struct ahead_item *i = &c->item[c->slot[at] - 1];

        if (i->dir != dir || strcmp(i->path, path) != 0)
            continue;
        *value = i->err ? NULL : i->value;
        *len = i->len;
        *err = i->err;
        return i->answered;
    }
    return false;
}

bool cache_find(const struct store_cache *c, const char *path, bool dir, const char **value,
                size_t *len, int *err)
{
    for (; c; c = c->older) {
        if (find(c, path, dir, value, len, err))
            return true;
    }
    return false;
}

void cache_free(struct store_cache *c)
{
    while (c) {
        struct store_cache *older = c->older;

        free_items(c->item, c->n);
        free(c->slot);
        free(c);
        c = older;
    }
}

void ahead_ask(struct ahead *a, struct store *s)
{
    struct talk *t = calloc(1, sizeof(*t));
    struct store_cache *c = NULL;

    if (t && a->n > 0) {
        t->a = a;
        t->fd = open_socket();
        /* After an error the answers so far are good, and the others are asked one by one. */
        if (t->fd >= 0 && talk(t) != -EPROTO)
            c = keep(a);
        if (t->fd >= 0)
            close(t->fd);
    }
    free(t);
    if (c) {
        c->older = s->cache;
        s->cache = c;
    } else {
        free_items(a->item, a->n);
    }
    *a = (struct ahead){0};
}

void store_forget(struct store *s)
{
    cache_free(s->cache);
    s->cache = NULL;
}
