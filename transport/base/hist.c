/* See hist.h. */
#include "transport/base/hist.h"

#include <string.h>

void hist_reset(struct hist *h)
{
    memset(h, 0, sizeof(*h));
}

uint64_t hist_value(unsigned index)
{
    unsigned group = index >> HIST_SUB_BITS, sub = index & ((1u << HIST_SUB_BITS) - 1);
    unsigned shift;

    if (group == 0)
        return sub;
    shift = group - 1;
    return ((uint64_t)((1u << HIST_SUB_BITS) + sub) << shift) + ((UINT64_C(1) << shift) >> 1);
}

uint64_t hist_quantile(const struct hist *h, uint32_t per_million)
{
    uint64_t want, seen = 0;

    if (h->count == 0)
        return 0;
    /* Rank of the wanted value, counted from 1; 128-bit so a full counter cannot wrap. */
    want = (uint64_t)(((unsigned __int128)h->count * per_million + 999999) / 1000000);
    if (want == 0)
        want = 1;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= want)
            return hist_value(i) < h->max_ns ? hist_value(i) : h->max_ns;
    }
    return h->max_ns;
}

uint64_t hist_mean(const struct hist *h)
{
    return h->count ? h->sum_ns / h->count : 0;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}
