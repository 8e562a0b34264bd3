/* See teststep.h. */
#include "transport/xen/teststep.h"

#include <string.h>

uint32_t teststep_armed;
static uint32_t passes_left;

enum teststep teststep_named(const char *name)
{
    static const char *const names[STEP_COUNT] = {
        [STEP_NONE] = "",
        [STEP_TAKEN] = "taken",
        [STEP_COPIED] = "copied",
        [STEP_SUBMITTED] = "submitted",
        [STEP_COMPLETED] = "completed",
        [STEP_ANSWERED] = "answered",
        [STEP_BEFORE_NOTIFY] = "before-notify",
        [STEP_AFTER_NOTIFY] = "after-notify",
    };

    for (unsigned i = 1; i < STEP_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum teststep)i;
    }
    return STEP_NONE;
}

void teststep_arm(const struct teststep_order *o)
{
    __atomic_store_n(&passes_left, o->passes, __ATOMIC_RELAXED);
    __atomic_store_n(&teststep_armed, o->step, __ATOMIC_RELEASE);
}

void teststep_reached(void)
{
    /* Several queues may come here at once; one of them is the last. */
    if (__atomic_fetch_sub(&passes_left, 1, __ATOMIC_RELAXED) == 1)
        __builtin_trap();
}
