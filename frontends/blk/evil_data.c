/*
 * Catalogue, chapter B, the part about the pages of a request and what happens to its data.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "frontends/blk/pattern.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

/* A page granted to another domain, and one that may only be read. */
static enum row_result foreign_and_readonly(struct evil *e, const void *foreign,
                                            uint32_t foreign_ref, const void *readonly,
                                            uint32_t readonly_ref)
{
    struct bf_req r = evil_req(e->c, BLKIF_OP_READ, 0, 2, 0);

    if (!foreign || !readonly)
        return evil_wrong(e, "no page: %s", strerror(errno));
    r.seg[1].gref = foreign_ref;
    ROW_TRY(evil_one(e, &r, ERROR));
    r.op = BLKIF_OP_WRITE;
    ROW_TRY(evil_one(e, &r, ERROR));
    r.seg[1].gref = readonly_ref;
    ROW_TRY(evil_one(e, &r, OKAY));
    r.op = BLKIF_OP_READ;
    return evil_one(e, &r, ERROR);
}

static enum row_result b9(struct evil *e)
{
    uint32_t foreign_ref = 0, readonly_ref = 0;
    unsigned other;
    void *foreign, *readonly;
    enum row_result result;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < EVIL_NO_REFS; i++) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_READ, 0, 3, 0);

        r.seg[i % 3].gref = evil_no_ref[i];
        ROW_TRY(evil_one(e, &r, ERROR));
        r.op = BLKIF_OP_WRITE;
        ROW_TRY(evil_one(e, &r, ERROR));
    }
    other = e->c->f.back_domid == 0 ? 1 : 0;
    foreign = share_pages(&e->c->f.share, other, 1, &foreign_ref, true);
    readonly = share_pages(&e->c->f.share, e->c->f.back_domid, 1, &readonly_ref, false);
    result = foreign_and_readonly(e, foreign, foreign_ref, readonly, readonly_ref);
    if (foreign)
        (void)share_end(&e->c->f.share, foreign, 1);
    if (readonly)
        (void)share_end(&e->c->f.share, readonly, 1);
    ROW_TRY(result);
    return evil_serves(e);
}

static enum row_result b10(struct evil *e)
{
    struct bf_req r[4];
    unsigned n[3];

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_put_data(e, 256, 8, 10));
    for (unsigned i = 0; i < 4; i++) {
        r[i] = evil_req(e->c, BLKIF_OP_READ, 256, 1, 0);
        r[i].id = i;
    }
    ROW_TRY(evil_many(e, r, 4, n));
    if (n[2] != 4)
        return evil_wrong(e, "%u of 4 requests with one page were served", n[2]);
    for (unsigned i = 0; i < 8; i++) {
        if (!pattern_is(e->c->page[0] + (size_t)i * BF_SECTOR, 0xe, 256 + i, 10))
            return evil_wrong(e, "the page that all of them read into has wrong data");
    }
    r[0] = evil_req(e->c, BLKIF_OP_WRITE, 512, 4, 0);
    for (unsigned i = 0; i < 4; i++)
        r[0].seg[i].gref = e->c->page_ref[0];
    ROW_TRY(evil_one(e, &r[0], OKAY));
    return evil_serves(e);
}

static enum row_result b11(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 60; i++) {
        struct bf_req r = evil_req(e->c, i & 1 ? BLKIF_OP_WRITE : BLKIF_OP_READ, 0, 3, 0);
        struct bf_answer a;
        void *page = share_pages(&e->c->f.share, e->c->f.back_domid, 1, &r.seg[1].gref, true);

        if (!page)
            return evil_wrong(e, "no page: %s", strerror(errno));
        bf_raw_put(e->c, &e->c->queue[0], &r);
        (void)!bf_push(e->c, &e->c->queue[0]);
        usleep(i % 6 * 20); /* before, while and after it is used */
        (void)share_end(&e->c->f.share, page, 1);
        if (bf_raw_take(e->c, &e->c->queue[0], &a, EVIL_REACT_MS) != 1)
            return evil_wrong(e, "no answer: %s", e->c->f.why);
        if (a.status != OKAY && a.status != ERROR)
            return evil_wrong(e, "answered with status %d", a.status);
    }
    return evil_serves(e);
}

