/* See persist.h.  #syscalls ioctl(MAP_GRANT_REF, UNMAP_GRANT_REF, GET_OFFSET_FOR_VADDR) mmap munmap
 */
#include "backends/blk/persist.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "transport/base/log.h"

enum {
    FAILURES_MAX = 16,
    PURGE_PAGES = PERSIST_MAX / 20,
    PURGE_EVERY_NS = 100000000, /* at most 5 % of the pages each 100 ms */
};

static uint16_t *bucket_of(struct persist *p, uint32_t gref)
{
    /* Grants come in runs and in strides; a multiplicative hash spreads both. */
    return &p->bucket[(gref * 2654435761u) >> 21];
}
_Static_assert(PERSIST_BUCKETS == 1 << (32 - 21), "the shift in bucket_of()");

static struct persist_page *at(struct persist *p, uint16_t link)
{
    return link ? &p->page[link - 1] : NULL;
}

static uint16_t link_of(const struct persist *p, const struct persist_page *g)
{
    return (uint16_t)(g - p->page + 1);
}

static struct persist_page *find(struct persist *p, uint32_t gref)
{
    struct persist_page *g = at(p, *bucket_of(p, gref));

    while (g && g->gref != gref)
        g = at(p, g->next);
    return g;
}

/* ---- coming and going ---- */

static void drop(struct persist *p, struct persist_page *g)
{
    uint16_t *l = bucket_of(p, g->gref);

    while (at(p, *l) != g)
        l = &at(p, *l)->next;
    *l = g->next;
    if (grant_unmap(p->grant, g->addr, 1))
        log_peer("unmapping grant %u: %s", g->gref, strerror(errno));
    g->addr = NULL;
    g->next = p->free;
    p->free = link_of(p, g);
    p->count--;
}

/* Gives up a few of the pages that were not used since it last came by them, if it is time to. */
static void purge(struct persist *p, uint64_t now_ns)
{
    uint32_t dropped = 0;

    if (now_ns < p->purge_at_ns)
        return;
    p->purge_at_ns = now_ns + PURGE_EVERY_NS;
    for (uint32_t looked = 0; dropped < PURGE_PAGES && looked < 2 * p->max; looked++) {
        struct persist_page *g = &p->page[p->hand];

        p->hand = (p->hand + 1) % p->max;
        if (g->addr && !g->used) {
            drop(p, g);
            dropped++;
        }
        g->used = false;
    }
}

static struct persist_page *add(struct persist *p, uint32_t gref)
{
    void *addr = grant_map(p->grant, p->domid, &gref, 1);
    struct persist_page *g;

    if (!addr) {
        if (++p->failures == FAILURES_MAX) {
            log_warn("grant %u cannot be mapped for writing: no persistent grants from now on",
                     gref);
            p->on = false;
        }
        return NULL;
    }
    g = at(p, p->free);
    p->free = g->next;
    p->count++;
    *g = (struct persist_page){.gref = gref, .addr = addr, .next = *bucket_of(p, gref)};
    *bucket_of(p, gref) = link_of(p, g);
    return g;
}

uint8_t *persist_get(struct persist *p, uint32_t gref, uint64_t now_ns)
{
    struct persist_page *g;

    if (!p->on)
        return NULL;
    g = find(p, gref);
    if (!g && p->count == p->max)
        purge(p, now_ns);
    if (!g && p->count < p->max)
        g = add(p, gref);
    if (!g)
        return NULL;
    g->used = true;
    return g->addr;
}

void persist_init(struct persist *p, struct grant *g, unsigned domid, bool on, uint32_t max)
{
    assert(max > 0 && max <= PERSIST_MAX);
    memset(p, 0, sizeof(*p));
    p->grant = g;
    p->domid = domid;
    p->on = on;
    p->max = max;
    for (uint32_t i = max; i > 0; i--) {
        p->page[i - 1].next = p->free;
        p->free = (uint16_t)i;
    }
}

void persist_fini(struct persist *p)
{
    for (uint32_t i = 0; i < p->max; i++) {
        if (p->page[i].addr)
            drop(p, &p->page[i]);
    }
    p->on = false;
}
