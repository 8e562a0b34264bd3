/*
 * Log-linear histogram of nanoseconds: 64 buckets per power of two, read back at their middle, so
 * any value is within 1/128 (< 1 %) of the one put in.  Plain memory without pointers: it may live
 * in a page that outlives the process.  PURE.
 */
#ifndef DRVDOM_BASE_HIST_H
#define DRVDOM_BASE_HIST_H

#include <stdint.h>

enum {
    HIST_SUB_BITS = 6,
    HIST_MAX_BITS = 37, /* values above 2^37 ns (137 s) count as that */
    HIST_BUCKETS = (HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

struct hist {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint32_t bucket[HIST_BUCKETS];
};

void hist_reset(struct hist *h);

/* Bucket of a value; constant time. */
static inline unsigned hist_index(uint64_t ns)
{
    unsigned msb, shift;

    if (ns >> HIST_MAX_BITS)
        ns = (UINT64_C(1) << HIST_MAX_BITS) - 1;
    if (ns < (1u << HIST_SUB_BITS))
        return (unsigned)ns;
    msb = 63u - (unsigned)__builtin_clzll(ns);
    shift = msb - HIST_SUB_BITS;
    return ((shift + 1) << HIST_SUB_BITS) + (unsigned)((ns >> shift) - (1u << HIST_SUB_BITS));
}

static inline void hist_add(struct hist *h, uint64_t ns)
{
    h->count++;
    h->sum_ns += ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
    h->bucket[hist_index(ns)]++;
}

/* The same for n equal values, by several threads at once. */
static inline void hist_add_shared(struct hist *h, uint64_t ns, uint32_t n)
{
    __atomic_fetch_add(&h->count, n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&h->sum_ns, ns * n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&h->bucket[hist_index(ns)], n, __ATOMIC_RELAXED);
    /* Two maxima at the same moment: either may stay. */
    if (ns > __atomic_load_n(&h->max_ns, __ATOMIC_RELAXED))
        __atomic_store_n(&h->max_ns, ns, __ATOMIC_RELAXED);
}

/* Middle of a bucket in ns. */
uint64_t hist_value(unsigned index);

/* Value below which the fraction per_million/10^6 of all values lie; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, uint32_t per_million);
uint64_t hist_mean(const struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);

#endif
