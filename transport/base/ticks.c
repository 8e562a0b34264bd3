/* See ticks.h. */
#include "transport/base/ticks.h"

#include <time.h>

#include "transport/base/log.h"

enum { SHORTEST_NS = 5000000 };

struct ticks_scale ticks_scale;

uint64_t ticks_slow_ns(void)
{
    return clock_ns();
}

#if defined(__x86_64__)
/* Both clocks at one moment: the tightest of a few tries, so that being preempted between the two
 * does not count. */
static void read_both(uint64_t *ticks, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 5; i++) {
        uint64_t before = __builtin_ia32_rdtsc(), n = clock_ns(), after = __builtin_ia32_rdtsc();

        if (after - before < best) {
            best = after - before;
            *ticks = before + best / 2;
            *ns = n;
        }
    }
}

void ticks_calibrate(void)
{
    static uint64_t first_ticks, first_ns;
    struct timespec wait = {.tv_nsec = SHORTEST_NS};
    uint64_t ticks = 0, ns = 0;

    read_both(&ticks, &ns);
    if (first_ns == 0) {
        first_ticks = ticks;
        first_ns = ns;
        return;
    }
    if (ns - first_ns < SHORTEST_NS) {
        nanosleep(&wait, NULL);
        read_both(&ticks, &ns);
    }
    if (ticks <= first_ticks || ns <= first_ns)
        return; /* a counter that stands still or runs backwards: stay with the slow clock */
    ticks_scale.base_ticks = first_ticks;
    ticks_scale.base_ns = first_ns;
    ticks_scale.mult =
        (uint64_t)(((unsigned __int128)(ns - first_ns) << 32) / (ticks - first_ticks));
}
#else
void ticks_calibrate(void)
{
}
#endif
