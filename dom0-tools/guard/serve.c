/* The guard's socket: one question, one answer, bounded in time; root only (mode 0600). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "dom0-tools/guard/client.h"
#include "dom0-tools/guard/guard.h"
#include "dom0-tools/guard/words.h"
#include "transport/base/log.h"

/* All or nothing; a client that does not read loses its answer (SO_SNDTIMEO). */
static bool put(int fd, const void *data, size_t size)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static bool put_head(int fd, uint32_t count, size_t size)
{
    struct guard_answer a = {
        .magic = GUARD_MAGIC, .version = GUARD_VERSION, .count = count, .size = (uint32_t)size};

    return put(fd, &a, sizeof(a));
}

/* What is in slot i, if its own claim can be believed; a copy. */
static bool slot_device(const struct domain *d, unsigned i, struct guard_device *out)
{
    struct bb_ident v;

    if (!bb_ident_read(d->memory.head->ident[i], &v) || !v.kind[0])
        return false;
    memset(out, 0, sizeof(*out));
    out->dd = d->domid;
    out->guest = v.domid;
    out->devid = v.devid;
    out->connected = v.connected;
    memcpy(out->kind, v.kind, sizeof(out->kind));
    memcpy(out->dd_name, d->name, sizeof(out->dd_name));
    memcpy(&out->stats, &d->memory.slot[i].stats, sizeof(out->stats));
    return true;
}

static void answer_stats(struct guard *g, int fd)
{
    static struct guard_device dev;
    uint32_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        /* Between the passes only this process runs in it; a slot may still change: count again. */
        uint32_t sent = 0;

        for (unsigned k = 0; k < GUARD_DOMAINS * BB_SLOTS; k++) {
            const struct domain *d = &g->domain[k / BB_SLOTS];

            if (d->is == DOMAIN_NONE || !slot_device(d, k % BB_SLOTS, &dev))
                continue;
            if (pass && (sent == n || !put(fd, &dev, sizeof(dev))))
                return;
            sent++;
        }
        if (!pass && !put_head(fd, n = sent, sizeof(dev)))
            return;
    }
}

/* By name, of the living and of the dead; by number when there is no name. */
static const struct domain *living(struct guard *g, const struct guard_question *q)
{
    if (!q->path[0])
        return domain_find(g, q->domid);
    for (unsigned i = 0; i < GUARD_DOMAINS; i++) {
        if (g->domain[i].is != DOMAIN_NONE && strcmp(g->domain[i].name, q->path) == 0)
            return &g->domain[i];
    }
    return NULL;
}

static const char *dead(const struct guard *g, const struct guard_question *q)
{
    for (unsigned i = 0; i < GUARD_DEAD; i++) {
        /* The last one first. */
        const struct dead_domain *x = &g->dead[(g->next_dead - 1 - i) % GUARD_DEAD];

        if (x->words && (q->path[0] ? strcmp(x->name, q->path) == 0 : x->domid == q->domid))
            return x->words;
    }
    return NULL;
}

static void answer_words(struct guard *g, int fd, const struct guard_question *q)
{
    static char text[GUARD_TEXT_MAX + 1];
    const struct domain *d = living(g, q);
    const char *words = dead(g, q);
    size_t n = 0;

    if (words) /* why it died is what is asked for */
        n = (size_t)snprintf(text, sizeof(text), "%s", words);
    else if (d)
        n = words_text(d->memory.head, d->memory.slot, BB_SLOTS, text, sizeof(text));
    if (put_head(fd, (uint32_t)n, 1))
        (void)put(fd, text, n);
}

static void answer_outcome(int fd, const struct domain *d)
{
    size_t n = d ? strlen(d->replace.text) : 0;

    if (put_head(fd, (uint32_t)n, 1) && n)
        (void)put(fd, d->replace.text, n);
}

static void replace(struct guard *g, int fd, const struct guard_question *q)
{
    struct domain *d = domain_find(g, q->domid);

    if (d && replace_begin(d, q->path))
        log_error("%s: not replaced: %s", d->name, d->replace.text);
    answer_outcome(fd, d);
}

static void on_client(void *arg, uint32_t events)
{
    const struct timeval patience = {.tv_usec = 500000};
    struct guard *g = arg;
    struct guard_question q;
    int fd = accept4(g->listener.fd, NULL, NULL, SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
        recv(fd, &q, sizeof(q), MSG_WAITALL) == (ssize_t)sizeof(q) && q.magic == GUARD_MAGIC &&
        q.version == GUARD_VERSION) {
        q.path[sizeof(q.path) - 1] = '\0';
        if (q.ask == GUARD_STATS)
            answer_stats(g, fd);
        else if (q.ask == GUARD_WORDS)
            answer_words(g, fd, &q);
        else if (q.ask == GUARD_REPLACE)
            replace(g, fd, &q);
        else if (q.ask == GUARD_OUTCOME)
            answer_outcome(fd, domain_find(g, q.domid));
    }
    close(fd);
}

int serve_start(struct guard *g, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    mode_t old;
    int fd, rc;

    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(path); /* of a guard that was killed */
    old = umask(0177);
    rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8) ? -errno : 0;
    umask(old);
    if (rc) {
        close(fd);
        return rc;
    }
    g->listener = (struct loop_fd){.fd = fd, .fn = on_client, .arg = g};
    return loop_add(&g->loop, &g->listener, EPOLLIN);
}
