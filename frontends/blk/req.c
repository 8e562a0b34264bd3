/* See req.h. */
#include "frontends/blk/req.h"

#include <string.h>

/* What i386 makes of the same declarations: it aligns a uint64_t to 4 bytes. */
#pragma pack(push, 4)
struct req32 {
    uint8_t operation, nr_segments;
    uint16_t handle;
    uint64_t id;
    uint64_t sector_number;
    struct blkif_request_segment seg[BF_SEGS_DIRECT];
};
struct discard32 {
    uint8_t operation, flag;
    uint16_t handle;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
};
struct indirect32 {
    uint8_t operation, indirect_op;
    uint16_t nr_segments;
    uint64_t id;
    uint64_t sector_number;
    uint16_t handle, pad;
    uint32_t indirect_grefs[BF_INDIRECT_PAGES];
    uint64_t pad2;
};
#pragma pack(pop)

_Static_assert(sizeof(struct blkif_request) == BF_SLOT_MAX, "x86_64 slot");
_Static_assert(sizeof(struct req32) == 108, "x86_32 slot");
/* 4.17's header pads for i386 only, so the 64-bit struct is 60 bytes and its tail; the fields
 * agree. */
_Static_assert(offsetof(struct blkif_request_indirect, indirect_grefs) == 28, "x86_64 indirect");
_Static_assert(offsetof(struct indirect32, indirect_grefs) == 24, "x86_32 indirect");

uint32_t bf_slot_size(enum bf_abi abi)
{
    return abi == BF_ABI_X86_32 ? sizeof(struct req32) : sizeof(struct blkif_request);
}

/* One text for both widths: the names are the same, the places are not. */
#define PUT_PLAIN(type)                                                                            \
    do {                                                                                           \
        type w = {.operation = r->op,                                                              \
                  .nr_segments = r->nr_segments,                                                   \
                  .handle = r->handle,                                                             \
                  .id = r->id,                                                                     \
                  .sector_number = r->sector};                                                     \
        memcpy(w.seg, r->seg, sizeof(w.seg));                                                      \
        memcpy(slot, &w, sizeof(w));                                                               \
        return sizeof(w);                                                                          \
    } while (0)
#define PUT_DISCARD(type)                                                                          \
    do {                                                                                           \
        type w = {.operation = r->op,                                                              \
                  .flag = r->flag,                                                                 \
                  .handle = r->handle,                                                             \
                  .id = r->id,                                                                     \
                  .sector_number = r->sector,                                                      \
                  .nr_sectors = r->nr_sectors};                                                    \
        memcpy(slot, &w, sizeof(w));                                                               \
        return sizeof(w);                                                                          \
    } while (0)
#define PUT_INDIRECT(type)                                                                         \
    do {                                                                                           \
        type w = {.operation = r->op,                                                              \
                  .indirect_op = r->inner_op,                                                      \
                  .nr_segments = r->nr_indirect,                                                   \
                  .id = r->id,                                                                     \
                  .sector_number = r->sector,                                                      \
                  .handle = r->handle};                                                            \
        memcpy(w.indirect_grefs, r->gref, sizeof(w.indirect_grefs));                               \
        memcpy(slot, &w, sizeof(w));                                                               \
        return sizeof(w);                                                                          \
    } while (0)

static uint32_t encode32(const struct bf_req *r, uint8_t *slot)
{
    if (r->op == BLKIF_OP_DISCARD)
        PUT_DISCARD(struct discard32);
    if (r->op == BLKIF_OP_INDIRECT)
        PUT_INDIRECT(struct indirect32);
    PUT_PLAIN(struct req32);
}

static uint32_t encode64(const struct bf_req *r, uint8_t *slot)
{
    if (r->op == BLKIF_OP_DISCARD)
        PUT_DISCARD(struct blkif_request_discard);
    if (r->op == BLKIF_OP_INDIRECT)
        PUT_INDIRECT(struct blkif_request_indirect);
    PUT_PLAIN(struct blkif_request);
}

uint32_t bf_req_encode(const struct bf_req *r, enum bf_abi abi, uint8_t *slot)
{
    memset(slot, 0, BF_SLOT_MAX);
    return abi == BF_ABI_X86_32 ? encode32(r, slot) : encode64(r, slot);
}

uint8_t bf_req_answer_op(const struct bf_req *r)
{
    return r->op == BLKIF_OP_INDIRECT ? r->inner_op : r->op;
}

/* id, operation and status stand at the same places in every ABI; only the slots' distance
 * differs. */
void bf_answer_decode(const uint8_t *slot, uint32_t slot_size, struct bf_answer *a)
{
    struct blkif_response w;

    memcpy(&w, slot, sizeof(w));
    *a = (struct bf_answer){.id = w.id, .op = w.operation, .status = w.status};
    a->padded = slot[offsetof(struct blkif_response, operation) + 1] != 0;
    for (uint32_t i = offsetof(struct blkif_response, status) + 2; i < slot_size; i++)
        a->padded |= slot[i] != 0;
}

const char *bf_status_name(int status)
{
    switch (status) {
    case BLKIF_RSP_OKAY:
        return "okay";
    case BLKIF_RSP_ERROR:
        return "error";
    case BLKIF_RSP_EOPNOTSUPP:
        return "not supported";
    default:
        return "a status that does not exist";
    }
}
