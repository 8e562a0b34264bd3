/* See req.h. */
#include "backends/blk/req.h"

#include <assert.h>
#include <string.h>

#include "transport/base/arith.h"

/* The fields of every kind of request, whichever ABI they came in. */
struct fields {
    uint64_t id, sector, nr_sectors;
    uint32_t nr_segments;
    uint8_t op, inner_op, flag;
    const struct blkif_seg *seg;
    const uint32_t *gref;
};

/* The two ABIs have the same names at other places. */
#define FIELDS_OF(raw, abi, f)                                                                     \
    do {                                                                                           \
        (f)->op = (raw)->rw##abi.op;                                                               \
        (f)->id = (raw)->rw##abi.id;                                                               \
        (f)->sector = (raw)->rw##abi.sector;                                                       \
        (f)->seg = (raw)->rw##abi.seg;                                                             \
        (f)->nr_segments = (raw)->rw##abi.nr_segments;                                             \
        if ((f)->op == BLKIF_DISCARD) {                                                            \
            (f)->flag = (raw)->discard##abi.flag;                                                  \
            (f)->nr_sectors = (raw)->discard##abi.nr_sectors;                                      \
        } else if ((f)->op == BLKIF_INDIRECT) {                                                    \
            (f)->inner_op = (raw)->indirect##abi.indirect_op;                                      \
            (f)->nr_segments = (raw)->indirect##abi.nr_segments;                                   \
            (f)->gref = (raw)->indirect##abi.gref;                                                 \
        }                                                                                          \
    } while (0)

static void read_fields(const union blkif_slot *raw, enum blkif_abi abi, struct fields *f)
{
    memset(f, 0, sizeof(*f));
    /* id and sector stand at the same place in all three kinds (asserted in blkif_abi.h). */
    if (abi == BLKIF_ABI_X86_32)
        FIELDS_OF(raw, 32, f);
    else
        FIELDS_OF(raw, 64, f);
}

static enum req_verdict decode_op(uint8_t op, const struct req_rules *rules, struct req_plan *plan)
{
    switch (op) {
    case BLKIF_READ:
        plan->action = REQ_READ;
        return REQ_GO;
    case BLKIF_WRITE:
        plan->action = REQ_WRITE;
        return REQ_GO;
    case BLKIF_BARRIER:
        plan->action = REQ_WRITE;
        plan->preflush = plan->fua = plan->drain = true;
        return rules->barrier ? REQ_GO : REQ_BAD_OP;
    case BLKIF_FLUSH:
        plan->action = REQ_WRITE; /* one with segments is a write after a flush */
        plan->preflush = true;
        return rules->flush ? REQ_GO : REQ_BAD_OP;
    case BLKIF_DISCARD:
        plan->action = REQ_DISCARD;
        return rules->discard ? REQ_GO : REQ_BAD_OP;
    default:
        return REQ_BAD_OP;
    }
}

/* Turns `count` raw segments into plan->seg[]; sums up the sectors. */
static enum req_verdict take_segments(const struct blkif_seg *raw, uint32_t count,
                                      struct req_plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        unsigned first = raw[i].first_sect, last = raw[i].last_sect;

        if (first > last || last >= BLKIF_SECTORS_PER_PAGE)
            return REQ_BAD_SEG;
        plan->seg[i].gref = raw[i].gref;
        plan->seg[i].off = (uint16_t)(first * BLKIF_SECTOR);
        plan->seg[i].len = (uint16_t)((last - first + 1) * BLKIF_SECTOR);
        sum += last - first + 1;
    }
    plan->nr_seg = (uint16_t)count;
    plan->nr_sectors = sum;
    return REQ_GO;
}

static enum req_verdict check_range(const struct req_plan *plan, const struct req_rules *rules)
{
    return in_range(plan->sector, plan->nr_sectors, rules->sectors) ? REQ_GO : REQ_BAD_RANGE;
}

static enum req_verdict decode_direct(const struct fields *f, const struct req_rules *rules,
                                      struct req_plan *plan)
{
    enum req_verdict v;

