/*
 * A clock cheap enough for every request: the processor's time stamp counter, scaled to
 * nanoseconds.  In a PV domain clock_gettime(2) is a system call that passes through Xen twice; the
 * counter is an instruction (or one trap, when Xen emulates it: tsc_mode in the domain's
 * configuration).
 *
 * Good for the length of things, not for deadlines of days: it may drift from CLOCK_MONOTONIC by
 * the error of its calibration, about 1 part in 1000 after 10 ms, better after longer.
 */
#ifndef DRVDOM_BASE_TICKS_H
#define DRVDOM_BASE_TICKS_H

#include <stdint.h>

struct ticks_scale {
    uint64_t base_ticks, base_ns;
    uint64_t mult; /* ns = ticks * mult >> 32; 0: not calibrated, clock_ns() is used */
};
extern struct ticks_scale ticks_scale;

/* First call: remembers where both clocks stand.  Later calls: set the scale by how far they have
 * come (sleeps when that is less than 5 ms).  One thread, while no other uses ticks_ns(). */
void ticks_calibrate(void);

uint64_t ticks_slow_ns(void);

/* The counter itself; 0 where there is none that is used. */
static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    if (ticks_scale.mult)
        return __builtin_ia32_rdtsc();
#endif
    return 0;
}

/* A reading of the counter on the scale of ticks_ns(), also another domain's reading; 0 when it
 * lies before the first calibration, or nothing is calibrated. */
static inline uint64_t ticks_to_ns(uint64_t ticks)
{
    if (!ticks_scale.mult || ticks < ticks_scale.base_ticks)
        return 0;
    return ticks_scale.base_ns +
           (uint64_t)((unsigned __int128)(ticks - ticks_scale.base_ticks) * ticks_scale.mult >> 32);
}

/* How far the counter comes in so long; 0 when nothing is calibrated. */
static inline uint64_t ticks_of_ns(uint64_t ns)
{
    return ticks_scale.mult ? (uint64_t)(((unsigned __int128)ns << 32) / ticks_scale.mult) : 0;
}

/* Nanoseconds since some moment before the first calibration; never goes backwards on one CPU. */
static inline uint64_t ticks_ns(void)
{
#if defined(__x86_64__)
    if (ticks_scale.mult)
        return ticks_to_ns(__builtin_ia32_rdtsc());
#endif
    return ticks_slow_ns();
}

#endif
