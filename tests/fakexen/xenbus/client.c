/*
 * fakexen's xenbus: the programs, and what is rewritten so that they can share one ring: request
 * numbers, watch tokens.  A program that has gone loses its watches and its transactions.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fakexen/lib/client.h"
#include "tests/fakexen/xenbus/xenbus.h"

/* Remembered for the day the client goes: a watch (payload as sent to xenstored) or a transaction.
 */
struct note {
    uint32_t tx; /* 0: a watch */
    size_t len;
    char *payload;
    struct note *next;
};

/* A request on its way; the client may have gone when the answer comes (NULL). */
struct flight {
    struct client *client;
    uint32_t id, their_id;
    struct note *note; /* to be kept (watch, transaction) or dropped (unwatch) if it succeeds */
    struct flight *next;
};

struct client *clients;
static struct flight *flights;
static uint32_t next_id, next_client;

struct client *client_new(int fd)
{
    struct client *c = calloc(1, sizeof(*c));

    if (!c)
        err(1, "client");
    c->fd = fd;
    c->id = ++next_client;
    c->next = clients;
    clients = c;
    return c;
}

static struct note *note_new(uint32_t tx, const char *payload, size_t len)
{
    struct note *n = calloc(1, sizeof(*n));

    if (!n || !(n->payload = malloc(len + 1)))
        err(1, "note");
    n->tx = tx;
    n->len = len;
    memcpy(n->payload, payload, len);
    return n;
}

static void note_free(struct note *n)
{
    if (n)
        free(n->payload);
    free(n);
}

static void note_forget(struct client *c, uint32_t tx, const char *payload, size_t len)
{
    for (struct note **p = &c->notes; *p; p = &(*p)->next) {
        struct note *n = *p;

        if (n->tx != tx || (!tx && (n->len != len || memcmp(n->payload, payload, len) != 0)))
            continue;
        *p = n->next;
        note_free(n);
        return;
    }
}

static void fly(struct client *c, const struct xsd_sockmsg *h, const void *payload, struct note *n)
{
    struct flight *f = calloc(1, sizeof(*f));
    struct xsd_sockmsg out = *h;

    if (!f)
        err(1, "flight");
    f->client = c;
    f->id = ++next_id;
    f->their_id = h->req_id;
    f->note = n;
    f->next = flights;
    flights = f;
    out.req_id = f->id;
    ring_send(&out, payload);
}

void client_close(struct client *c)
{
    struct client **p = &clients;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    for (struct flight *f = flights; f; f = f->next)
        if (f->client == c)
            f->client = NULL;
    while (c->notes) {
        struct note *n = c->notes;
        struct xsd_sockmsg h = {.type = n->tx ? XS_TRANSACTION_END : XS_UNWATCH,
                                .tx_id = n->tx,
                                .len = n->tx ? 2 : (uint32_t)n->len};

        fly(NULL, &h, n->tx ? "F" : n->payload, NULL);
        c->notes = n->next;
        note_free(n);
    }
    close(c->fd);
    free(c->in.p);
    free(c->out.p);
    free(c);
}

static void reply(struct client *c, const struct xsd_sockmsg *h, const void *payload)
{
    bytes_add(&c->out, h, sizeof(*h));
    bytes_add(&c->out, payload, h->len);
}

static void refuse(struct client *c, const struct xsd_sockmsg *h, const char *error)
{
    struct xsd_sockmsg out = *h;

    out.type = XS_ERROR;
    out.len = (uint32_t)strlen(error) + 1;
    reply(c, &out, error);
}

/* path\0token\0 -> path\0ID:token\0; the prefix says whose watch an event is. */
static void watch(struct client *c, const struct xsd_sockmsg *h, const char *payload)
{
    char buf[XENSTORE_PAYLOAD_MAX + 16];
    size_t path = strnlen(payload, h->len) + 1;
    struct xsd_sockmsg out = *h;
    int n;

    if (path >= h->len || payload[h->len - 1] != '\0') {
        refuse(c, h, "EINVAL");
        return;
    }
    memcpy(buf, payload, path);
    n = snprintf(buf + path, sizeof(buf) - path, "%u:%s", c->id, payload + path);
    out.len = (uint32_t)(path + (size_t)n + 1);
    fly(c, &out, buf, note_new(0, buf, out.len));
}