    if (f->nr_segments > BLKIF_SEGS)
        return REQ_BAD_COUNT;
    if (f->nr_segments == 0) {
        /* Only a flush or barrier may carry no data; its sector number then means nothing. */
        if (!plan->preflush)
            return REQ_BAD_COUNT;
        plan->action = REQ_NONE;
        plan->sector = 0;
        return REQ_GO;
    }
    v = take_segments(f->seg, f->nr_segments, plan);
    return v == REQ_GO ? check_range(plan, rules) : v;
}

static enum req_verdict decode_indirect(const struct fields *f, const struct req_rules *rules,
                                        struct req_plan *plan)
{
    plan->action = f->inner_op == BLKIF_READ ? REQ_READ : REQ_WRITE;
    if (f->inner_op != BLKIF_READ && f->inner_op != BLKIF_WRITE)
        return REQ_BAD_NEST;
    if (plan->action == REQ_WRITE && rules->readonly)
        return REQ_READONLY;
    if (f->nr_segments == 0 || f->nr_segments > rules->indirect_segs)
        return REQ_BAD_COUNT;
    plan->nr_seg = (uint16_t)f->nr_segments;
    plan->nr_indirect = (uint8_t)((f->nr_segments + BLKIF_SEGS_PER_PAGE - 1) / BLKIF_SEGS_PER_PAGE);
    memcpy(plan->indirect, f->gref, plan->nr_indirect * sizeof(plan->indirect[0]));
    return REQ_NEED_PAGES;
}

static enum req_verdict decode_discard(const struct fields *f, const struct req_rules *rules,
                                       struct req_plan *plan)
{
    plan->nr_sectors = f->nr_sectors;
    /* An unoffered secure flag is ignored, as the header says. */
    plan->secure = rules->secure && (f->flag & BLKIF_DISCARD_SECURE);
    if (plan->nr_sectors == 0)
        return REQ_BAD_COUNT;
    return check_range(plan, rules);
}

enum req_verdict req_decode(const union blkif_slot *raw, const struct req_rules *rules,
                            struct req_plan *plan)
{
    struct req_seg *seg = plan->seg;
    struct fields f;
    enum req_verdict v;

    assert(rules->indirect_segs <= REQ_SEGS_MAX);
    read_fields(raw, rules->abi, &f);
    memset(plan, 0, sizeof(*plan));
    plan->seg = seg;
    plan->id = f.id;
    plan->sector = f.sector;
    plan->rsp_op = f.op;
    if (f.op == BLKIF_INDIRECT && rules->indirect_segs > 0) {
        plan->rsp_op = f.inner_op; /* blkfront kills the disk on anything else */
        return decode_indirect(&f, rules, plan);
    }
    v = decode_op(f.op, rules, plan);
    if (v != REQ_GO)
        return v;
    if (plan->action == REQ_DISCARD)
        v = decode_discard(&f, rules, plan);
    else
        v = decode_direct(&f, rules, plan);
    /* A flush without data changes nothing, so it is allowed on a read-only disk. */
    if (v == REQ_GO && rules->readonly && plan->action >= REQ_WRITE)
        return REQ_READONLY;
    return v;
}

enum req_verdict req_segments(const struct blkif_seg *pages, const struct req_rules *rules,
                              struct req_plan *plan)
{
    enum req_verdict v;

    assert(plan->nr_seg > 0 && plan->nr_seg <= rules->indirect_segs);
    v = take_segments(pages, plan->nr_seg, plan);
    return v == REQ_GO ? check_range(plan, rules) : v;
}

int16_t req_status(enum req_verdict v)
{
    assert(v != REQ_GO && v != REQ_NEED_PAGES);
    return v == REQ_BAD_OP ? BLKIF_EOPNOTSUPP : BLKIF_ERROR;
}

const char *req_reason(enum req_verdict v)
{
    static const char *const text[REQ_VERDICTS] = {
        [REQ_GO] = "fine",
        [REQ_NEED_PAGES] = "indirect",
        [REQ_BAD_OP] = "operation unknown or not offered",
        [REQ_BAD_NEST] = "indirect request of neither read nor write",
        [REQ_BAD_COUNT] = "number of segments or sectors not allowed",
        [REQ_BAD_SEG] = "segment outside its page",
        [REQ_BAD_RANGE] = "beyond the end of the disk",
        [REQ_READONLY] = "disk is read-only",
    };

    return v < REQ_VERDICTS ? text[v] : "?";
}
