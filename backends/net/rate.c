/* See rate.h. */
#include "backends/net/rate.h"

#include "transport/base/arith.h"

/* With these bounds bytes * time stays below 2^128 and credit below 2^62. */
static const uint64_t BYTES_MAX = UINT64_C(1) << 40, PERIOD_MAX_NS = UINT64_C(3600000000000);

void rate_init(struct rate *r, uint64_t bytes, uint64_t usec, uint64_t now_ns)
{
    *r = (struct rate){.bytes = MIN(bytes, BYTES_MAX), .last_ns = now_ns};
    if (bytes == 0 || usec == 0)
        return;
    r->period_ns = usec > PERIOD_MAX_NS / 1000 ? PERIOD_MAX_NS : usec * 1000;
    r->credit = (int64_t)MAX(r->bytes, RATE_BURST_MIN);
}

static void refill(struct rate *r, uint64_t now_ns)
{
    int64_t burst = (int64_t)MAX(r->bytes, RATE_BURST_MIN);
    uint64_t passed = now_ns > r->last_ns ? now_ns - r->last_ns : 0;
    unsigned __int128 earned = (unsigned __int128)r->bytes * passed / r->period_ns;

    /* Only what was earned in whole bytes is taken off the clock: a slow rate must not lose the
     * fractions, however often it is asked. */
    if (earned == 0)
        return;
    if (earned >= (unsigned __int128)(burst - r->credit)) {
        r->credit = burst;
        r->last_ns = now_ns;
        return;
    }
    r->credit += (int64_t)earned;
    r->last_ns += (uint64_t)(earned * r->period_ns / r->bytes);
}

bool rate_ready(struct rate *r, uint64_t now_ns, uint64_t *wait_ns)
{
    unsigned __int128 wait;

    *wait_ns = 0;
    if (!r->period_ns)
        return true;
    refill(r, now_ns);
    if (r->credit > 0)
        return true;
    wait = (unsigned __int128)(uint64_t)(1 - r->credit) * r->period_ns / r->bytes + 1;
    *wait_ns = wait > PERIOD_MAX_NS ? PERIOD_MAX_NS : (uint64_t)wait;
    return false;
}
