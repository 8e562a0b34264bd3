/* See pool.h. */
#include "backends/blk/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

void pool_init(struct pool *p, uint32_t pages)
{
    assert(pages > 0 && pages <= POOL_PAGES_MAX);
    memset(p, 0, sizeof(*p));
    p->pages = pages;
}

static bool is_used(const struct pool *p, uint32_t page)
{
    return p->used[page / 64] >> (page % 64) & 1;
}

static void flip(struct pool *p, uint32_t first, uint32_t n, bool from)
{
    for (uint32_t i = first; i < first + n; i++) {
        assert(i < p->pages && is_used(p, i) == from);
        p->used[i / 64] ^= UINT64_C(1) << (i % 64);
    }
}

static int find(const struct pool *p, uint32_t n)
{
    uint32_t run = 0;

    for (uint32_t i = 0; i < p->pages; i++) {
        if (i % 64 == 0 && p->used[i / 64] == UINT64_MAX) {
            run = 0;
            i += 63;
        } else if (is_used(p, i)) {
            run = 0;
        } else if (++run == n) {
            return (int)(i + 1 - n);
        }
    }
    return -1;
}

int pool_take(struct pool *p, uint32_t n)
{
    int first;

    assert(n > 0);
    if (n > p->pages - p->taken)
        return -1;
    first = find(p, n);
    if (first < 0)
        return -1;
    flip(p, (uint32_t)first, n, false);
    p->taken += n;
    return first;
}

void pool_give(struct pool *p, uint32_t first, uint32_t n)
{
    flip(p, first, n, true);
    p->taken -= n;
}
