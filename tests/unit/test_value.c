/* The strict parsers and the key table's checks: hostile-peers S2, and what must be accepted. */
#include "xenstore-schema/value.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/key.h"
#include "tests/unit/suite.h"

static int uint_of(const char *str, uint64_t min, uint64_t max, uint64_t *out)
{
    return value_uint(str, strlen(str), min, max, out);
}

START_TEST(uint_accepts_plain_decimal)
{
    static const struct {
        const char *str;
        uint64_t want;
    } good[] = {
        {"0", 0},
        {"7", 7},
        {"51712", 51712},
        {"4294967295", UINT32_MAX},
        {"4294967296", UINT64_C(4294967296)},
        {"18446744073709551615", UINT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint64_t v = 99;

        ck_assert_int_eq(uint_of(good[i].str, 0, UINT64_MAX, &v), 0);
        ck_assert_uint_eq(v, good[i].want);
    }
}
END_TEST

START_TEST(uint_refuses_everything_else)
{
    static const char *const bad[] = {
        "",
        "-1",
        "+1",
        "0x1",
        " 7",
        "7 ",
        "1e3",
        "00",
        "01",
        "1.0",
        "a",
        "1a",
        "\t1",
        "1\n",
        "--1",
        "1,2",
        "\xb2",
        "\x1b[31m1",
        "100000000000000000000",
        "18446744073709551616",
        "18446744073709551620",
        "99999999999999999999",
        "184467440737095516150",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t v = 99;

        ck_assert_msg(uint_of(bad[i], 0, UINT64_MAX, &v) == -EINVAL, "took \"%s\"", bad[i]);
        ck_assert_uint_eq(v, 99);
    }
}
END_TEST

START_TEST(uint_keeps_its_range_and_its_length)
{
    uint64_t v = 99;
    char huge[2048];

    ck_assert_int_eq(uint_of("3", 4, 8, &v), -EINVAL);
    ck_assert_int_eq(uint_of("9", 4, 8, &v), -EINVAL);
    ck_assert_int_eq(uint_of("4", 4, 8, &v), 0);
    ck_assert_int_eq(uint_of("8", 4, 8, &v), 0);
    memset(huge, '1', sizeof(huge));
    ck_assert_int_eq(value_uint(huge, sizeof(huge), 0, UINT64_MAX, &v), -EINVAL);
    /* len rules, not a terminator: a NUL inside is one more bad byte. */
    ck_assert_int_eq(value_uint("1\0", 2, 0, 9, &v), -EINVAL);
    ck_assert_int_eq(value_uint("123", 2, 0, 99, &v), 0);
    ck_assert_uint_eq(v, 12);
}
END_TEST

START_TEST(uint_round_trips)
{
    srandom(1);
    for (int i = 0; i < 100000; i++) {
        uint64_t want = ((uint64_t)random() << 33 ^ (uint64_t)random()) >> (random() % 64), got;
        char str[24];

        snprintf(str, sizeof(str), "%" PRIu64, want);
        ck_assert_int_eq(uint_of(str, want, want, &got), 0);
        ck_assert_uint_eq(got, want);
    }
}
END_TEST

START_TEST(bool_is_one_character)
{
    static const char *const bad[] = {"", "2", "00", "01", "11", "true", "yes", "Y", "-1", " 1"};
    bool v = false;

    ck_assert_int_eq(value_bool("1", 1, &v), 0);
    ck_assert(v);
    ck_assert_int_eq(value_bool("0", 1, &v), 0);
    ck_assert(!v);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(value_bool(bad[i], strlen(bad[i]), &v) == -EINVAL, "took \"%s\"", bad[i]);
}
END_TEST

START_TEST(word_matches_whole)
{
    static const char *const words[] = {"", "r", "rw"};
    unsigned v = 9;

    ck_assert_int_eq(value_word("rw", 2, words, 3, &v), 0);
    ck_assert_uint_eq(v, 2);
    ck_assert_int_eq(value_word("", 0, words, 3, &v), 0);
    ck_assert_uint_eq(v, 0);
    ck_assert_int_eq(value_word("rwx", 3, words, 3, &v), -EINVAL);
    ck_assert_int_eq(value_word("R", 1, words, 3, &v), -EINVAL);
    ck_assert_int_eq(value_word("r\0", 2, words, 3, &v), -EINVAL);
}
END_TEST

START_TEST(mac_is_seventeen_characters)
{
    static const char *const bad[] = {
        "",
        "00:16:3e:00:00",
        "00:16:3e:00:00:0",
        "00:16:3e:00:00:001",
        "00-16-3e-00-00-01",
        "00:16:3e:00:00:0g",
        "0:16:3e:00:00:0001",
        "00:16:3e:00:0001:",
        "+0:16:3e:00:00:01",
    };
    uint8_t mac[VALUE_MAC_LEN] = {0};
    static const uint8_t want[] = {0x00, 0x16, 0x3e, 0xaB, 0xcD, 0xff};

    ck_assert_int_eq(value_mac("00:16:3e:aB:Cd:ff", 17, mac), 0);
    ck_assert_mem_eq(mac, want, sizeof(want));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(value_mac(bad[i], strlen(bad[i]), mac) == -EINVAL, "took \"%s\"", bad[i]);
    ck_assert_mem_eq(mac, want, sizeof(want));
}
END_TEST

START_TEST(rate_is_two_numbers)
{
    static const char *const bad[] = {
        "",
        ",",
        "1",
        "1,",
        ",1",
        "1,2,3",
        "1, 2",
        "-1,2",
        "1,4294967296",
        "1;2",
        "18446744073709551616,1",
    };
    struct value_rate r = {0};

    ck_assert_int_eq(value_rate("18446744073709551615,4294967295", 31, &r), 0);
    ck_assert_uint_eq(r.bytes, UINT64_MAX);
    ck_assert_uint_eq(r.usec, UINT32_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(value_rate(bad[i], strlen(bad[i]), &r) == -EINVAL, "took \"%s\"", bad[i]);
}
END_TEST

START_TEST(strings_and_paths)
{
    ck_assert(value_is_string("", 0, 0, 5));
    ck_assert(!value_is_string("", 0, 1, 5));
    ck_assert(value_is_string("/dev/a b", 8, 1, 8));
    ck_assert(!value_is_string("/dev/a bc", 9, 1, 8));
    ck_assert(!value_is_string("a\x1b", 2, 0, 5));
    ck_assert(!value_is_string("a\0b", 3, 0, 5));
    ck_assert(!value_is_string("\x7f", 1, 0, 5));
    ck_assert(!value_is_string("\xc3\xa4", 2, 0, 5));

    ck_assert(value_is_path("/local/domain/1/device/vbd/51712", 32, 255));
    ck_assert(value_is_path("@releaseDomain", 14, 255));
    ck_assert(!value_is_path("", 0, 255));
    ck_assert(!value_is_path("/", 1, 255));
    ck_assert(!value_is_path("/a/", 3, 255));
    ck_assert(!value_is_path("/a//b", 5, 255));
    ck_assert(!value_is_path("/a b", 4, 255));
    ck_assert(!value_is_path("/../b", 5, 255));
    ck_assert(!value_is_path("/a\0b", 4, 255));
    ck_assert(!value_is_path("/abc", 4, 3));
}
END_TEST

START_TEST(escape_is_printable_and_bounded)
{
    char buf[12];

    ck_assert_uint_eq(value_escape(buf, sizeof(buf), "plain", 5), 5);
    ck_assert_str_eq(buf, "plain");
    value_escape(buf, sizeof(buf), "a\x1b[", 3);
    ck_assert_str_eq(buf, "a\\x1b[");
    value_escape(buf, sizeof(buf), "12345678901", 11);
    ck_assert_str_eq(buf, "12345678901");
    value_escape(buf, sizeof(buf), "123456789012", 12);
    ck_assert_str_eq(buf, "123456789..");
    value_escape(buf, 3, "abc", 3);
    ck_assert_str_eq(buf, "..");
    value_escape(buf, 3, "", 0);
    ck_assert_str_eq(buf, "");

    for (int i = 0; i < 20000; i++) {
        char in[32], out[40];
        size_t len = (size_t)random() % sizeof(in), size = 3 + (size_t)random() % 37, n;

        for (size_t j = 0; j < len; j++)
            in[j] = (char)random();
        memset(out, 'X', sizeof(out));
        n = value_escape(out, size, in, len);
        ck_assert_uint_lt(n, size);
        ck_assert_uint_eq(strlen(out), n);
        ck_assert(value_is_string(out, n, 0, n));
        /* Nothing past the buffer was touched. */
        for (size_t j = size; j < sizeof(out); j++)
            ck_assert_int_eq(out[j], 'X');
    }
}
END_TEST

/* --- key.c --- */

static const struct schema_key num = {
    .name = "ring-ref%u", .type = SCHEMA_UINT, .min = 1, .max = 4294967295, .index_max = 15};

START_TEST(why_names_key_value_and_want)
{
    char why[SCHEMA_WHY_MAX];

    schema_key_why(&num, "ring-ref3", "abc", 3, why, sizeof(why));
    ck_assert_str_eq(why, "ring-ref3: \"abc\" is not a number in 1..4294967295");
    schema_key_why(&num, "ring-ref", "\x1b[2J", 4, why, sizeof(why));
    ck_assert_str_eq(why, "ring-ref: \"\\x1b[2J\" is not a number in 1..4294967295");
}
END_TEST

START_TEST(why_is_bounded)
{
    char why[SCHEMA_WHY_MAX], big[4096];

    memset(big, 0x01, sizeof(big));
    schema_key_why(&num, "x", big, sizeof(big), why, sizeof(why));
    ck_assert(value_is_string(why, strlen(why), 1, SCHEMA_WHY_MAX - 1));
    ck_assert_ptr_nonnull(strstr(why, "..\" is not a number in 1..4294967295"));
}
END_TEST

START_TEST(pow2_is_checked)
{
    const struct schema_key k = {.type = SCHEMA_UINT, .min = 512, .max = 65536, .pow2 = true};
    struct schema_value v;

    ck_assert_int_eq(schema_key_parse(&k, "4096", 4, &v), 0);
    ck_assert_uint_eq(v.uint, 4096);
    ck_assert_int_eq(schema_key_parse(&k, "513", 3, &v), -EINVAL);
    ck_assert_int_eq(schema_key_parse(&k, "0", 1, &v), -EINVAL);
}
END_TEST

START_TEST(names_match_with_index)
{
    unsigned i = 9;

    ck_assert(schema_name_match("state", "state", 0, &i));
    ck_assert_uint_eq(i, 0);
    ck_assert(schema_name_match("ring-ref%u", "ring-ref15", 15, &i));
    ck_assert_uint_eq(i, 15);
    ck_assert(!schema_name_match("ring-ref%u", "ring-ref16", 15, &i));
    ck_assert(!schema_name_match("ring-ref%u", "ring-ref", 15, &i));
    ck_assert(!schema_name_match("ring-ref%u", "ring-ref01", 15, &i));
    ck_assert(!schema_name_match("ring-ref%u", "ring-ref-1", 15, &i));
    ck_assert(!schema_name_match("ring-ref%u", "ring-ref%u", 15, &i));
    ck_assert(schema_name_match("q-%u/ref", "q-2/ref", 3, &i));
    ck_assert_uint_eq(i, 2);
    ck_assert(!schema_name_match("q-%u/ref", "q-2/re", 3, &i));
}
END_TEST

START_TEST(paths_match_whole_components)
{
    const char *pattern = "backend/$KIND/$GUEST/$DEVID", *rest = NULL;
    static const char *const bad[] = {
        "",
        "backend",
        "backend/vbd/5",
        "backend/vbd/5/",
        "backend/vbd/x/51712",
        "backend/vbd/-5/51712",
        "backend/vbd/05/51712",
        "backend/vbd/4294967296/1",
        "backend//5/51712",
        "backend/VBD/5/51712",
        "backend/../5/51712",
        "backends/vbd/5/51712",
        "/backend/vbd/5/51712",
        "backend/a23456789012345678901234567890123/5/1",
    };
    struct schema_param p[3] = {{.is_word = true}};

    ck_assert_int_eq(schema_path_match(pattern, "backend/vbd/5/51712", p, 3, &rest), 0);
    ck_assert_str_eq(p[0].word, "vbd");
    ck_assert_uint_eq(p[1].num, 5);
    ck_assert_uint_eq(p[2].num, 51712);
    ck_assert_str_eq(rest, "");
    ck_assert_int_eq(schema_path_match(pattern, "backend/vif/5/0/queue-1/x", p, 3, &rest), 0);
    ck_assert_str_eq(rest, "queue-1/x");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(schema_path_match(pattern, bad[i], p, 3, &rest) == -EINVAL, "took \"%s\"",
                      bad[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schema values");
    TCase *t = tcase_create("all");

    tcase_add_test(t, uint_accepts_plain_decimal);
    tcase_add_test(t, uint_refuses_everything_else);
    tcase_add_test(t, uint_keeps_its_range_and_its_length);
    tcase_add_test(t, uint_round_trips);
    tcase_add_test(t, bool_is_one_character);
    tcase_add_test(t, word_matches_whole);
    tcase_add_test(t, mac_is_seventeen_characters);
    tcase_add_test(t, rate_is_two_numbers);
    tcase_add_test(t, strings_and_paths);
    tcase_add_test(t, escape_is_printable_and_bounded);
    tcase_add_test(t, why_names_key_value_and_want);
    tcase_add_test(t, why_is_bounded);
    tcase_add_test(t, pow2_is_checked);
    tcase_add_test(t, names_match_with_index);
    tcase_add_test(t, paths_match_whole_components);
    suite_add_tcase(s, t);
    return run_suite(s);
}
