/* The token bucket of a disk's limits: exact over time, bounded at once, never wrapping. */
#include <check.h>
#include <stdlib.h>

#include "backends/blk/quota.h"
#include "tests/unit/suite.h"

enum { MS = 1000000 };

START_TEST(no_limit_never_waits)
{
    struct quota q;

    quota_init(&q, 0, 0, 5);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(quota_wait_ns(&q, 5), 0);
        quota_take(&q, UINT64_MAX);
    }
}
END_TEST

START_TEST(a_burst_and_then_the_rate)
{
    struct quota q;
    uint64_t now = 1000, done = 0, wait;

    quota_init(&q, 1000, 10, now);
    while (now < 1000 + UINT64_C(10000) * MS) {
        wait = quota_wait_ns(&q, now);
        if (wait == 0) {
            quota_take(&q, 1);
            done++;
        }
        now += wait;
    }
    ck_assert_uint_ge(done, 10 + 10 * 1000 - 1);
    ck_assert_uint_le(done, 10 + 10 * 1000 + 1);
}
END_TEST

/* Looking often must not lose fractions of a unit. */
START_TEST(no_loss_by_rounding)
{
    struct quota q;
    uint64_t done = 0;

    quota_init(&q, 3, 1, 0);
    for (uint64_t now = 0; now < UINT64_C(100000) * MS; now += 77777) {
        if (quota_wait_ns(&q, now) == 0) {
            quota_take(&q, 1);
            done++;
        }
    }
    ck_assert_uint_ge(done, 299);
    ck_assert_uint_le(done, 301);
}
END_TEST

START_TEST(a_large_request_is_paid_for_afterwards)
{
    struct quota q;
    uint64_t wait;

    quota_init(&q, 1000000, 4096, 0);
    ck_assert_uint_eq(quota_wait_ns(&q, 0), 0);
    quota_take(&q, 1048576);
    wait = quota_wait_ns(&q, 0);
    ck_assert_uint_ge(wait, UINT64_C(1044000000));
    ck_assert_uint_le(wait, UINT64_C(1045000000));
    ck_assert_uint_gt(quota_wait_ns(&q, wait - 2000), 0);
    ck_assert_uint_eq(quota_wait_ns(&q, wait), 0);
}
END_TEST

START_TEST(absurd_values_do_not_wrap)
{
    static const uint64_t v[] = {0, 1, 512, UINT64_C(1) << 40, UINT64_MAX / 2, UINT64_MAX};

    for (size_t r = 0; r < sizeof(v) / sizeof(v[0]); r++) {
        for (size_t b = 0; b < sizeof(v) / sizeof(v[0]); b++) {
            struct quota q;

            quota_init(&q, v[r], v[b], 100);
            ck_assert_uint_eq(quota_wait_ns(&q, 100), 0);
            quota_take(&q, 1 << 20);
            (void)quota_wait_ns(&q, UINT64_MAX);
            ck_assert_uint_eq(quota_wait_ns(&q, UINT64_MAX), 0);
            ck_assert_uint_eq(quota_wait_ns(&q, 50), 0); /* a clock that steps back */
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_quota");
    TCase *t = tcase_create("quota");

    tcase_add_test(t, no_limit_never_waits);
    tcase_add_test(t, a_burst_and_then_the_rate);
    tcase_add_test(t, no_loss_by_rounding);
    tcase_add_test(t, a_large_request_is_paid_for_afterwards);
    tcase_add_test(t, absurd_values_do_not_wrap);
    suite_add_tcase(s, t);
    return run_suite(s);
}
