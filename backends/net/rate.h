/*
 * A token bucket over bytes: `bytes` every `usec` microseconds, as libxl's `rate` says.  PURE: the
 * caller brings the clock and the lock.
 */
#ifndef DRVDOM_NET_RATE_H
#define DRVDOM_NET_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* Smallest burst: less than this would never let two large TCP segments pass. */
#define RATE_BURST_MIN UINT64_C(131072)

struct rate {
    uint64_t bytes, period_ns; /* period_ns 0: no limit */
    uint64_t last_ns;
    int64_t credit; /* bytes that may be sent now; a packet may overdraw it */
};

/* usec or bytes 0: no limit.  Values of any size: clamped, never wrapped (N25). */
void rate_init(struct rate *r, uint64_t bytes, uint64_t usec, uint64_t now_ns);

/* May a packet be sent?  If not, *wait_ns is how long it will take until one may. */
bool rate_ready(struct rate *r, uint64_t now_ns, uint64_t *wait_ns);

/* A packet of `len` bytes was sent. */
static inline void rate_charge(struct rate *r, uint32_t len)
{
    if (r->period_ns)
        r->credit -= len;
}

#endif
