/* See filter.h. */
#include "backends/net/filter.h"

#include <errno.h>
#include <string.h>

/* An address as a word; 0 (no multicast address is) marks a free entry. */
static uint64_t word_of(const uint8_t addr[6])
{
    uint64_t w = 0;

    memcpy(&w, addr, 6);
    return w;
}

static bool is_multicast(const uint8_t addr[6])
{
    return addr[0] & 1;
}

void filter_init(struct filter *f, const uint8_t mac[6], bool any_source)
{
    memset(f, 0, sizeof(*f));
    memcpy(f->mac, mac, sizeof(f->mac));
    f->any_source = any_source;
    pthread_mutex_init(&f->lock, NULL);
}

void filter_reset(struct filter *f, bool mcast_on)
{
    atomic_store(&f->mcast_on, mcast_on);
    atomic_store(&f->mcast_count, 0);
    for (unsigned i = 0; i < FILTER_MCAST_MAX; i++)
        atomic_store(&f->mcast[i], 0);
}

void filter_switch(struct filter *f, bool mcast_on)
{
    atomic_store(&f->mcast_on, mcast_on);
}

static int find(const struct filter *f, uint64_t word)
{
    uint32_t n = atomic_load_explicit(&f->mcast_count, memory_order_relaxed);

    for (uint32_t i = 0; i < n; i++) {
        if (atomic_load_explicit(&f->mcast[i], memory_order_relaxed) == word)
            return (int)i;
    }
    return -1;
}

int filter_mcast_add(struct filter *f, const uint8_t addr[6])
{
    uint64_t word = word_of(addr);
    int rc = 0, at;

    if (!is_multicast(addr))
        return -EINVAL;
    pthread_mutex_lock(&f->lock);
    if (find(f, word) < 0) {
        at = find(f, 0);
        if (at >= 0)
            atomic_store(&f->mcast[at], word);
        else if (f->mcast_count < FILTER_MCAST_MAX) {
            atomic_store(&f->mcast[f->mcast_count], word);
            atomic_fetch_add(&f->mcast_count, 1);
        } else {
            rc = -ENOSPC;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

void filter_mcast_del(struct filter *f, const uint8_t addr[6])
{
    int at;

    if (!is_multicast(addr))
        return;
    pthread_mutex_lock(&f->lock);
    at = find(f, word_of(addr));
    if (at >= 0)
        atomic_store(&f->mcast[at], 0);
    pthread_mutex_unlock(&f->lock);
}

bool filter_tx_ok(const struct filter *f, const uint8_t *frame)
{
    return f->any_source || memcmp(frame + 6, f->mac, sizeof(f->mac)) == 0;
}

bool filter_rx_ok(const struct filter *f, const uint8_t *frame)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (!is_multicast(frame) || !atomic_load_explicit(&f->mcast_on, memory_order_relaxed))
        return true;
    return memcmp(frame, broadcast, sizeof(broadcast)) == 0 || find(f, word_of(frame)) >= 0;
}
