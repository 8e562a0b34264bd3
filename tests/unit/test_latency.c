/* Latency and rates as text: table, JSON, OpenMetrics, hgrm, HTML; from histograms with known
 * values. */
#include "dom0-tools/latency_render.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dev_stats now, then;
static struct bytes out;

static const struct latency_device disk = {
    .domain = "dd", .guest = "g<1>\"", .kind = "vbd", .devid = 51712, .stats = &now};

static void fill(struct dev_stats *s)
{
    memset(s, 0, sizeof(*s));
    /* 1000 reads: 10 us to wake, 20 for grants, 60 in the disk, 10 to answer; one took 2 ms. */
    for (int i = 0; i < 1000; i++) {
        uint64_t device = i == 999 ? 2000000 : 60000;

        hist_add(&s->stage[STAT_READ][STAGE_WAKE], 10000);
        hist_add(&s->stage[STAT_READ][STAGE_GRANT], 20000);
        hist_add(&s->stage[STAT_READ][STAGE_DEVICE], device);
        hist_add(&s->stage[STAT_READ][STAGE_ANSWER], 10000);
        hist_add(&s->stage[STAT_READ][STAGE_TOTAL], device + 30000);
    }
    s->ops[STAT_READ] = 1000;
    s->bytes[STAT_READ] = 4096000;
    s->errors[STAT_READ] = 1;
    s->cpu_ns = 1500000000;
}

static const char *text(void)
{
    bytes_add(&out, "", 1);
    ck_assert_int_eq(bytes_check(&out), 0);
    return (const char *)out.data;
}

static void has(const char *want)
{
    ck_assert_msg(strstr((const char *)out.data, want), "no '%s' in:\n%s", want, out.data);
}

static void setup(void)
{
    fill(&now);
    bytes_fini(&out);
}

START_TEST(table_has_each_stage)
{
    unsigned long long share = 0, sum = 0;
    const char *p;

    latency_table(&disk, 1, &out);
    (void)text();
    has("DEVICE");
    has("wake");
    has("grant");
    ck_assert_ptr_null(strstr((char *)out.data, "write"));
    /* the shares make a whole */
    for (p = (char *)out.data; (p = strchr(p, '%')); p++) {
        const char *digits = p;

        while (digits[-1] >= '0' && digits[-1] <= '9')
            digits--;
        share = strtoull(digits, NULL, 10);
        sum += share;
    }
    ck_assert_uint_ge(sum, 98);
    ck_assert_uint_le(sum, 102);
}
END_TEST

START_TEST(json_and_metrics)
{
    latency_json(&disk, 1, &out);
    (void)text();
    has("\"guest\": \"g<1>\\\"\"");
    has("\"count\": 1000");
    has("\"max_ns\": 2000000");
    bytes_fini(&out);
    latency_openmetrics(&disk, 1, &out);
    (void)text();
    has("drvdom_ops_total{driver_domain=\"dd\",guest=\"g<1>\\\"\",device=\"vbd/"
        "51712\",op=\"read\"} 1000");
    has("drvdom_data_bytes_total{");
    has("drvdom_cpu_seconds_total{driver_domain=\"dd\",guest=\"g<1>\\\"\",device=\"vbd/51712\"} "
        "1.500000000\n");
    has("stage=\"wake\"} 0.010000000\n");
    has("_count{driver_domain=\"dd\",guest=\"g<1>\\\"\",device=\"vbd/"
        "51712\",op=\"read\",stage=\"total\"} 1000");
    ck_assert_str_eq((char *)out.data + out.len - 7, "# EOF\n");
}
END_TEST

START_TEST(hgrm_ends_at_all)
{
    latency_hgrm(&disk, 1, &out);
    (void)text();
    has("# g<1>\" vbd/51712 read device");
    has("0.999000000000        999");
    has("1.000000000000       1000");
    has("Max =     2000.000");
}
END_TEST

/* Well-formed enough for any browser: every tag that is opened is closed, names are text. */
START_TEST(html_is_whole)
{
    const char *p;
    int depth = 0;

    latency_html(&disk, 1, &out);
    p = text();
    has("g&#60;1&#62;&#34;");
    has("<svg ");
    ck_assert_ptr_null(strstr(p, "http"));
    ck_assert_ptr_null(strstr(p, "nan"));
    ck_assert_ptr_null(strstr(p, "inf"));
    while ((p = strchr(p, '<'))) {
        const char *end = strchr(p, '>');
        bool single = p[1] == '!' || end[-1] == '/' || strncmp(p, "<meta", 5) == 0;

        ck_assert_ptr_nonnull(end);
        if (p[1] == '/')
            depth--;
        else if (!single)
            depth++;
        ck_assert_int_ge(depth, 0);
        p = end;
    }
    ck_assert_int_eq(depth, 0);
}
END_TEST

