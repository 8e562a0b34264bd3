/* The page pool: runs never overlap, everything comes back, fragmentation is survived. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/pool.h"
#include "tests/unit/suite.h"

static struct pool pool;

START_TEST(takes_all_and_refuses_more)
{
    pool_init(&pool, 100);
    ck_assert_int_eq(pool_take(&pool, 101), -1);
    ck_assert_int_eq(pool_take(&pool, 100), 0);
    ck_assert_int_eq(pool_take(&pool, 1), -1);
    pool_give(&pool, 0, 100);
    ck_assert_int_eq(pool_take(&pool, 1), 0);
    ck_assert_int_eq(pool_take(&pool, 99), 1);
}
END_TEST

START_TEST(needs_neighbours)
{
    pool_init(&pool, 64);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(pool_take(&pool, 1), i);
    for (uint32_t i = 0; i < 64; i += 2)
        pool_give(&pool, i, 1);
    ck_assert_int_eq(pool_take(&pool, 2), -1);
    pool_give(&pool, 31, 1);
    ck_assert_int_eq(pool_take(&pool, 3), 30);
}
END_TEST

START_TEST(random_use_never_overlaps)
{
    enum { PAGES = 1024, HOLDERS = 64 };
    static uint8_t owner[PAGES];
    struct {
        int first;
        uint32_t n;
    } h[HOLDERS] = {{0}};

    srand(2);
    pool_init(&pool, PAGES);
    for (int round = 0; round < 100000; round++) {
        int i = rand() % HOLDERS;

        if (h[i].n) {
            for (uint32_t p = 0; p < h[i].n; p++) {
                ck_assert_int_eq(owner[h[i].first + (int)p], i + 1);
                owner[h[i].first + (int)p] = 0;
            }
            pool_give(&pool, (uint32_t)h[i].first, h[i].n);
            h[i].n = 0;
            continue;
        }
        h[i].n = 1 + (uint32_t)(rand() % (rand() % 4 ? 12 : 257));
        h[i].first = pool_take(&pool, h[i].n);
        if (h[i].first < 0)
            h[i].n = 0;
        for (uint32_t p = 0; p < h[i].n; p++) {
            ck_assert_uint_eq(owner[h[i].first + (int)p], 0);
            owner[h[i].first + (int)p] = (uint8_t)(i + 1);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_pool");
    TCase *t = tcase_create("pool");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, takes_all_and_refuses_more);
    tcase_add_test(t, needs_neighbours);
    tcase_add_test(t, random_use_never_overlaps);
    suite_add_tcase(s, t);
    return run_suite(s);
}
