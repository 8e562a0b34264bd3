/* Where the time of a request goes: the stages leave nothing out, and stamps are believed only as
 * far as they can be true. */
#include "tests/unit/blk_front.h"

static void setup(void)
{
    ticks_calibrate();
    ticks_calibrate();
    open_queue();
    connect_queue(1);
}

static void setup_stamps(void)
{
    want_stamps = true;
    setup();
}

static uint64_t sum(unsigned op, unsigned stage)
{
    return stats.stage[op][stage].sum_ns;
}

START_TEST(stages_add_up)
{
    fill(DATA_GREF, 0x42);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_int_eq(one(make(BLKIF_WRITE, i, BLKIF_SEGS, 8 * i)), BLKIF_OKAY);
        ck_assert_int_eq(one(make(BLKIF_READ, i, BLKIF_SEGS, 8 * i)), BLKIF_OKAY);
    }
    disconnect();
    for (unsigned op = STAT_READ; op <= STAT_WRITE; op++) {
        /* Some are measured, and those in every stage. */
        ck_assert_uint_ge(stats.stage[op][STAGE_TOTAL].count, 2);
        ck_assert_uint_le(stats.stage[op][STAGE_TOTAL].count, 100);
        for (unsigned stage = STAGE_GRANT; stage <= STAGE_ANSWER; stage++)
            ck_assert_uint_eq(stats.stage[op][stage].count, stats.stage[op][STAGE_TOTAL].count);
        ck_assert_uint_gt(sum(op, STAGE_GRANT), 0);
        ck_assert_uint_gt(sum(op, STAGE_DEVICE), 0);
        ck_assert_uint_eq(sum(op, STAGE_GRANT) + sum(op, STAGE_DEVICE) + sum(op, STAGE_ANSWER),
                          sum(op, STAGE_TOTAL));
        ck_assert_uint_gt(stats.cpu_ns, 0);
        /* A stock frontend says nothing of when it put its request. */
        ck_assert_uint_eq(stats.stage[op][STAGE_WAKE].count, 0);
    }
}
END_TEST

static void one_stamped(uint64_t ticks)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 0);

    stamp_put(&r, ticks);
    ck_assert_int_eq(one(r), BLKIF_OKAY);
}

START_TEST(a_stamp_tells_the_wait)
{
    uint64_t before = ticks_now();

    usleep(20000);
    one_stamped(before);
    ck_assert_uint_gt(last_stamp, before);
    ck_assert_uint_le(last_stamp, ticks_now());
    disconnect();
    ck_assert_uint_eq(stats.stage[STAT_READ][STAGE_WAKE].count, 1);
    ck_assert_uint_ge(sum(STAT_READ, STAGE_WAKE), 19000000);
    ck_assert_uint_lt(sum(STAT_READ, STAGE_WAKE), UINT64_C(5000000000));
}
END_TEST

START_TEST(an_impossible_stamp_is_not_counted)
{
    one_stamped(0);
    one_stamped(UINT64_MAX);
    one_stamped(ticks_now() + UINT64_C(1000000000000));
    /* a segment lies where the stamp would */
    ck_assert_int_eq(one(make(BLKIF_READ, 2, BLKIF_SEGS, 0)), BLKIF_OKAY);
    disconnect();
    ck_assert_uint_eq(stats.stage[STAT_READ][STAGE_WAKE].count, 0);
    ck_assert_uint_eq(stats.stage[STAT_READ][STAGE_TOTAL].count, 4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_stages");
    TCase *t = tcase_create("stages"), *stamps = tcase_create("stamps");

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, stages_add_up);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(stamps, setup_stamps, teardown);
    tcase_add_test(stamps, a_stamp_tells_the_wait);
    tcase_add_test(stamps, an_impossible_stamp_is_not_counted);
    suite_add_tcase(s, stamps);
    return run_suite(s);
}
