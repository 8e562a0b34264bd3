/*
 * How known frontends behave on xenstore: which keys they demand and write, the order of their
 * states when they start and when they stop (reference: Xen interoperability notes, block
 * frontends).  As data: conn.c walks it.  PURE.
 */
#ifndef DRVDOM_BLKFRONT_PROFILE_H
#define DRVDOM_BLKFRONT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/xen/xenbus.h"

/* A set of backend states. */
#define ST(s)      (1u << XENBUS_##s)
#define ST_ANY     ((1u << (XENBUS_RECONFIGURED + 1)) - 1)
#define ST_FROM(s) (ST_ANY & ~(ST(s) - 1))

/* Write one state (0: none), then wait until the backend is in `wait` (0: do not wait); a backend
 * seen in `fatal` on the way has broken what this frontend relies on. */
struct profile_step {
    uint8_t write;
    uint16_t wait, fatal;
};

enum {
    PROFILE_STEPS = 5,
    PROFILE_KEYS = 6,
    /* xenbus.h's states as they are seen by somebody who wants to keep the backend's handshake
       honest: 3 is never written by a backend, 7 and 8 only on request. */
    PROFILE_NEVER = ST(INITIALISED) | ST(RECONFIGURING) | ST(RECONFIGURED),
};

enum profile_order { ORDER_NONE, ORDER_IF_MORE, ORDER_BOTH_KEYS };
enum profile_queues { QUEUES_NONE, QUEUES_IF_MORE, QUEUES_ALWAYS };
enum profile_protocol { PROTOCOL_NATIVE, PROTOCOL_NONE, PROTOCOL_X86_32 };

struct profile {
    const char *name;
    struct profile_step before[PROFILE_STEPS]; /* until the keys are written */
    struct profile_step after[PROFILE_STEPS];  /* from the keys to being connected */
    struct profile_step close[PROFILE_STEPS];
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
