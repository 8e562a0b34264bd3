/*
 * A raw request slot becomes a plan or a verdict.  PURE.
 *
 * In:  a private copy of the slot (and, for an indirect request, private copies of its pages).
 *      Nothing of it is trusted.
 * Out: a plan, behind which nothing is checked again: every segment lies inside its page, the
 *      sectors lie inside the disk, the operation was offered and is allowed.
 *
 * Implements the rules B1..B8, B14 and B19 of the hostile-peer catalogue (docs/threat-model).
 */
#ifndef DRVDOM_BLK_REQ_H
#define DRVDOM_BLK_REQ_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/blk/blkif_abi.h"

enum { REQ_SEGS_MAX = 256 }; /* segments of one request that this backend ever accepts */

/* What this device offers; fixed while a frontend is connected, but for `sectors` (resize). */
struct req_rules {
    enum blkif_abi abi;
    uint64_t sectors;       /* of 512 bytes */
    uint16_t indirect_segs; /* 0: indirect requests are not offered; <= REQ_SEGS_MAX */
    bool readonly;
    bool barrier, flush, discard, secure; /* offered */
};

enum req_action { REQ_NONE, REQ_READ, REQ_WRITE, REQ_DISCARD };

/* Bytes [off, off + len) of the peer's page `gref`; off + len <= 4096, len > 0. */
struct req_seg {
    uint32_t gref;
    uint16_t off, len;
};

struct req_plan {
    uint64_t id;     /* echoed (B13) */
    uint8_t rsp_op;  /* operation to echo: for an indirect request the inner one */
    uint8_t action;  /* enum req_action */
    bool preflush;   /* first make what was answered before durable */
    bool fua;        /* durable itself before it is answered */
    bool drain;      /* barrier: nothing before it may still run, nothing after it may start */
    bool secure;     /* discard */
    uint16_t nr_seg; /* READ, WRITE */
    uint8_t nr_indirect;
    uint64_t sector;     /* first sector of 512 bytes */
    uint64_t nr_sectors; /* READ, WRITE: sum of the segments */
    uint32_t indirect[BLKIF_INDIRECT_PAGES];
    struct req_seg *seg; /* the caller's array of REQ_SEGS_MAX (or BLKIF_SEGS without indirect) */
};

/* Why a request is not carried out; REQ_GO and REQ_NEED_PAGES are not refusals. */
enum req_verdict {
    REQ_GO,
    REQ_NEED_PAGES, /* copy the nr_indirect pages plan->indirect[], then call req_segments() */
    REQ_BAD_OP,     /* unknown or not offered: EOPNOTSUPP (B1) */
    REQ_BAD_NEST,   /* an indirect request of something else than read or write (B4) */
    REQ_BAD_COUNT,  /* no segment or too many (B2, B3) */
    REQ_BAD_SEG,    /* first_sect > last_sect or last_sect > 7 (B6) */
    REQ_BAD_RANGE,  /* beyond the end of the disk (B7) */
    REQ_READONLY,   /* would change a read-only disk (B8) */
    REQ_VERDICTS
};

/* Decodes one slot.  plan->id and plan->rsp_op are valid whatever the verdict, for the answer.
 * plan->seg must be set by the caller. */
enum req_verdict req_decode(const union blkif_slot *raw, const struct req_rules *rules,
                            struct req_plan *plan);

/* Second half for REQ_NEED_PAGES: `pages` is a private copy of the indirect pages, one after the
 * other.  REQ_GO or a refusal. */
enum req_verdict req_segments(const struct blkif_seg *pages, const struct req_rules *rules,
                              struct req_plan *plan);

/* The wire's status for a refusal, and a few words for the log. */
int16_t req_status(enum req_verdict v);
const char *req_reason(enum req_verdict v);

#endif
