/*
 * Named steps of a request's life, for the tests of recovery: a worker that was armed dies when it
 * has come to a step so many times.  Part of the programs as they are shipped, so that what is
 * tested is what runs; not armed, a step costs one load and one comparison.
 */
#ifndef DRVDOM_XEN_TESTSTEP_H
#define DRVDOM_XEN_TESTSTEP_H

#include <stdint.h>

enum teststep {
    STEP_NONE,
    STEP_TAKEN,     /* copied from the ring and noted */
    STEP_COPIED,    /* its data was copied, from or to the guest */
    STEP_SUBMITTED, /* the kernel has it: disk or port */
    STEP_COMPLETED, /* the disk has finished it */
    STEP_ANSWERED,  /* the answer is on the ring, not yet shown */
    STEP_BEFORE_NOTIFY,
    STEP_AFTER_NOTIFY,
    STEP_COUNT,
};

/* Payload of TEST_STEP. */
struct teststep_order {
    uint32_t step;   /* enum teststep */
    uint32_t passes; /* die at this one; from 1 */
};

/* "taken" ...; STEP_NONE: no such step. */
enum teststep teststep_named(const char *name);

void teststep_arm(const struct teststep_order *o);

extern uint32_t teststep_armed; /* enum teststep; written by teststep_arm() only */
void teststep_reached(void);

static inline void teststep(enum teststep s)
{
    if (__builtin_expect(__atomic_load_n(&teststep_armed, __ATOMIC_RELAXED) == s, 0))
        teststep_reached();
}

#endif