START_TEST(empty_is_no_trouble)
{
    memset(&now, 0, sizeof(now));
    latency_table(&disk, 1, &out);
    latency_json(&disk, 1, &out);
    latency_hgrm(&disk, 1, &out);
    latency_openmetrics(&disk, 1, &out);
    latency_html(&disk, 1, &out);
    latency_html(&disk, 0, &out);
    (void)text();
    has("No device.");
    ck_assert_ptr_null(strstr((char *)out.data, "nan"));
}
END_TEST

START_TEST(rates)
{
    static struct hist scratch;
    struct latency_rate r;

    fill(&then);
    for (int i = 0; i < 500; i++)
        hist_add(&now.stage[STAT_WRITE][STAGE_TOTAL], 200000);
    now.ops[STAT_WRITE] = 500;
    now.bytes[STAT_WRITE] = 500 * 4096;
    now.cpu_ns = then.cpu_ns + 123000000;
    latency_rate(&now, &then, 500000000, &scratch, &r);
    ck_assert_uint_eq(r.cpu_permille, 246);
    ck_assert_uint_eq(r.ops_per_s[STAT_WRITE], 1000);
    ck_assert_uint_eq(r.ops_per_s[STAT_READ], 0);
    ck_assert_uint_eq(r.bytes_per_s[STAT_WRITE], 4096000);
    ck_assert_uint_eq(r.depth_milli, 200); /* 1000 a second, 200 us each */
    ck_assert(r.p50_ns > 198000 && r.p50_ns < 202000);
    ck_assert_uint_eq(r.errors, 0);
    /* a successor that began anew */
    latency_rate(&then, &now, 1000000000, &scratch, &r);
    ck_assert_uint_eq(r.ops_per_s[STAT_WRITE], 0);
    memset(&then, 0, sizeof(then));
    then.ops[STAT_READ] = 3;
    hist_add(&then.stage[STAT_READ][STAGE_TOTAL], 1000);
    latency_rate(&then, &now, 1000000000, &scratch, &r);
    ck_assert_uint_eq(r.ops_per_s[STAT_READ], 3);
    ck_assert_uint_eq(scratch.count, 1);
    latency_rate(&now, NULL, 0, &scratch, &r);
    ck_assert_uint_eq(r.ops_per_s[STAT_READ], 0);
    bytes_fini(&out);
    latency_top(&disk, &r, 1, &out);
    latency_top_json(&disk, &r, 1, &out);
    (void)text();
    has("\"depth\": 0.000");
    has("\"cpu\": 0.000");
}
END_TEST

/* For make report-check: a report as it comes out of a busy disk. */
static void write_report(const char *path)
{
    FILE *f = fopen(path, "w");

    fill(&now);
    for (int i = 0; i < 5000; i++) {
        uint64_t device = 60000 + (uint64_t)(i * 7919 % 1000) * (i % 97 ? 40 : 900);

        for (unsigned stage = STAGE_GRANT; stage < STAGE_TOTAL; stage++)
            hist_add(&now.stage[STAT_WRITE][stage],
                     stage == STAGE_DEVICE ? device : 3000 + (uint64_t)i % 500 * stage);
        hist_add(&now.stage[STAT_WRITE][STAGE_TOTAL], device + 10000);
    }
    latency_html(&disk, 1, &out);
    if (!f || fwrite(out.data, 1, out.len, f) != out.len || fclose(f))
        abort();
    bytes_fini(&out);
}

int main(void)
{
    const char *report = getenv("DRVDOM_REPORT");
    Suite *suite = suite_create("latency");
    TCase *t = tcase_create("latency");

    if (report)
        write_report(report);
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, table_has_each_stage);
    tcase_add_test(t, json_and_metrics);
    tcase_add_test(t, hgrm_ends_at_all);
    tcase_add_test(t, html_is_whole);
    tcase_add_test(t, empty_is_no_trouble);
    tcase_add_test(t, rates);
    return run_suite(suite);
}
