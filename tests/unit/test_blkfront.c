/*
 * The block frontend: what it writes, read by the backend's decoder; its patterns; and what it does
 * with answers that no honest backend gives (hostile-peers F1, F2).
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/req.h"
#include "frontends/blk/io.h"
#include "frontends/blk/pattern.h"
#include "frontends/blk/profile.h"
#include "transport/base/arith.h"
#include "tests/unit/suite.h"

/* ---- the layouts: two independent descriptions must agree ---- */

static struct req_seg segs[REQ_SEGS_MAX];
static struct req_plan plan;

static enum req_verdict decode(const struct bf_req *r, enum bf_abi abi)
{
    const struct req_rules rules = {.abi =
                                        abi == BF_ABI_X86_32 ? BLKIF_ABI_X86_32 : BLKIF_ABI_X86_64,
                                    .sectors = 1 << 20,
                                    .indirect_segs = REQ_SEGS_MAX,
                                    .barrier = true,
                                    .flush = true,
                                    .discard = true,
                                    .secure = true};
    union blkif_slot slot;

    memset(&plan, 0xee, sizeof(plan));
    plan.seg = segs;
    ck_assert_uint_le(bf_req_encode(r, abi, slot.bytes), bf_slot_size(abi));
    ck_assert_uint_eq(bf_slot_size(abi), blkif_slot_size(rules.abi));
    return req_decode(&slot, &rules, &plan);
}

static const enum bf_abi abis[] = {BF_ABI_NATIVE, BF_ABI_X86_32, BF_ABI_X86_64};

START_TEST(plain_requests_are_understood)
{
    struct bf_req r = {.op = BLKIF_OP_WRITE,
                       .nr_segments = 11,
                       .handle = 0x1234,
                       .id = 0x1122334455667788,
                       .sector = 0x98765};

    for (unsigned i = 0; i < 11; i++)
        r.seg[i] = (struct blkif_request_segment){
            .gref = 100 + i, .first_sect = (uint8_t)(i % 8), .last_sect = 7};
    ck_assert_int_eq(decode(&r, abis[_i]), REQ_GO);
    ck_assert_uint_eq(plan.id, r.id);
    ck_assert_uint_eq(plan.sector, r.sector);
    ck_assert_uint_eq(plan.nr_seg, 11);
    for (unsigned i = 0; i < 11; i++) {
        ck_assert_uint_eq(plan.seg[i].gref, 100 + i);
        ck_assert_uint_eq(plan.seg[i].off, i % 8 * 512);
    }
}
END_TEST

START_TEST(discards_are_understood)
{
    struct bf_req r = {.op = BLKIF_OP_DISCARD,
                       .flag = BLKIF_DISCARD_SECURE,
                       .id = 0x1122334455667788,
                       .sector = 77,
                       .nr_sectors = 0xabcde};

    ck_assert_int_eq(decode(&r, abis[_i]), REQ_GO);
    ck_assert_uint_eq(plan.id, r.id);
    ck_assert_uint_eq(plan.sector, 77);
    ck_assert_uint_eq(plan.nr_sectors, 0xabcde);
    ck_assert(plan.secure);
}
END_TEST

START_TEST(indirect_requests_are_understood)
{
    struct bf_req r = {.op = BLKIF_OP_INDIRECT,
                       .inner_op = BLKIF_OP_WRITE,
                       .id = UINT64_MAX,
                       .sector = 5,
                       .nr_indirect = 256,
                       .gref = {4711}};

    ck_assert_int_eq(decode(&r, abis[_i]), REQ_NEED_PAGES);
    ck_assert_uint_eq(plan.id, UINT64_MAX);
    ck_assert_uint_eq(plan.nr_seg, 256);
    ck_assert_uint_eq(plan.indirect[0], 4711);
    ck_assert_uint_eq(plan.rsp_op, bf_req_answer_op(&r));
}
END_TEST

/* ---- answers ---- */

