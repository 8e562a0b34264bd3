/*
 * A token bucket: so many units per second, so many at once.  PURE: the caller brings the clock.
 *
 * A taker may overdraw, so that a request larger than the burst still passes some time; what it
 * overdraws is paid for before the next one.  Units are requests or bytes.
 */
#ifndef DRVDOM_BLK_QUOTA_H
#define DRVDOM_BLK_QUOTA_H

#include <stdint.h>

struct quota {
    uint64_t rate;  /* units per second; 0: no limit */
    uint64_t burst; /* most that can be saved up */
    uint64_t last_ns;
    int64_t tokens;
};

/* Values of any size: clamped, never wrapped. Starts with a full bucket. */
void quota_init(struct quota *q, uint64_t rate, uint64_t burst, uint64_t now_ns);

/* How long until something may be taken: 0 now. */
uint64_t quota_wait_ns(struct quota *q, uint64_t now_ns);

static inline void quota_take(struct quota *q, uint64_t units)
{
    if (q->rate)
        q->tokens -= (int64_t)units;
}

#endif
