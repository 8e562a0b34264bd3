/* Block requests: every rule of the hostile-peer catalogue that req.c decides (B1..B8, B14, B19).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/req.h"
#include "tests/unit/suite.h"

enum { DISK_SECTORS = 1000 };

static union blkif_slot raw;
static struct req_rules rules;
static struct req_plan plan;
static struct req_seg segs[REQ_SEGS_MAX];

static void setup(void)
{
    memset(&raw, 0, sizeof(raw));
    rules = (struct req_rules){.abi = BLKIF_ABI_X86_64,
                               .sectors = DISK_SECTORS,
                               .indirect_segs = REQ_SEGS_MAX,
                               .barrier = true,
                               .flush = true,
                               .discard = true,
                               .secure = true};
    plan = (struct req_plan){.seg = segs};
}

static struct blkif_seg seg(uint32_t gref, unsigned first, unsigned last)
{
    return (struct blkif_seg){
        .gref = gref, .first_sect = (uint8_t)first, .last_sect = (uint8_t)last};
}

/* A request of `n` full pages at `sector`. */
static void rw(uint8_t op, unsigned n, uint64_t sector)
{
    raw.rw64.op = op;
    raw.rw64.nr_segments = (uint8_t)n;
    raw.rw64.id = 0xfeedfacecafebeef;
    raw.rw64.sector = sector;
    for (unsigned i = 0; i < n && i < BLKIF_SEGS; i++)
        raw.rw64.seg[i] = seg(100 + i, 0, 7);
}

static enum req_verdict decode(void)
{
    enum req_verdict v = req_decode(&raw, &rules, &plan);

    ck_assert_ptr_eq(plan.seg, segs);
    return v;
}

START_TEST(a_read_becomes_a_plan)
{
    rw(BLKIF_READ, 3, 16);
    raw.rw64.seg[0] = seg(7, 4, 7);
    raw.rw64.seg[2] = seg(9, 0, 0);
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert_uint_eq(plan.id, 0xfeedfacecafebeef);
    ck_assert_int_eq(plan.rsp_op, BLKIF_READ);
    ck_assert_int_eq(plan.action, REQ_READ);
    ck_assert_uint_eq(plan.sector, 16);
    ck_assert_uint_eq(plan.nr_sectors, 4 + 8 + 1);
    ck_assert_uint_eq(plan.nr_seg, 3);
    ck_assert_uint_eq(plan.seg[0].gref, 7);
    ck_assert_uint_eq(plan.seg[0].off, 2048);
    ck_assert_uint_eq(plan.seg[0].len, 2048);
    ck_assert_uint_eq(plan.seg[2].off, 0);
    ck_assert_uint_eq(plan.seg[2].len, 512);
}
END_TEST

START_TEST(b1_unknown_operations)
{
    static const uint8_t ops[] = {BLKIF_RESERVED, 7, 8, 127, 128, 255};

    for (size_t i = 0; i < sizeof(ops); i++) {
        setup();
        rw(ops[i], 1, 0);
        ck_assert_int_eq(decode(), REQ_BAD_OP);
        ck_assert_int_eq(req_status(REQ_BAD_OP), BLKIF_EOPNOTSUPP);
        ck_assert_int_eq(plan.rsp_op, ops[i]);
        ck_assert_uint_eq(plan.id, 0xfeedfacecafebeef);
    }
}
END_TEST

START_TEST(b1_unoffered_operations)
{
    static const uint8_t ops[] = {BLKIF_BARRIER, BLKIF_FLUSH, BLKIF_DISCARD, BLKIF_INDIRECT};

    rules.barrier = rules.flush = rules.discard = rules.secure = false;
    rules.indirect_segs = 0;
    for (size_t i = 0; i < sizeof(ops); i++) {
        rw(ops[i], 1, 0);
        ck_assert_int_eq(decode(), REQ_BAD_OP);
        ck_assert_int_eq(plan.rsp_op, ops[i]);
    }
}
END_TEST