static struct bf_conn conn;
static struct bf_io io;
static _Alignas(4096) uint8_t ring_mem[4096];
static unsigned calls;

static void on_done(struct bf_io *i, void *arg)
{
    (void)i;
    (void)arg;
    calls++;
}

/* A connection with one request out, in slot 31 (the last free one is taken first). */
static struct bf_queue *one_out(void)
{
    struct bf_queue *q = &conn.queue[0];

    memset(&conn, 0, sizeof(conn));
    conn.nr_queues = 1;
    conn.indirect = 11;
    ring_front_init(&q->ring, ring_mem, sizeof(ring_mem), bf_slot_size(BF_ABI_NATIVE));
    q->nr_slots = q->ring.slots;
    for (uint32_t i = 0; i < q->nr_slots; i++) {
        q->slot[i] = (struct bf_slot){.page = -1};
        q->free[q->nr_free++] = (uint16_t)i;
    }
    io = (struct bf_io){.op = BLKIF_OP_FLUSH_DISKCACHE, .done = on_done};
    calls = 0;
    ck_assert_int_eq(bf_submit(&conn, q, &io), 0);
    return q;
}

static const uint8_t *answer(uint64_t id, uint8_t op, int16_t status)
{
    static uint8_t slot[BF_SLOT_MAX];
    struct blkif_response rsp;

    memset(slot, 0, sizeof(slot));
    memset(&rsp, 0, sizeof(rsp));
    rsp.id = id;
    rsp.operation = op;
    rsp.status = status;
    memcpy(slot, &rsp, 12);
    return slot;
}

static const uint64_t GOOD_ID = UINT64_C(1) << 32 | 31;

START_TEST(an_answer_is_taken_once)
{
    struct bf_queue *q = one_out();

    ck_assert_int_eq(bf_answer(&conn, q, answer(GOOD_ID, BLKIF_OP_FLUSH_DISKCACHE, -1)), 0);
    ck_assert_uint_eq(calls, 1);
    ck_assert_int_eq(io.status, -1);
    ck_assert(!io.waiting);
    /* The same once more (F1). */
    ck_assert_int_eq(bf_answer(&conn, q, answer(GOOD_ID, BLKIF_OP_FLUSH_DISKCACHE, 0)), -EPROTO);
    ck_assert_uint_eq(calls, 1);
    ck_assert(conn.broken);
}
END_TEST

START_TEST(a_late_answer_is_not_taken_for_the_next_request)
{
    struct bf_queue *q = one_out();

    ck_assert_int_eq(bf_answer(&conn, q, answer(GOOD_ID, BLKIF_OP_FLUSH_DISKCACHE, 0)), 0);
    ck_assert_int_eq(bf_submit(&conn, q, &io), 0); /* the same slot, another generation */
    ck_assert_int_eq(bf_answer(&conn, q, answer(GOOD_ID, BLKIF_OP_FLUSH_DISKCACHE, 0)), -EPROTO);
    ck_assert(io.waiting);
}
END_TEST

START_TEST(impossible_answers_break_the_connection)
{
    const struct {
        uint64_t id;
        uint8_t op;
    } rows[] = {
        {0, BLKIF_OP_FLUSH_DISKCACHE},                      /* a slot that is not out */
        {32, BLKIF_OP_FLUSH_DISKCACHE},                     /* behind the last */
        {GOOD_ID | 0xffff0000, BLKIF_OP_FLUSH_DISKCACHE},   /* far behind */
        {UINT64_MAX, BLKIF_OP_FLUSH_DISKCACHE},             /**/
        {31, BLKIF_OP_FLUSH_DISKCACHE},                     /* wrong generation */
        {GOOD_ID + (1ull << 32), BLKIF_OP_FLUSH_DISKCACHE}, /* one that is to come */
        {GOOD_ID, BLKIF_OP_READ},                           /* another operation */
        {GOOD_ID, 255},
    };
    struct bf_queue *q = one_out();

    ck_assert_int_eq(bf_answer(&conn, q, answer(rows[_i].id, rows[_i].op, 0)), -EPROTO);
    ck_assert(conn.broken && calls == 0);
    ck_assert_int_eq(bf_submit(&conn, q, &io), -EPROTO); /* nothing any more */
    ck_assert_int_eq(bf_poll(&conn, 1), -EPROTO);
}
END_TEST

