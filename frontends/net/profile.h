/*
 * How known network frontends behave on xenstore: what they write, what they can take, the order of
 * their states when they start and stop (reference: Xen interoperability notes, net frontends).  As
 * data: conn.c walks it.  PURE.
 */
#ifndef DRVDOM_NETFRONT_PROFILE_H
#define DRVDOM_NETFRONT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "frontends/common/front.h"

enum profile_queues { QUEUES_NONE, QUEUES_IF_MORE, QUEUES_ALWAYS, QUEUES_IN_DIR };

enum { PROFILE_KEYS = 4 };

struct profile {
    const char *name;
    struct front_step before[FRONT_STEPS]; /* until the keys are written */
    struct front_step after[FRONT_STEPS];  /* from the keys to being connected */
    struct front_step close[FRONT_STEPS];
    const char *demands[PROFILE_KEYS]; /* keys that must be in the backend's directory */
    enum profile_queues queues;
    bool resets; /* brings the device to its start itself, whatever it finds */
    bool split, sg, gso4, gso6, csum4, csum6, rx_notify, mcast;
    bool says_persistent, says_vifname, says_csum4;
    bool first_slot_is_share; /* writes its own length, not the packet's, to the first slot */
    unsigned tx_max, rx_max;  /* slots it ever uses; 0: all */
};

/* NULL: no such profile. */
const struct profile *profile_find(const char *name);
/* The i-th name; NULL behind the last. */
const char *profile_name(unsigned i);

#endif
