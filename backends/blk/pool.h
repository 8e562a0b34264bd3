/*
 * Runs of pages out of one fixed buffer: a request's data lies in one piece, so that the disk gets
 * one plain read or write.  PURE: it only keeps the map of what is taken.
 *
 * First fit from the start: few requests in flight then reuse the same few pages, which stay in the
 * CPU's cache and keep a lightly used worker small.
 */
#ifndef DRVDOM_BLK_POOL_H
#define DRVDOM_BLK_POOL_H

#include <stdint.h>

enum { POOL_PAGES_MAX = 4096 };

struct pool {
    uint32_t pages, taken;
    uint64_t used[POOL_PAGES_MAX / 64]; /* bit set: taken */
};

/* pages: 1..POOL_PAGES_MAX. */
void pool_init(struct pool *p, uint32_t pages);

/* Takes n > 0 neighbouring pages: the first one's number, or -1 when there is no such run now. */
int pool_take(struct pool *p, uint32_t n);
/* Gives back exactly what one pool_take returned (asserted page by page). */
void pool_give(struct pool *p, uint32_t first, uint32_t n);

#endif