static enum row_result b12(struct evil *e)
{
    enum { FRESH = 3000, CHUNK = 11 };

    /* Said even if it is not offered: a frontend may say what it likes. */
    e->want.persistent = true;
    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < FRESH / CHUNK; i++) {
        struct bf_req r = evil_req(e->c, i & 1 ? BLKIF_OP_WRITE : BLKIF_OP_READ, 0, CHUNK, 0);
        uint32_t ref[CHUNK];
        void *pages = share_pages(&e->c->f.share, e->c->f.back_domid, CHUNK, ref, true);
        enum row_result result;

        /* What it keeps mapped stays out of circulation: only so many can ever be had. */
        if (!pages && i * CHUNK > 512)
            break;
        if (!pages)
            return evil_wrong(e, "no page: %s", strerror(errno));
        for (unsigned k = 0; k < CHUNK; k++)
            r.seg[k].gref = ref[k];
        result = evil_one(e, &r, OKAY);
        (void)share_end(&e->c->f.share, pages, CHUNK);
        ROW_TRY(result);
    }
    return evil_serves(e);
}

static enum row_result b13(struct evil *e)
{
    struct bf_req r[8];
    unsigned n[3];

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 8; i++) {
        r[i] = evil_req(e->c, BLKIF_OP_READ, 8 * i, 1, i);
        r[i].id = UINT64_MAX;
        r[i].handle = (uint16_t)(0xffff - i);
    }
    ROW_TRY(evil_many(e, r, 8, n));
    if (n[2] != 8)
        return evil_wrong(e, "%u of 8 were served", n[2]);
    r[0].id = 0x8000000000000000;
    return evil_one(e, &r[0], OKAY);
}

static struct bf_req discard(uint64_t sector, uint64_t nr, uint8_t flag)
{
    return (struct bf_req){
        .op = BLKIF_OP_DISCARD, .id = nr, .sector = sector, .nr_sectors = nr, .flag = flag};
}

/* Discards of the whole disk, and reads that must not wait for all of them. */
static enum row_result discard_loop(struct evil *e)
{
    struct bf_req r[16];
    unsigned n[3];

    for (unsigned k = 0; k < 8; k++) {
        for (unsigned i = 0; i < 16; i++)
            r[i] = i % 4 ? evil_req(e->c, BLKIF_OP_READ, 8 * i, 1, i)
                         : discard(0, e->c->offer.sectors, 0);
        ROW_TRY(evil_many(e, r, 16, n));
        if (n[2] != 16)
            return evil_wrong(e, "%u of 16 discards and reads were served", n[2]);
    }
    return ROW_OK;
}

static enum row_result b14(struct evil *e)
{
    uint64_t end;

    ROW_TRY(evil_connect(e));
    if (!e->c->offer.discard)
        return evil_skip(e, "discard is not offered");
    end = e->c->offer.sectors;
    const struct {
        struct bf_req r;
        int status;
    } rows[] = {
        {discard(0, 0, 0), ERROR},
        {discard(end, 1, 0), ERROR},
        {discard(end - 1, 2, 0), ERROR},
        {discard(1, UINT64_MAX, 0), ERROR},
        {discard(UINT64_MAX, 2, 0), ERROR},
        {discard(UINT64_MAX, UINT64_MAX, 0), ERROR},
        {discard(1, 3, 0), OKAY},
        {discard(3, 29, 0), OKAY},
        {discard(8, 8, BLKIF_DISCARD_SECURE), OKAY}, /* not offered: the flag means nothing */
        {discard(8, 8, 0xfe), OKAY},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        ROW_TRY(evil_one(e, &rows[i].r, rows[i].status));
    /* What is beside the discarded sectors stays. */
    ROW_TRY(evil_put_data(e, 64, 32, 14));
    ROW_TRY(evil_one(e, &(struct bf_req){.op = BLKIF_OP_DISCARD, .sector = 67, .nr_sectors = 11},
                     OKAY));
    ROW_TRY(evil_has_data(e, 64, 3, 14));
    ROW_TRY(evil_has_data(e, 78, 18, 14));
    ROW_TRY(discard_loop(e));
    return evil_serves(e);
}

static enum row_result b15(struct evil *e)
{
    uint64_t end = clock_ns() + (uint64_t)EVIL_STEADY_MS * 1000000;
    struct bf_req r[24];
    unsigned n[3];

