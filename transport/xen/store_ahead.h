/*
 * Reading xenstore ahead: many questions at once instead of one round trip each, for tools that
 * look at a hundred devices.  Speaks xenstored's socket protocol (xen/io/xs_wire.h) itself, because
 * libxenstore waits for each answer.
 *
 * The answers are kept: store_read(), store_exists() and store_each() of exactly these paths,
 * outside of transactions, are then answered from memory, until store_forget().  What was not asked
 * ahead, or could not be, is asked as ever: reading ahead changes the time and nothing else.
 */
#ifndef DRVDOM_XEN_STORE_AHEAD_H
#define DRVDOM_XEN_STORE_AHEAD_H

#include "transport/xen/store.h"

/* A list of questions; zeroed is empty. */
struct ahead {
    struct ahead_item *item;
    size_t n, room;
    bool failed; /* no memory: they are asked one by one later */
};

/* path: copied.  dir: its children, for store_each(); else its value. */
void ahead_add(struct ahead *a, const char *path, bool dir);
/* Asks all and gives the answers to s, to those it has; frees the list.  Blocks for at most a few
 * seconds. */
void ahead_ask(struct ahead *a, struct store *s);

/* Drops what is kept: from now on s answers from xenstored again. */
void store_forget(struct store *s);

/* ---- for store.c ---- */

struct store_cache;
/* The kept answer: true and *value (len bytes, NULL when the answer was an error: *err, positive).
 */
bool cache_find(const struct store_cache *c, const char *path, bool dir, const char **value,
                size_t *len, int *err);
void cache_free(struct store_cache *c);

#endif
