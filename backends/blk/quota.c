/* See quota.h. */
#include "backends/blk/quota.h"

#include "transport/base/arith.h"

static const uint64_t SECOND_NS = 1000000000u;
/* Far from wrapping when multiplied by SECOND_NS in 128 bits, or when tokens overdraw. */
static const uint64_t MOST = UINT64_C(1) << 60;

void quota_init(struct quota *q, uint64_t rate, uint64_t burst, uint64_t now_ns)
{
    q->rate = MIN(rate, MOST);
    q->burst = MAX(MIN(burst, MOST), UINT64_C(1));
    q->last_ns = now_ns;
    q->tokens = (int64_t)q->burst;
}

/* Only whole units are added, and the clock advances by just what they took: nothing is lost to
 * rounding however often this is called. */
static void refill(struct quota *q, uint64_t now_ns)
{
    uint64_t passed = now_ns > q->last_ns ? now_ns - q->last_ns : 0;
    unsigned __int128 add = (unsigned __int128)passed * q->rate / SECOND_NS;
    uint64_t room = (uint64_t)((int64_t)q->burst - q->tokens);

    if (add >= room) {
        q->tokens = (int64_t)q->burst;
        q->last_ns = now_ns;
        return;
    }
    q->tokens += (int64_t)add;
    q->last_ns += (uint64_t)(add * SECOND_NS / q->rate);
}

uint64_t quota_wait_ns(struct quota *q, uint64_t now_ns)
{
    unsigned __int128 wait;

    if (q->rate == 0)
        return 0;
    refill(q, now_ns);
    if (q->tokens > 0)
        return 0;
    /* Until there is one, counted from when the clock of the bucket stands. */
    wait = ((unsigned __int128)(uint64_t)(1 - q->tokens) * SECOND_NS + q->rate - 1) / q->rate;
    wait += q->last_ns;
    wait = wait > now_ns ? wait - now_ns : 1;
    return wait > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)wait;
}