/* Ends of watches and transactions never fail: what is noted here would be wrong. */
static bool may_fail(uint32_t type)
{
    return type != XS_UNWATCH && type != XS_TRANSACTION_END;
}

static void request(struct client *c, const struct xsd_sockmsg *h, const char *payload)
{
    bool hit = false;

    if (may_fail(h->type))
        (void)fx_fault(FX_F_STORE, &hit);
    if (hit) {
        refuse(c, h, "EIO");
        return;
    }
    switch (h->type) {
    case XS_WATCH:
    case XS_UNWATCH:
        watch(c, h, payload);
        break;
    case XS_TRANSACTION_END:
        note_forget(c, h->tx_id, NULL, 0);
        fly(c, h, payload, NULL);
        break;
    default:
        fly(c, h, payload, NULL);
    }
}

int client_read(struct client *c)
{
    char buf[8192];
    ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
    struct xsd_sockmsg h;

    if (n == 0 || (n < 0 && errno != EAGAIN))
        return -1;
    if (n > 0)
        bytes_add(&c->in, buf, (size_t)n);
    for (;;) {
        switch (msg_check(&c->in, &h)) {
        case MSG_BAD:
            return -1;
        case MSG_PART:
            return 0;
        case MSG_WHOLE:
            request(c, &h, (const char *)c->in.p + sizeof(h));
            bytes_drop(&c->in, sizeof(h) + h.len);
        }
    }
}

int client_write(struct client *c)
{
    ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    bytes_drop(&c->out, (size_t)n);
    return 0;
}

/* path\0ID:token\0[...] */
static void watch_event(const struct xsd_sockmsg *h, const uint8_t *payload)
{
    const char *s = (const char *)payload;
    size_t path = strnlen(s, h->len) + 1;
    char *token, buf[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg out = *h;
    unsigned long id;

    if (path >= h->len)
        return;
    memcpy(buf, s, h->len);
    buf[h->len] = '\0';
    id = strtoul(buf + path, &token, 10);
    if (*token++ != ':')
        return;
    for (struct client *c = clients; c; c = c->next) {
        if (c->id != id)
            continue;
        out.len = (uint32_t)(h->len - (size_t)(token - (buf + path)));
        memmove(buf + path, token, out.len - path);
        reply(c, &out, buf);
    }
}

/* Kept, or taken back, only now that xenstored has agreed. */
static void settle(struct flight *f, const struct xsd_sockmsg *h, const uint8_t *payload)
{
    struct note *n = f->note;

    f->note = NULL;
    if (h->type == XS_UNWATCH && n && f->client)
        note_forget(f->client, 0, n->payload, n->len);
    if (h->type == XS_WATCH && n && f->client) {
        n->next = f->client->notes;
        f->client->notes = n;
        return;
    }
    if (h->type == XS_WATCH && n) { /* its client went while it was being set */
        struct xsd_sockmsg out = {.type = XS_UNWATCH, .len = (uint32_t)n->len};

        fly(NULL, &out, n->payload, NULL);
    }
    note_free(n);
    if (h->type == XS_TRANSACTION_START && h->len) {
        uint32_t tx = (uint32_t)strtoul((const char *)payload, NULL, 10);
        struct xsd_sockmsg out = {.type = XS_TRANSACTION_END, .tx_id = tx, .len = 2};

        if (!f->client) {
            fly(NULL, &out, "F", NULL);
            return;
        }
        n = note_new(tx, "", 0);
        n->next = f->client->notes;
        f->client->notes = n;
    }
}

void answer(const struct xsd_sockmsg *h, const uint8_t *payload)
{
    struct xsd_sockmsg out = *h;

    if (h->type == XS_WATCH_EVENT) {
        watch_event(h, payload);
        return;
    }
    for (struct flight **p = &flights; *p; p = &(*p)->next) {
        struct flight *f = *p;

        if (f->id != h->req_id)
            continue;
        *p = f->next;
        out.req_id = f->their_id;
        if (f->client)
            reply(f->client, &out, payload);
        settle(f, h, payload);
        free(f);
        return;
    }
    warnx("answer to a request nobody made: type %u id %u", h->type, h->req_id);
}