    ROW_TRY(evil_connect(e));
    while (clock_ns() < end) {
        for (unsigned i = 0; i < 24; i++) {
            r[i] = evil_req(e->c, i & 1 ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_FLUSH_DISKCACHE, 8 * i,
                            i & 3 ? 0 : 1, i);
        }
        ROW_TRY(evil_many(e, r, 24, n));
        if (n[1] || (n[0] && e->c->offer.flush && e->c->offer.barrier))
            return evil_wrong(e, "%u failed, %u not supported", n[1], n[0]);
    }
    return evil_serves(e);
}

static void set_protocol(struct bf_conn *c, void *arg)
{
    char path[STORE_PATH_MAX];

    schema_join(path, sizeof(path), c->f.dir, VBD_FRONT_KEY_PROTOCOL);
    (void)!store_write(c->f.store, 0, path, arg);
}

/* Says one layout and uses the other: all it may do is to spoil its own requests. */
static enum row_result other_layout(struct evil *e, enum bf_abi says, enum bf_abi uses)
{
    e->want.abi = says;
    ROW_TRY(evil_connect(e));
    e->c->abi = uses; /* slots stay where the said layout has them */
    for (unsigned i = 0; i < 24; i++) {
        struct bf_req r = i % 3 == 0   ? evil_req(e->c, BLKIF_OP_READ, 8 * i, 11, 0)
                          : i % 3 == 1 ? discard(8 * i, 8, 0)
                                       : evil_indirect(e, BLKIF_OP_READ, 8 * i, 20);
        uint8_t raw[BF_SLOT_MAX];

        (void)bf_req_encode(&r, uses, raw);
        ring_front_put(&e->c->queue[0].ring, raw, e->c->queue[0].ring.slot_size);
    }
    (void)!bf_push(e->c, &e->c->queue[0]);
    usleep(EVIL_STEADY_MS * 1000);
    return evil_again(e);
}

static enum row_result b16(struct evil *e)
{
    static const char *const bad[] = {"x86_128-abi", "arm-abi", "x86_64", "", "X86_64-ABI"};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        ROW_TRY(evil_refused(e, set_protocol, (void *)(uintptr_t)bad[i]));
        ROW_TRY(evil_again(e));
    }
    ROW_TRY(other_layout(e, BF_ABI_X86_32, BF_ABI_X86_64));
    ROW_TRY(other_layout(e, BF_ABI_X86_64, BF_ABI_X86_32));
    e->want.abi = BF_ABI_X86_32;
    ROW_TRY(evil_connect(e));
    return evil_serves(e);
}

/* The disk became shorter under the backend: what is no more there is an error or zero, never what
 * its buffers held from before. */
static enum row_result short_reads(struct evil *e)
{
    for (unsigned i = 0; i < 16; i++) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_READ, e->c->offer.sectors - 88, 11, 0);
        unsigned n[3];

        r.sector -= 8 * i;
        for (unsigned k = 0; k < 11; k++)
            memset(e->c->page[k], 0, BF_PAGE);
        ROW_TRY(evil_many(e, &r, 1, n));
        for (unsigned k = 0; k < 11 * BF_PAGE; k++) {
            if (e->c->page[k / BF_PAGE][k % BF_PAGE])
                return evil_wrong(e, "a read beyond the end brought bytes that are not zero");
        }
    }
    return ROW_OK;
}

