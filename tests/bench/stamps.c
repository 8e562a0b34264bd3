/*
 * What one measured request costs more than one that is not: six readings of the clock and four
 * entries into histograms (backends/blk/io_answer.c: count()).  Prints nanoseconds: of the best of
 * many rounds, since all that can disturb makes it slower.
 */
#include <stdio.h>
#include <time.h>

#include "transport/base/arith.h"
#include "transport/base/hist.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/stats.h"

enum { ROUNDS = 50, REQUESTS = 100000 };

static struct dev_stats stats;

static void measured_request(void)
{
    struct hist *h = stats.stage[STAT_READ];
    volatile uint64_t at[6];

    for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
        at[i] = ticks_ns();
    hist_add_shared(&h[STAGE_GRANT], at[1] - at[0] + at[4] - at[3], 1);
    hist_add_shared(&h[STAGE_DEVICE], at[3] - at[2], 1);
    hist_add_shared(&h[STAGE_ANSWER], at[5] - at[4], 1);
    hist_add_shared(&h[STAGE_TOTAL], at[5] - at[0], 1);
}

int main(void)
{
    uint64_t best = UINT64_MAX;

    ticks_calibrate();
    ticks_calibrate();
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = clock_ns();

        for (int k = 0; k < REQUESTS; k++)
            measured_request();
        best = MIN(best, clock_ns() - start);
    }
    printf("%.1f\n", (double)best / REQUESTS);
    return 0;
}
