/*
 * Catalogue, chapter B: requests.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "frontends/blk/pattern.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

enum {
    SEGMENT_PAGE = 40, /* where these tests keep the segments of indirect requests */
    FLIP_NS = 60000000,
};

const uint32_t evil_no_ref[EVIL_NO_REFS] = {60000, 0x7fffffff, 0xffffffff, 0};

struct bf_req evil_indirect(struct evil *e, uint8_t inner, uint64_t sector, uint16_t nr)
{
    struct bf_req r = {.op = BLKIF_OP_INDIRECT,
                       .inner_op = inner,
                       .id = 0xb000 + nr,
                       .sector = sector,
                       .nr_indirect = nr};
    struct blkif_request_segment *seg =
        (struct blkif_request_segment *)(void *)e->c->page[SEGMENT_PAGE];

    for (unsigned i = 0; i < BF_SEGS_PER_PAGE; i++)
        seg[i] = (struct blkif_request_segment){.gref = e->c->page_ref[i % 32], .last_sect = 7};
    for (unsigned i = 0; i < BF_INDIRECT_PAGES; i++)
        r.gref[i] = e->c->page_ref[SEGMENT_PAGE];
    return r;
}

static enum row_result want_indirect(struct evil *e)
{
    return e->c->offer.indirect ? ROW_OK : evil_skip(e, "indirect requests are not offered");
}

static enum row_result b1(struct evil *e)
{
    static const uint8_t ops[] = {4, 7, 8, 42, 127, 128, 255};

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        struct bf_req r = evil_req(e->c, ops[i], 0, 1, 0);

        ROW_TRY(evil_one(e, &r, NOT_SUPPORTED));
    }
    if (!e->c->offer.discard) {
        struct bf_req r = {.op = BLKIF_OP_DISCARD, .nr_sectors = 8};

        ROW_TRY(evil_one(e, &r, NOT_SUPPORTED));
    }
    return evil_serves(e);
}

static enum row_result b2(struct evil *e)
{
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 0, 0);
    ROW_TRY(evil_one(e, &r, ERROR));
    r.op = BLKIF_OP_WRITE;
    ROW_TRY(evil_one(e, &r, ERROR));
    r.op = BLKIF_OP_FLUSH_DISKCACHE;
    ROW_TRY(evil_one(e, &r, e->c->offer.flush ? OKAY : NOT_SUPPORTED));
    r.op = BLKIF_OP_WRITE_BARRIER;
    return evil_one(e, &r, e->c->offer.barrier ? OKAY : NOT_SUPPORTED);
}

