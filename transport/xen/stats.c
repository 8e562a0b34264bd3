/* See stats.h. */
#include "transport/xen/stats.h"

#include <time.h>

/* One system call this often, per busy thread. */
enum { CPU_EVERY_NS = 50000000 };

void stats_count_cpu(struct dev_stats *s, struct cpu_meter *m, uint64_t now_ns)
{
    struct timespec t;
    uint64_t used;

    m->due_ns = now_ns + CPU_EVERY_NS;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t))
        return;
    used = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    stats_add(&s->cpu_ns, used - m->counted_ns);
    if (now_ns > m->looked_ns)
        m->percent = (unsigned)((used - m->counted_ns) * 100 / (now_ns - m->looked_ns));
    m->counted_ns = used;
    m->looked_ns = now_ns;
}
