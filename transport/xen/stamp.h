/*
 * Time stamps in blkif ring slots, for measuring the way between two domains.  drvdom's own: used
 * only when the frontend writes feature-stamps (vbd.xs), which no stock frontend does.
 *
 * The last 8 bytes of an x86_64 slot carry the processor's time stamp counter: in a request (READ
 * or WRITE of at most STAMP_SEGS segments, which leaves them unused) when it was put, in an answer
 * when it was put.  Both domains must see the same counter, or the frontend must know how far they
 * are apart (drvdom-blkfront --stamp-offset).  PURE.
 */
#ifndef DRVDOM_XEN_STAMP_H
#define DRVDOM_XEN_STAMP_H

#include <stdint.h>
#include <string.h>

enum { STAMP_AT = 104, STAMP_SLOT = 112, STAMP_SEGS = 10 };

/* slot: a private copy of STAMP_SLOT bytes. */
static inline void stamp_put(void *slot, uint64_t ticks)
{
    memcpy((char *)slot + STAMP_AT, &ticks, sizeof(ticks));
}

static inline uint64_t stamp_get(const void *slot)
{
    uint64_t ticks;

    memcpy(&ticks, (const char *)slot + STAMP_AT, sizeof(ticks));
    return ticks;
}

#endif
