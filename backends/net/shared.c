/* See shared.h. */
#include "backends/net/shared.h"

#include <string.h>

#include "transport/base/log.h"

/* In units of rate.c's smallest burst, as it counts bytes. */
static const uint64_t GROUP_COST = RATE_BURST_MIN / GROUP_BURST;

void shared_init(struct net_shared *s, const struct net_setup *setup)
{
    memset(s, 0, sizeof(*s));
    filter_init(&s->filter, setup->mac, setup->any_source);
    pthread_mutex_init(&s->lock, NULL);
    rate_init(&s->group, RATE_BURST_MIN, UINT64_C(1000000) * GROUP_BURST / GROUP_PER_S, clock_ns());
    if (setup->group_per_s > 0)
        rate_init(&s->group_store, GROUP_STORE * GROUP_COST,
                  UINT64_C(1000000) * GROUP_STORE / setup->group_per_s, clock_ns());
    shared_set_limits(s, &setup->limits);
}

void shared_set_limits(struct net_shared *s, const struct net_limits *limits)
{
    uint64_t now = clock_ns();

    pthread_mutex_lock(&s->lock);
    rate_init(&s->rate[SHARED_TX], limits->tx_bytes, limits->tx_usec, now);
    rate_init(&s->rate[SHARED_RX], limits->rx_bytes, limits->rx_usec, now);
    for (unsigned way = 0; way < SHARED_WAYS; way++)
        atomic_store(&s->limited[way], s->rate[way].period_ns != 0);
    pthread_mutex_unlock(&s->lock);
}

int64_t shared_allowance(struct net_shared *s, enum shared_way way, uint64_t *wait_ns)
{
    int64_t credit = 0;

    *wait_ns = 0;
    if (!atomic_load_explicit(&s->limited[way], memory_order_relaxed))
        return INT64_MAX;
    pthread_mutex_lock(&s->lock);
    if (rate_ready(&s->rate[way], clock_ns(), wait_ns))
        credit = s->rate[way].period_ns ? s->rate[way].credit : INT64_MAX;
    pthread_mutex_unlock(&s->lock);
    return credit;
}

enum group_verdict shared_group(struct net_shared *s, uint64_t *wait_ns)
{
    enum group_verdict v = GROUP_DROP;
    uint64_t now = clock_ns();

    pthread_mutex_lock(&s->lock);
    if (rate_ready(&s->group_store, now, wait_ns))
        v = rate_ready(&s->group, now, wait_ns) ? GROUP_SEND : GROUP_WAIT;
    if (v == GROUP_SEND) {
        rate_charge(&s->group, (uint32_t)GROUP_COST);
        rate_charge(&s->group_store, (uint32_t)GROUP_COST);
    }
    pthread_mutex_unlock(&s->lock);
    return v;
}

void shared_settle(struct net_shared *s, enum shared_way way, uint64_t bytes)
{
    if (!atomic_load_explicit(&s->limited[way], memory_order_relaxed))
        return;
    pthread_mutex_lock(&s->lock);
    /* A sweep moves a ring's worth at most: far below 2^32 bytes. */
    rate_charge(&s->rate[way], (uint32_t)bytes);
    pthread_mutex_unlock(&s->lock);
}

void shared_set_headroom(struct net_shared *s, uint16_t headroom)
{
    pthread_mutex_lock(&s->lock);
    s->headroom = headroom;
    atomic_fetch_add(&s->look_version, 1);
    pthread_mutex_unlock(&s->lock);
}

void shared_set_hash(struct net_shared *s, const struct net_hash *h)
{
    pthread_mutex_lock(&s->lock);
    s->hash = *h;
    atomic_fetch_add(&s->look_version, 1);
    pthread_mutex_unlock(&s->lock);
}

void shared_look(struct net_shared *s, unsigned *seen, struct rx_caps *caps)
{
    if (atomic_load_explicit(&s->look_version, memory_order_relaxed) == *seen)
        return;
    pthread_mutex_lock(&s->lock);
    *seen = atomic_load(&s->look_version);
    caps->headroom = s->headroom;
    caps->hash = s->hash;
    pthread_mutex_unlock(&s->lock);
}
