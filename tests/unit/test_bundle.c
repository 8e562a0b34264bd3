/* New programs on their way into a driver domain: what is accepted, and that nothing else is. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "transport/xen/bundle.h"
#include "tests/unit/suite.h"

static _Alignas(8) uint8_t mem[4096];
static struct bundle_index x;
static size_t bytes;

static void setup(void)
{
    memset(mem, 0, sizeof(mem));
    memset(&x, 0, sizeof(x));
    bytes = bundle_add(mem, 0, "drvdomd", "hello", 5);
    bytes = bundle_add(mem, bytes, "drvdom-blkback", "12345678", 8);
    bundle_seal(&x, mem, bytes);
}

START_TEST(comes_back_as_it_was_put_in)
{
    struct bundle_file f;
    const uint8_t *data;
    size_t at = 0;

    ck_assert_int_eq(bundle_check_index(&x), 0);
    ck_assert_int_eq(bundle_check(&x, mem), 0);
    ck_assert_int_eq(bundle_next(mem, bytes, &at, &f, &data), 1);
    ck_assert_str_eq(f.name, "drvdomd");
    ck_assert_uint_eq(f.bytes, 5);
    ck_assert_mem_eq(data, "hello", 5);
    ck_assert_int_eq(bundle_next(mem, bytes, &at, &f, &data), 1);
    ck_assert_str_eq(f.name, "drvdom-blkback");
    ck_assert_int_eq(bundle_next(mem, bytes, &at, &f, &data), 0);
}
END_TEST

/* Every single bit. */
START_TEST(damage_is_noticed)
{
    for (size_t i = 0; i < 8 * sizeof(x); i++) {
        struct bundle_index bad = x;

        ((uint8_t *)&bad)[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_ne(bundle_check_index(&bad), 0);
    }
    for (size_t i = 0; i < 8 * bytes; i++) {
        mem[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_eq(bundle_check(&x, mem), -EBADMSG);
        mem[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}
END_TEST

START_TEST(programs_for_another_blackbox_are_refused)
{
    struct bundle_index other = x;

    /* Sealed as by a later drvdom. */
    other.blackbox++;
    other.crc = (uint32_t)crc32(BUNDLE_VERSION, (const uint8_t *)&other.version,
                                (uInt)(sizeof(other) - offsetof(struct bundle_index, version)));
    ck_assert_int_eq(bundle_check_index(&other), -ENOTSUP);
    ck_assert_int_eq(bundle_check_index(&x), 0);
}
END_TEST

static int next_of(const char *name, uint32_t len, size_t room)
{
    struct bundle_file f = {.bytes = len};
    const uint8_t *data;
    size_t at = 0;

    memcpy(f.name, name, strnlen(name, sizeof(f.name)));
    memcpy(mem, &f, sizeof(f));
    return bundle_next(mem, room, &at, &f, &data);
}

START_TEST(names_and_sizes_stay_inside)
{
    static const char bad[][BUNDLE_NAME] = {
        "", "../init", "/sbin/drvdomd", ".", "UPPER", "a b", "abcdefghijklmnopqrstuvwxyzabcde"};

    ck_assert_int_eq(next_of("a", 0, 40), 1);
    for (size_t i = 0; i + 1 < ARRAY_SIZE(bad); i++)
        ck_assert_int_eq(next_of(bad[i], 0, 40), -EPROTO);
    ck_assert_int_eq(next_of(bad[6], 0, 40), 1); /* the longest */
    memset(mem, 'a', BUNDLE_NAME);               /* without an end */
    ck_assert_int_eq(next_of((char *)mem, 0, 40), -EPROTO);
    ck_assert_int_eq(next_of("a", 8, 48), 1);
    ck_assert_int_eq(next_of("a", 8, 47), -EPROTO);
    ck_assert_int_eq(next_of("a", 1, 47), -EPROTO); /* its padding counts */
    ck_assert_int_eq(next_of("a", UINT32_MAX, 4096), -EPROTO);
    ck_assert_int_eq(next_of("a", 0, 39), -EPROTO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bundle");
    TCase *t = tcase_create("bundle");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, comes_back_as_it_was_put_in);
    tcase_add_test(t, damage_is_noticed);
    tcase_add_test(t, programs_for_another_blackbox_are_refused);
    tcase_add_test(t, names_and_sizes_stay_inside);
    suite_add_tcase(s, t);
    return run_suite(s);
}
