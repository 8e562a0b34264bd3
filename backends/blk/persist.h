/*
 * Pages that the frontend promised to use again (feature-persistent) and that stay mapped, so that
 * the processor copies what the hypervisor would have to.  One cache per queue, used by its thread
 * only, and only for the moment of a copy.
 *
 * Why the disk does not get the mapped pages themselves: the kernel must look up and pin foreign
 * pages one by one for each request, which in a PV domain costs several times what copying costs
 * (measured: docs/measuring).
 *
 * Bounded: `max` pages, however many grants a frontend comes up with (B12, XSA-300).  When it is
 * full, what is not in it goes the way of grant copy, and pages not used for a while make room
 * at a slow, fixed rate: never a map or unmap for every request.
 */
#ifndef DRVDOM_BLK_PERSIST_H
#define DRVDOM_BLK_PERSIST_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/grant.h"

enum { PERSIST_MAX = 1056, PERSIST_BUCKETS = 2048 };

struct persist_page {
    uint32_t gref;

    uint8_t *addr; /* NULL: free */
    uint16_t next; /* in its bucket, or in the free list; index + 1, 0 ends */
    bool used;     /* since purge() last came by */
};

struct persist {
    struct grant *grant;
    unsigned domid;
    bool on;
    uint32_t count, max;
    uint32_t failures;    /* maps refused: after a few, the promise is not believed any more */
    uint64_t purge_at_ns; /* no page is given up before */
    uint16_t free;
    uint32_t hand; /* where purge() goes on */
    uint16_t bucket[PERSIST_BUCKETS];
    struct persist_page page[PERSIST_MAX];
};

/* on=false: persist_get always says no. */
void persist_init(struct persist *p, struct grant *g, unsigned domid, bool on, uint32_t max);
/* Unmaps everything. */
void persist_fini(struct persist *p);

/* The page's address, valid until the next call; NULL: not mapped and cannot be now, use grant
 * copy. May map it (a few system calls, once per page). */
uint8_t *persist_get(struct persist *p, uint32_t gref, uint64_t now_ns);

#endif