/* F2: every index that is not between what was taken and what was asked. */
START_TEST(impossible_indexes_break_the_connection)
{
    static const uint32_t bad[] = {2, 33, 0x80000000, UINT32_MAX};
    struct bf_queue *q = one_out();

    ck_assert(ring_front_push(&q->ring));
    ring_raw_set(&q->ring, 2, bad[_i]);
    ck_assert_int_eq(bf_poll(&conn, 1), -EPROTO);
    ck_assert(conn.broken && calls == 0);
}
END_TEST

START_TEST(bytes_behind_an_answer_are_seen)
{
    uint8_t slot[BF_SLOT_MAX];
    struct bf_answer a;

    memcpy(slot, answer(1, 2, -2), sizeof(slot));
    bf_answer_decode(slot, sizeof(slot), &a);
    ck_assert(!a.padded && a.id == 1 && a.op == 2 && a.status == -2);
    for (unsigned i = 9; i < sizeof(slot); i += i == 9 ? 3 : 1) {
        slot[i] = 1;
        bf_answer_decode(slot, sizeof(slot), &a);
        ck_assert_msg(a.padded, "byte %u", i);
        slot[i] = 0;
    }
}
END_TEST

/* ---- patterns ---- */

START_TEST(patterns_tell_every_difference)
{
    uint8_t a[512];
    char text[200];

    pattern_fill(a, 1, 2, 3);
    ck_assert(pattern_is(a, 1, 2, 3));
    ck_assert(!pattern_is(a, 2, 2, 3) && !pattern_is(a, 1, 3, 3) && !pattern_is(a, 1, 2, 4));
    pattern_explain(a, 1, 9, 3, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "holds sector 2"));
    for (unsigned i = 0; i < sizeof(a); i++) {
        a[i] ^= 0x10;
        ck_assert_msg(!pattern_is(a, 1, 2, 3), "byte %u", i);
        a[i] ^= 0x10;
    }
}
END_TEST

/* ---- profiles ---- */

START_TEST(no_profile_waits_for_what_a_backend_never_does)
{
    unsigned n = 0;

    for (; bf_profile_name(n); n++) {
        const struct profile *p = bf_profile_find(bf_profile_name(n));

        ck_assert_ptr_nonnull(p);
        for (unsigned i = 0; i < FRONT_STEPS; i++) {
            const struct front_step *s[] = {&p->before[i], &p->after[i], &p->close[i]};

            for (unsigned k = 0; k < ARRAY_SIZE(s); k++)
                ck_assert_msg(!(s[k]->wait & s[k]->fatal), "%s, step %u: waits for what is fatal",
                              p->name, i);
        }
    }
    ck_assert_uint_eq(n, 11);
    ck_assert_ptr_null(bf_profile_find("solaris"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blkfront");
    TCase *t = tcase_create("blkfront");

    tcase_add_loop_test(t, plain_requests_are_understood, 0, 3);
    tcase_add_loop_test(t, discards_are_understood, 0, 3);
    tcase_add_loop_test(t, indirect_requests_are_understood, 0, 3);
    tcase_add_test(t, an_answer_is_taken_once);
    tcase_add_test(t, a_late_answer_is_not_taken_for_the_next_request);
    tcase_add_loop_test(t, impossible_answers_break_the_connection, 0, 8);
    tcase_add_loop_test(t, impossible_indexes_break_the_connection, 0, 4);
    tcase_add_test(t, bytes_behind_an_answer_are_seen);
    tcase_add_test(t, patterns_tell_every_difference);
    tcase_add_test(t, no_profile_waits_for_what_a_backend_never_does);
    suite_add_tcase(s, t);
    return run_suite(s);
}
