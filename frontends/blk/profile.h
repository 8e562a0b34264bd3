/*
 * How known frontends behave on xenstore: which keys they demand and write, the order of their
 * states when they start and when they stop (reference: Xen interoperability notes, block
 * frontends).  As data: conn.c walks it.  PURE.
 */
#ifndef DRVDOM_BLKFRONT_PROFILE_H
#define DRVDOM_BLKFRONT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "frontends/common/front.h"

enum { PROFILE_KEYS = 6 };

enum profile_order { ORDER_NONE, ORDER_IF_MORE, ORDER_BOTH_KEYS };
enum profile_queues { QUEUES_NONE, QUEUES_IF_MORE, QUEUES_ALWAYS };
enum profile_protocol { PROTOCOL_NATIVE, PROTOCOL_NONE, PROTOCOL_X86_32 };

struct profile {
    const char *name;
    struct front_step before[FRONT_STEPS]; /* until the keys are written */
    struct front_step after[FRONT_STEPS];  /* from the keys to being connected */
    struct front_step close[FRONT_STEPS];
    const char *demands[PROFILE_KEYS]; /* of the backend's directory, at attach */
    enum profile_order order;          /* how a ring of several pages is said */
    enum profile_queues queues;
    enum profile_protocol protocol;
    uint8_t max_order;
    bool persistent, indirect;
    uint16_t indirect_min; /* uses indirect requests only if at least so many are offered */
    bool needs_512;        /* refuses a disk whose sectors are not, physically too */
};

/* NULL when there is none of that name. */
const struct profile *bf_profile_find(const char *name);
/* For usage texts: the i-th name, NULL behind the last. */
const char *bf_profile_name(unsigned i);

#endif
