/* The JSON writer, the table printer, the common options. */
#include "dom0-tools/json.h"
#include "dom0-tools/maptrack.h"
#include "dom0-tools/options.h"
#include "dom0-tools/table.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void is(struct bytes *b, const char *want)
{
    bytes_add(b, "", 1);
    ck_assert_int_eq(bytes_check(b), 0);
    ck_assert_str_eq((const char *)b->data, want);
    bytes_fini(b);
}

START_TEST(json_nests_and_escapes)
{
    struct bytes b = {0};
    struct json j;

    json_init(&j, &b);
    json_object(&j, NULL);
    json_text(&j, "a\"b", "x\\\n\x80");
    json_array(&j, "list");
    json_uint(&j, NULL, UINT64_MAX);
    json_bool(&j, NULL, true);
    json_null(&j, NULL);
    json_close(&j);
    json_array(&j, "none");
    json_close(&j);
    json_fixed(&j, "ms", 1050, 3);
    json_text(&j, "n", NULL);
    json_close(&j);
    is(&b, "{\n  \"a\\\"b\": \"x\\\\\\u000a\\u0080\",\n  \"list\": [\n    18446744073709551615,\n"
           "    true,\n    null\n  ],\n  \"none\": [],\n  \"ms\": 1.050,\n  \"n\": null\n}\n");
}
END_TEST

START_TEST(table_aligns)
{
    struct bytes b = {0};
    struct table t;

    table_init(&t, "NAME >N TEXT");
    table_cell(&t, "a");
    table_cell(&t, "%d", 1234);
    table_cell(&t, "x\x1b[2J");
    table_cell(&t, "longer");
    table_cell(&t, "5");
    table_cell(&t, "%s", "");
    table_print(&t, &b);
    table_fini(&t);
    is(&b, "NAME       N  TEXT\na       1234  x\\x1b[2J\nlonger     5  -\n");
}
END_TEST

START_TEST(options_are_taken_and_refused)
{
    const char *values[2];
    struct option_own own[] = {{"nic", true, values, 2, 0}, {"force", false, NULL, 0, 0}};
    char *good[] = {"verb",    "--json",    "--nic=1", "g",  "--nic", "2",
                    "--force", "--timeout", "0.5",     "--", "--x",   NULL};
    char *unknown[] = {"verb", "--jsonx", NULL}, *many[] = {"verb", "--force=1", NULL};
    char *lacks[] = {"verb", "--nic", NULL}, *late[] = {"verb", "--timeout=-1", NULL};
    struct options o;

    ck_assert_int_eq(options_parse(&o, 11, good, "", own, 2), 0);
    ck_assert(o.json && o.has_timeout && o.timeout_ns == 500000000);
    ck_assert_uint_eq(o.nargs, 2);
    ck_assert_str_eq(o.args[1], "--x");
    ck_assert_uint_eq(own[0].count, 2);
    ck_assert_str_eq(values[1], "2");
    ck_assert_uint_eq(own[1].count, 1);
    ck_assert_int_eq(options_parse(&o, 2, unknown, "", own, 2), -EINVAL);
    ck_assert_int_eq(options_parse(&o, 2, many, "", own, 2), -EINVAL);
    own[0].count = 0;
    ck_assert_int_eq(options_parse(&o, 2, lacks, "", own, 2), -EINVAL);
    ck_assert_int_eq(options_parse(&o, 2, late, "", own, 2), -EINVAL);
}
END_TEST

START_TEST(seconds)
{
    uint64_t ns;

    ck_assert_int_eq(options_seconds("2", &ns), 0);
    ck_assert_uint_eq(ns, 2000000000);
    ck_assert_int_eq(options_seconds("", &ns), -EINVAL);
    ck_assert_int_eq(options_seconds("1s", &ns), -EINVAL);
    ck_assert_int_eq(options_seconds("nan", &ns), -EINVAL);
    ck_assert_int_eq(options_seconds("1e9", &ns), -EINVAL);
}
END_TEST

/* As Xen 4.17 prints it, dom0 and two others. */
START_TEST(maptrack_is_found)
{
    static const char dump[] = "(XEN) gnttab_usage_print_all [ key 'g' pressed\n"
                               "(XEN) grant-table for remote d0 (v1)\n"
                               "(XEN)   1 frames (64 max), 0 maptrack frames (1024 max)\n"
                               "(XEN) no active grant table entries\n"
                               "(XEN) grant-table for remote d1 (v1)\n"
                               "(XEN)   2 frames (64 max), 7 maptrack frames (512 max)\n"
                               "(XEN) grant-table for remote d12 (v1)\n"
                               "(XEN) grant-table for remote d13 (v1)\n"
                               "(XEN)   1 frames (64 max), 1 maptrack frames (512 max)\n"
                               "(XEN) gnttab_usage_print_all ] done\n";
    uint64_t used = 0, limit = 0;

    ck_assert_int_eq(maptrack_find(dump, 1, &used, &limit), 0);
    ck_assert_uint_eq(used, 7);
    ck_assert_uint_eq(limit, 512);
    ck_assert_int_eq(maptrack_find(dump, 12, &used, &limit), -ENOENT); /* cut off */
    ck_assert_int_eq(maptrack_find(dump, 2, &used, &limit), -ENOENT);
    ck_assert_int_eq(maptrack_find("", 0, &used, &limit), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tools-text");
    TCase *t = tcase_create("text");

    suite_add_tcase(suite, t);
    tcase_add_test(t, json_nests_and_escapes);
    tcase_add_test(t, table_aligns);
    tcase_add_test(t, options_are_taken_and_refused);
    tcase_add_test(t, seconds);
    tcase_add_test(t, maptrack_is_found);
    return run_suite(suite);
}
