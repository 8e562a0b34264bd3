/*
 * What a worker counts about its device, in memory that outlives it (a memfd of drvdomd's, later
 * the blackbox).  Written by the threads of one worker, read by anybody: a reader may see a sum
 * that is one request old.
 */
#ifndef DRVDOM_XEN_STATS_H
#define DRVDOM_XEN_STATS_H

#include <stdint.h>

#include "transport/base/hist.h"

/* Hand-overs of a block request or frame in the backend (architecture, section 8). */
enum stage {
    STAGE_WAKE,   /* put by the guest -> slot taken; only a frontend that stamps lets us know */
    STAGE_GRANT,  /* data between guest and buffer: copied or mapped, with the wait for its turn */
    STAGE_DEVICE, /* submitted -> completed by the disk; net: time in the port */
    STAGE_ANSWER, /* completed and, of a read, copied -> answer visible to the guest */
    STAGE_TOTAL,  /* slot taken -> answer visible: grant + device + answer */
    STAGE_COUNT
};
/* EXTRA_CFLAGS=-DDRVDOM_NO_STAGES builds without the stages, to measure what they cost. */
#ifdef DRVDOM_NO_STAGES
enum { STAGES = 0 };
#else
enum { STAGES = 1 };
#endif
enum stat_op { STAT_READ, STAT_WRITE, STAT_OTHER, STAT_OPS }; /* net: read = to guest (rx) */

struct dev_stats {
    uint64_t ops[STAT_OPS];
    uint64_t bytes[STAT_OPS];
    uint64_t errors[STAT_OPS];
    uint64_t events, notifies, sweeps;
    uint64_t cpu_ns; /* of the queues' threads, as of their last busy moment */
    struct hist stage[STAT_OPS][STAGE_COUNT];
};

/* A thread's own CPU time, counted now and then while it works: an idle one costs nothing. */
struct cpu_meter {
    uint64_t due_ns, counted_ns, looked_ns;
    unsigned percent; /* of the time between the last two looks, which both were in busy moments */
};
void stats_count_cpu(struct dev_stats *s, struct cpu_meter *m, uint64_t now_ns);

static inline void stats_cpu(struct dev_stats *s, struct cpu_meter *m, uint64_t now_ns)
{
    if (STAGES && now_ns >= m->due_ns)
        stats_count_cpu(s, m, now_ns);
}

/* For words that several queues' threads count in. */
static inline void stats_add(uint64_t *word, uint64_t n)
{
    if (n)
        __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
}

#endif