static enum row_result b17(struct evil *e)
{
    enum row_result result;
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    for (unsigned i = 0; i < 64; i++) { /* its buffers hold something now */
        r = evil_req(e->c, BLKIF_OP_WRITE, 88 * i, 11, 0);
        memset(e->c->page[i % 11], 0x99, BF_PAGE);
        ROW_TRY(evil_one(e, &r, OKAY));
    }
    if (!e->hook)
        return evil_skip(e, "no hook that cuts the disk in half");
    result = evil_hook(e, "begin") ? short_reads(e) : evil_wrong(e, "the hook did not succeed");
    if (!evil_hook(e, "end"))
        return evil_wrong(e, "the hook failed");
    return result;
}

static enum row_result b18(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    for (unsigned bad = 0; bad < 3; bad++) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_WRITE, 128, 3, 0);

        ROW_TRY(evil_put_data(e, 128, 24, 180 + bad));
        for (unsigned i = 0; i < 3; i++)
            memset(e->c->page[i], 0xbb, BF_PAGE);
        r.seg[bad].gref = 0x7fffffff;
        ROW_TRY(evil_one(e, &r, ERROR));
        ROW_TRY(evil_has_data(e, 128, 24, 180 + bad));
    }
    return evil_serves(e);
}

static enum row_result b19(struct evil *e)
{
    uint64_t end;

    ROW_TRY(evil_connect(e));
    end = e->c->offer.sectors;
    /* Whatever sector-size says, the unit is 512 bytes: sector n and n + 1 are neighbours. */
    if (e->c->offer.info & VDISK_READONLY)
        return evil_skip(e, "the disk is read-only");
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = i ? end - 16 : 64;

        ROW_TRY(evil_put_data(e, at, 16, 19));
        ROW_TRY(evil_put_data(e, at + 3, 1, 20));
        ROW_TRY(evil_has_data(e, at, 3, 19));
        ROW_TRY(evil_has_data(e, at + 3, 1, 20));
        ROW_TRY(evil_has_data(e, at + 4, 12, 19));
    }
    return ROW_OK;
}

/* Every byte of the ring is set to a canary; what is not the canary afterwards was written by the
 * backend, and must be the answer or zero.  (Each other row looks at the padding, too.) */
static enum row_result b20(struct evil *e)
{
    uint8_t raw[BF_SLOT_MAX];
    struct bf_queue *q;
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    q = &e->c->queue[0];
    memset(raw, 0xc3, sizeof(raw));
    for (uint32_t i = 0; i < q->nr_slots; i++)
        ring_raw_write(&q->ring, i, raw, q->ring.slot_size);
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    ROW_TRY(evil_one(e, &r, OKAY));
    r.op = 99;
    ROW_TRY(evil_one(e, &r, NOT_SUPPORTED));
    r = evil_req(e->c, BLKIF_OP_WRITE, 0, 0, 0);
    ROW_TRY(evil_one(e, &r, ERROR));
    return e->c->padded ? evil_wrong(e, "bytes behind the answer's fields") : ROW_OK;
}

#define REFUSED "answered with an error"
#define SERVED  "served on"

const struct row evil_pages[] = {
    {"B9", "pages not granted, another's, read-only", REFUSED, b9, NULL},
    {"B10", "the same page many times", SERVED, b10, NULL},
    {"B11", "pages revoked while used", "okay or error", b11, NULL},
    {"B12", "thousands of fresh pages, persistent", SERVED, b12, NULL},
    {"B13", "equal ids, wrong handles", SERVED, b13, NULL},
    {"B14", "discards of all kinds", "errors where out of range, else served", b14, "discard"},
    {"B15", "a flood of flushes and barriers", SERVED, b15, NULL},
    {"B16", "layouts unknown, or other than said", "closed, or its own loss", b16, NULL},
    {"B17", "a disk shorter than said", "error or zeros", b17, "a hook: the disk's half"},
    {"B18", "a write of which one page cannot be read", "nothing is written", b18, NULL},
    {"B19", "units of sectors", "512 bytes", b19, NULL},
    {"B20", "bytes behind the answer", "none", b20, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