START_TEST(b2_nothing_to_move)
{
    rw(BLKIF_READ, 0, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    rw(BLKIF_WRITE, 0, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    /* An empty flush or barrier is legal, whatever its sector says. */
    rw(BLKIF_FLUSH, 0, UINT64_MAX);
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert_int_eq(plan.action, REQ_NONE);
    ck_assert(plan.preflush && !plan.fua && !plan.drain);
    rw(BLKIF_BARRIER, 0, 0);
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert(plan.preflush && plan.fua && plan.drain);
}
END_TEST

START_TEST(flush_with_data_is_a_write)
{
    rw(BLKIF_FLUSH, 2, 0);
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert_int_eq(plan.action, REQ_WRITE);
    ck_assert(plan.preflush);
    ck_assert_int_eq(plan.rsp_op, BLKIF_FLUSH);
}
END_TEST

START_TEST(b3_too_many_segments)
{
    for (unsigned n = BLKIF_SEGS + 1; n < 256; n++) {
        rw(BLKIF_READ, n, 0);
        ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    }
    rw(BLKIF_READ, BLKIF_SEGS, 0);
    ck_assert_int_eq(decode(), REQ_GO);
}
END_TEST

static void indirect(uint8_t inner, unsigned n, uint64_t sector)
{
    memset(&raw, 0, sizeof(raw));
    raw.indirect64.op = BLKIF_INDIRECT;
    raw.indirect64.indirect_op = inner;
    raw.indirect64.nr_segments = (uint16_t)n;
    raw.indirect64.id = 42;
    raw.indirect64.sector = sector;
    for (unsigned i = 0; i < BLKIF_INDIRECT_PAGES; i++)
        raw.indirect64.gref[i] = 500 + i;
}

START_TEST(b3_indirect_counts)
{
    indirect(BLKIF_READ, 0, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    indirect(BLKIF_READ, REQ_SEGS_MAX + 1, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    indirect(BLKIF_READ, 65535, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    rules.indirect_segs = 32;
    indirect(BLKIF_READ, 33, 0);
    ck_assert_int_eq(decode(), REQ_BAD_COUNT);
    indirect(BLKIF_READ, 32, 0);
    ck_assert_int_eq(decode(), REQ_NEED_PAGES);
}
END_TEST

START_TEST(b4_indirect_of_what)
{
    static const uint8_t inner[] = {BLKIF_BARRIER, BLKIF_FLUSH, BLKIF_DISCARD, BLKIF_INDIRECT, 200};

    for (size_t i = 0; i < sizeof(inner); i++) {
        indirect(inner[i], 12, 0);
        ck_assert_int_eq(decode(), REQ_BAD_NEST);
        ck_assert_int_eq(req_status(REQ_BAD_NEST), BLKIF_ERROR);
        ck_assert_int_eq(plan.rsp_op, inner[i]);
        ck_assert_uint_eq(plan.id, 42);
    }
}
END_TEST

START_TEST(b5_indirect_pages)
{
    static struct blkif_seg pages[BLKIF_SEGS_PER_PAGE];

    for (unsigned i = 0; i < BLKIF_SEGS_PER_PAGE; i++)
        pages[i] = seg(i, 0, 0);
    indirect(BLKIF_WRITE, 256, DISK_SECTORS - 256);
    ck_assert_int_eq(decode(), REQ_NEED_PAGES);
    ck_assert_uint_eq(plan.nr_indirect, 1);
    ck_assert_uint_eq(plan.indirect[0], 500);
    ck_assert_int_eq(req_segments(pages, &rules, &plan), REQ_GO);
    ck_assert_uint_eq(plan.nr_sectors, 256);
    ck_assert_int_eq(plan.rsp_op, BLKIF_WRITE);
    /* one sector too far, and a bad segment right at the end */
    indirect(BLKIF_WRITE, 256, DISK_SECTORS - 255);
    ck_assert_int_eq(decode(), REQ_NEED_PAGES);
    ck_assert_int_eq(req_segments(pages, &rules, &plan), REQ_BAD_RANGE);
    pages[255] = seg(1, 0, 8);
    indirect(BLKIF_WRITE, 256, 0);
    ck_assert_int_eq(decode(), REQ_NEED_PAGES);
    ck_assert_int_eq(req_segments(pages, &rules, &plan), REQ_BAD_SEG);
}
END_TEST

START_TEST(b6_every_pair_of_sectors)
{
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned last = 0; last < 256; last++) {
            bool good = first <= last && last < 8;

            rw(BLKIF_WRITE, 1, 0);
            raw.rw64.seg[0] = seg(1, first, last);
            ck_assert_int_eq(decode(), good ? REQ_GO : REQ_BAD_SEG);
            if (good)
                ck_assert_uint_le(plan.seg[0].off + plan.seg[0].len, BLKIF_PAGE);
        }
    }
}
END_TEST

START_TEST(b6_the_last_segment_counts_too)
{
    rw(BLKIF_READ, BLKIF_SEGS, 0);
    raw.rw64.seg[BLKIF_SEGS - 1] = seg(1, 3, 2);
    ck_assert_int_eq(decode(), REQ_BAD_SEG);
}
END_TEST

START_TEST(b7_end_of_the_disk)
{
    static const struct {
        uint64_t sector;
        enum req_verdict want;
    } t[] = {
        {DISK_SECTORS - 8, REQ_GO},
        {DISK_SECTORS - 7, REQ_BAD_RANGE},
        {DISK_SECTORS, REQ_BAD_RANGE},
        {UINT64_MAX, REQ_BAD_RANGE},
        {UINT64_MAX - 7, REQ_BAD_RANGE}, /* sector + 8 wraps to 0 */
        {UINT64_MAX / 512, REQ_BAD_RANGE},
        {UINT64_MAX / 512 + 1, REQ_BAD_RANGE}, /* times 512 wraps to 0 */
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        rw(BLKIF_READ, 1, t[i].sector);
        ck_assert_int_eq(decode(), t[i].want);
    }
    /* A disk smaller than the request. */
    rules.sectors = 4;
    rw(BLKIF_READ, 1, 0);
    ck_assert_int_eq(decode(), REQ_BAD_RANGE);
}
END_TEST

START_TEST(b8_read_only)
{
    static const uint8_t ops[] = {BLKIF_WRITE, BLKIF_BARRIER, BLKIF_FLUSH, BLKIF_DISCARD};

    rules.readonly = true;
    for (size_t i = 0; i < sizeof(ops); i++) {
        rw(ops[i], 1, 0);
        if (ops[i] == BLKIF_DISCARD)
            raw.discard64.nr_sectors = 1;
        ck_assert_int_eq(decode(), REQ_READONLY);
    }
    indirect(BLKIF_WRITE, 1, 0);
    ck_assert_int_eq(decode(), REQ_READONLY);
    rw(BLKIF_READ, 1, 0);
    ck_assert_int_eq(decode(), REQ_GO);
    rw(BLKIF_FLUSH, 0, 0);
    ck_assert_int_eq(decode(), REQ_GO);
}
END_TEST

START_TEST(b14_discard)
{
    static const struct {
        uint64_t sector, count;
        enum req_verdict want;
    } t[] = {
        {0, 1, REQ_GO},
        {0, DISK_SECTORS, REQ_GO},
        {0, 0, REQ_BAD_COUNT},
        {0, DISK_SECTORS + 1, REQ_BAD_RANGE},
        {DISK_SECTORS - 1, 2, REQ_BAD_RANGE},
        {1, UINT64_MAX, REQ_BAD_RANGE},
        {UINT64_MAX, 2, REQ_BAD_RANGE},
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        raw.discard64.op = BLKIF_DISCARD;
        raw.discard64.flag = BLKIF_DISCARD_SECURE;
        raw.discard64.sector = t[i].sector;
        raw.discard64.nr_sectors = t[i].count;
        ck_assert_int_eq(decode(), t[i].want);
        ck_assert_uint_eq(plan.nr_seg, 0);
    }
    raw.discard64.sector = 8;
    raw.discard64.nr_sectors = 16;
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert(plan.secure && plan.action == REQ_DISCARD && plan.nr_sectors == 16);
    rules.secure = false; /* "ignored if discard-secure=0" */
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert(!plan.secure);
}
END_TEST

START_TEST(b16_the_other_abi)
{
    rules.abi = BLKIF_ABI_X86_32;
    raw.rw32.op = BLKIF_WRITE;
    raw.rw32.nr_segments = 1;
    raw.rw32.id = 0x1122334455667788;
    raw.rw32.sector = 8;
    raw.rw32.seg[0] = seg(77, 1, 2);
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert_uint_eq(plan.id, 0x1122334455667788);
    ck_assert_uint_eq(plan.sector, 8);
    ck_assert_uint_eq(plan.seg[0].gref, 77);
    ck_assert_uint_eq(plan.seg[0].off, 512);
    ck_assert_uint_eq(plan.seg[0].len, 1024);

    memset(&raw, 0, sizeof(raw));
    raw.discard32.op = BLKIF_DISCARD;
    raw.discard32.id = 5;
    raw.discard32.sector = 9;
    raw.discard32.nr_sectors = 10;
    ck_assert_int_eq(decode(), REQ_GO);
    ck_assert(plan.id == 5 && plan.sector == 9 && plan.nr_sectors == 10);

    memset(&raw, 0, sizeof(raw));
    raw.indirect32.op = BLKIF_INDIRECT;
    raw.indirect32.indirect_op = BLKIF_READ;
    raw.indirect32.nr_segments = 20;
    raw.indirect32.id = 6;
    raw.indirect32.sector = 11;
    raw.indirect32.gref[0] = 99;
    ck_assert_int_eq(decode(), REQ_NEED_PAGES);
    ck_assert(plan.id == 6 && plan.sector == 11 && plan.indirect[0] == 99 && plan.nr_seg == 20);
}
END_TEST

/* Whatever bytes a slot holds: no plan leaves its page or the disk. */
START_TEST(random_slots_stay_inside)
{
    unsigned good = 0;

    srand(1);
    for (unsigned n = 0; n < 300000; n++) {
        for (size_t i = 0; i < sizeof(raw.bytes); i++)
            raw.bytes[i] = (uint8_t)(rand() % 3 ? rand() % 9 : rand());
        if (n % 2)
            raw.rw64.sector %= 2 * DISK_SECTORS;
        rules.abi = n % 5 ? BLKIF_ABI_X86_64 : BLKIF_ABI_X86_32;
        if (decode() != REQ_GO)
            continue;
        good++;
        ck_assert(plan.nr_seg <= BLKIF_SEGS);
        ck_assert(plan.nr_sectors <= DISK_SECTORS && plan.sector <= DISK_SECTORS - plan.nr_sectors);
        for (unsigned i = 0; i < plan.nr_seg; i++)
            ck_assert(segs[i].len > 0 && segs[i].off + segs[i].len <= BLKIF_PAGE);
    }
    ck_assert_uint_gt(good, 1000); /* the test has teeth only if some got through */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_req");
    TCase *t = tcase_create("req");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_read_becomes_a_plan);
    tcase_add_test(t, b1_unknown_operations);
    tcase_add_test(t, b1_unoffered_operations);
    tcase_add_test(t, b2_nothing_to_move);
    tcase_add_test(t, flush_with_data_is_a_write);
    tcase_add_test(t, b3_too_many_segments);
    tcase_add_test(t, b3_indirect_counts);
    tcase_add_test(t, b4_indirect_of_what);
    tcase_add_test(t, b5_indirect_pages);
    tcase_add_test(t, b6_every_pair_of_sectors);
    tcase_add_test(t, b6_the_last_segment_counts_too);
    tcase_add_test(t, b7_end_of_the_disk);
    tcase_add_test(t, b8_read_only);
    tcase_add_test(t, b14_discard);
    tcase_add_test(t, b16_the_other_abi);
    tcase_add_test(t, random_slots_stay_inside);
    suite_add_tcase(s, t);
    return run_suite(s);
}
