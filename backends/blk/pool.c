/* See pool.h. */
#include "backends/blk/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "transport/base/arith.h"

void pool_init(struct pool *p, uint32_t pages)
{
    assert(pages > 0 && pages <= POOL_PAGES_MAX);
    memset(p, 0, sizeof(*p));
    p->pages = pages;
}

static void flip(struct pool *p, uint32_t first, uint32_t n, bool from)
{
    assert(first + n <= p->pages);
    while (n > 0) {
        uint32_t bit = first % 64, k = MIN(n, 64 - bit);
        uint64_t mask = (k == 64 ? UINT64_MAX : (UINT64_C(1) << k) - 1) << bit;

        assert((p->used[first / 64] & mask) == (from ? mask : 0));
        p->used[first / 64] ^= mask;
        first += k;
        n -= k;
    }
}

/* From run to run of bits that are alike; what is behind the last page counts as free. */
static int find(const struct pool *p, uint32_t n)
{
    uint32_t start = 0, i = 0;

    while (start + n <= p->pages) {
        uint64_t word = p->used[i / 64] >> (i % 64);

        if (word & 1) {
            i += ~word ? (uint32_t)__builtin_ctzll(~word) : 64;
            start = i;
        } else {
            i += word ? (uint32_t)__builtin_ctzll(word) : 64 - i % 64;
            if (i - start >= n)
                return (int)start;
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