static enum row_result b3(struct evil *e)
{
    static const uint8_t direct[] = {12, 13, 127, 128, 255};
    static const uint16_t inner[] = {0, 4096, 32768, 65535};
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(direct); i++) {
        r = evil_req(e->c, BLKIF_OP_READ, 0, direct[i], 0);
        ROW_TRY(evil_one(e, &r, ERROR));
        r.op = BLKIF_OP_WRITE;
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    if (!e->c->offer.indirect)
        return evil_serves(e);
    for (unsigned i = 0; i < ARRAY_SIZE(inner); i++) {
        r = evil_indirect(e, BLKIF_OP_READ, 0, inner[i]);
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    r = evil_indirect(e, BLKIF_OP_WRITE, 0, (uint16_t)(e->c->offer.indirect + 1));
    ROW_TRY(evil_one(e, &r, ERROR));
    return evil_serves(e);
}

static enum row_result b4(struct evil *e)
{
    static const uint8_t inner[] = {2, 3, 4, 5, 6, 77, 255};

    ROW_TRY(evil_connect(e));
    ROW_TRY(want_indirect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(inner); i++) {
        struct bf_req r = evil_indirect(e, inner[i], 0, 4);

        ROW_TRY(evil_one(e, &r, ERROR));
    }
    return evil_serves(e);
}

static void flip_segments(void *arg, uint64_t round)
{
    volatile struct blkif_request_segment *seg = arg;

    for (unsigned i = 0; i < BF_SEGS_PER_PAGE; i++) {
        seg[i].last_sect = round & 1 ? 7 : 255;
        seg[i].first_sect = round & 2 ? 0 : 9;
    }
}

static enum row_result rewritten_segments(struct evil *e)
{
    struct bf_req r = evil_indirect(e, BLKIF_OP_READ, 0, 32);
    uint64_t end = clock_ns() + FLIP_NS;
    enum row_result result = ROW_OK;
    struct twin twin;

    if (twin_start(&twin, flip_segments, e->c->page[SEGMENT_PAGE]))
        return evil_wrong(e, "no thread");
    while (result == ROW_OK && clock_ns() < end)
        result = evil_one(e, &r, EVIL_STATUS_ANY);
    twin_stop(&twin);
    return result;
}

static enum row_result b5(struct evil *e)
{
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    ROW_TRY(want_indirect(e));
    for (unsigned i = 0; i < EVIL_NO_REFS; i++) {
        r = evil_indirect(e, BLKIF_OP_READ, 0, 16);
        r.gref[0] = evil_no_ref[i];
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    if (e->c->offer.indirect > BF_SEGS_PER_PAGE) { /* two pages are needed, one is there */
        r = evil_indirect(e, BLKIF_OP_READ, 0, BF_SEGS_PER_PAGE + 1);
        r.gref[1] = 0;
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    ROW_TRY(rewritten_segments(e));
    return evil_serves(e);
}

static enum row_result b6(struct evil *e)
{
    static const uint8_t bad[][2] = {{5, 2}, {0, 8}, {8, 8}, {0, 255}, {255, 255}, {7, 6}};

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_WRITE, 0, 3, 0);

        r.seg[i % 3].first_sect = bad[i][0];
        r.seg[i % 3].last_sect = bad[i][1];
        ROW_TRY(evil_one(e, &r, ERROR));
        r.op = BLKIF_OP_READ;
        ROW_TRY(evil_one(e, &r, ERROR));
        if (!e->c->offer.indirect)
            continue;
        r = evil_indirect(e, BLKIF_OP_READ, 0, 20);
        memcpy(e->c->page[SEGMENT_PAGE] + 19 * 8 + 4, bad[i], 2);
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    return evil_serves(e);
}

static enum row_result b7(struct evil *e)
{
    struct bf_req r;
    uint64_t end;

    ROW_TRY(evil_connect(e));
    end = e->c->offer.sectors;
    const uint64_t bad[] = {end,
                            end - 7,
                            end - 1,
                            end + 1,
                            UINT64_MAX,
                            UINT64_MAX - 7,
                            UINT64_MAX - 8,
                            1ull << 55,
                            (1ull << 55) - 1,
                            1ull << 63};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        r = evil_req(e->c, BLKIF_OP_READ, bad[i], 1, 0);
        ROW_TRY(evil_one(e, &r, ERROR));
        r.op = BLKIF_OP_WRITE;
        ROW_TRY(evil_one(e, &r, ERROR));
        if (!e->c->offer.indirect)
            continue;
        r = evil_indirect(e, BLKIF_OP_READ, bad[i], 16);
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    r = evil_req(e->c, BLKIF_OP_READ, end - 8, 1, 0);
    ROW_TRY(evil_one(e, &r, OKAY));
    r = evil_req(e->c, BLKIF_OP_READ, end - 1, 1, 0);
    r.seg[0].last_sect = 0;
    return evil_one(e, &r, OKAY);
}

static enum row_result b8(struct evil *e)
{
    uint8_t before[BF_PAGE];
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    if (!(e->c->offer.info & VDISK_READONLY))
        return evil_skip(e, "the disk is not read-only");
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    ROW_TRY(evil_one(e, &r, OKAY));
    memcpy(before, e->c->page[0], BF_PAGE);
    memset(e->c->page[0], 0x77, BF_PAGE);
    r.op = BLKIF_OP_WRITE;
    ROW_TRY(evil_one(e, &r, ERROR));
    r.op = BLKIF_OP_WRITE_BARRIER;
    ROW_TRY(evil_one(e, &r, ERROR));
    r.op = BLKIF_OP_FLUSH_DISKCACHE; /* with data */
    ROW_TRY(evil_one(e, &r, ERROR));
    r = evil_indirect(e, BLKIF_OP_WRITE, 0, 1);
    ROW_TRY(evil_one(e, &r, e->c->offer.indirect ? ERROR : NOT_SUPPORTED));
    r = (struct bf_req){.op = BLKIF_OP_DISCARD, .nr_sectors = 8};
    ROW_TRY(evil_one(e, &r, e->c->offer.discard ? ERROR : NOT_SUPPORTED));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    ROW_TRY(evil_one(e, &r, OKAY));
    return memcmp(before, e->c->page[0], BF_PAGE) == 0 ? ROW_OK
                                                       : evil_wrong(e, "the disk has changed");
}

#define REFUSED "answered with an error"
#define SERVED  "served on"

const struct row evil_requests[] = {
    {"B1", "operations that do not exist", "answered: not supported", b1, NULL},
    {"B2", "reads and writes of no segment", REFUSED, b2, NULL},
    {"B3", "more segments than allowed", REFUSED, b3, NULL},
    {"B4", "indirect requests of anything else", REFUSED, b4, "indirect requests"},
    {"B5", "indirect pages that are bad or change", REFUSED, b5, "indirect requests"},
    {"B6", "segments outside their page", REFUSED, b6, NULL},
    {"B7", "sectors beyond the end", REFUSED, b7, NULL},
    {"B8", "writes to a read-only disk", REFUSED, b8, "a read-only disk"},
    {NULL, NULL, NULL, NULL, NULL},
};
