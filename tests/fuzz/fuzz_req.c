/*
 * libFuzzer: one block request slot, and the pages of an indirect one.
 *
 * Input: one byte of rules, 112 bytes of slot, the rest is the indirect page (zeros behind it).
 * Invariants are asserted: behind the plan nothing is checked again, so the plan must be right.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/req.h"
#include "transport/base/arith.h"

enum { DISK_SECTORS = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(const struct req_plan *p, const struct req_rules *r)
{
    uint64_t sum = 0;

    assert(p->nr_seg <= MAX((unsigned)BLKIF_SEGS, (unsigned)r->indirect_segs));
    for (unsigned i = 0; i < p->nr_seg; i++) {
        assert(p->seg[i].len > 0 && p->seg[i].len % BLKIF_SECTOR == 0);
        assert(p->seg[i].off % BLKIF_SECTOR == 0);
        assert(p->seg[i].off + p->seg[i].len <= BLKIF_PAGE);
        sum += p->seg[i].len / BLKIF_SECTOR;
    }
    assert(in_range(p->sector, p->nr_sectors, r->sectors));
    switch ((enum req_action)p->action) {
    case REQ_NONE:
        assert(p->preflush && p->nr_seg == 0);
        break;
    case REQ_WRITE:
        assert(!r->readonly);
        assert(p->nr_seg > 0 && sum == p->nr_sectors);
        break;
    case REQ_READ:
        assert(!p->preflush && !p->fua && !p->drain);
        assert(p->nr_seg > 0 && sum == p->nr_sectors);
        break;
    case REQ_DISCARD:
        assert(r->discard && !r->readonly && p->nr_seg == 0 && p->nr_sectors > 0);
        assert(!p->secure || r->secure);
        break;
    }
    assert(!p->drain || r->barrier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct req_seg *segs;
    struct blkif_seg *page;
    struct req_rules r;
    struct req_plan p;
    union blkif_slot raw;
    enum req_verdict v;
    uint8_t bits;

    if (size < 1 + sizeof(raw))
        return 0;
    bits = data[0];
    r = (struct req_rules){.abi = bits & 1 ? BLKIF_ABI_X86_32 : BLKIF_ABI_X86_64,
                           .sectors = bits & 2 ? UINT64_MAX / 512 : DISK_SECTORS,
                           .indirect_segs = bits & 4   ? REQ_SEGS_MAX
                                            : bits & 8 ? 32
                                                       : 0,
                           .readonly = bits & 16,
                           .barrier = bits & 32,
                           .flush = bits & 64,
                           .discard = bits & 128,
                           .secure = bits & 32};
    memcpy(&raw, data + 1, sizeof(raw));
    data += 1 + sizeof(raw);
    size -= 1 + sizeof(raw);
    /* In memory of exactly the promised size: a sanitizer sees any reach beyond. */
    segs = malloc((r.indirect_segs ? r.indirect_segs : BLKIF_SEGS) * sizeof(*segs));
    page = calloc(REQ_SEGS_MAX, sizeof(*page));
    assert(segs && page);
    memcpy(page, data, MIN(size, REQ_SEGS_MAX * sizeof(*page)));
    memset(&p, 0xa5, sizeof(p));
    p.seg = segs;
    v = req_decode(&raw, &r, &p);
    assert(p.seg == segs);
    if (v == REQ_NEED_PAGES) {
        assert(p.nr_indirect > 0 && p.nr_indirect <= BLKIF_INDIRECT_PAGES);
        v = req_segments(page, &r, &p);
        assert(v != REQ_NEED_PAGES);
    }
    if (v == REQ_GO)
        check_plan(&p, &r);
    else
        assert(req_status(v) < 0 && req_reason(v)[0] != '?');
    free(page);
    free(segs);
    return 0;
}
