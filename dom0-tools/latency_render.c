/* See latency_render.h; the page is in latency_html.c. */
#include "dom0-tools/latency_render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/json.h"
#include "dom0-tools/table.h"

const char *latency_stage_name(unsigned stage)
{
    static const char *const names[STAGE_COUNT] = {"wake", "grant", "device", "answer", "total"};

    return stage < STAGE_COUNT ? names[stage] : "?";
}

const char *latency_op_name(const char *kind, unsigned op)
{
    static const char *const disk[STAT_OPS] = {"read", "write", "other"};
    static const char *const net[STAT_OPS] = {"rx", "tx", "control"};

    if (op >= STAT_OPS)
        return "?";
    return strcmp(kind, "vif") == 0 ? net[op] : disk[op];
}

/* Calls fn for each histogram that has a value. */
static void each_hist(const struct latency_device *d, size_t n,
                      void (*fn)(void *arg, const struct latency_device *d, unsigned op,
                                 unsigned stage, const struct hist *h),
                      void *arg)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned op = 0; op < STAT_OPS; op++)
            for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
                if (d[i].stats->stage[op][stage].count)
                    fn(arg, &d[i], op, stage, &d[i].stats->stage[op][stage]);
}

/* ---- table ---- */

static void cell_us(struct table *t, uint64_t ns)
{
    table_cell(t, "%" PRIu64 ".%" PRIu64, ns / 1000, ns % 1000 / 100);
}

/* The stages follow each other, so the sum of their means is the mean of the whole; `total` is
 * measured and may differ where requests overlap. */
static uint64_t sum_of_means(const struct dev_stats *s, unsigned op)
{
    uint64_t sum = 0;

    for (unsigned stage = 0; stage < STAGE_TOTAL; stage++)
        sum += hist_mean(&s->stage[op][stage]);
    return sum;
}

static void row(void *arg, const struct latency_device *d, unsigned op, unsigned stage,
                const struct hist *h)
{
    static const uint32_t points[] = {500000, 900000, 990000, 999000};
    struct table *t = arg;
    uint64_t sum = sum_of_means(d->stats, op);

    table_cell(t, "%s/%s/%u", d->guest, d->kind, d->devid);
    table_cell(t, "%s", latency_op_name(d->kind, op));
    table_cell(t, "%s", latency_stage_name(stage));
    table_cell(t, "%" PRIu64, h->count);
    cell_us(t, hist_mean(h));
    for (size_t i = 0; i < ARRAY_SIZE(points); i++)
        cell_us(t, hist_quantile(h, points[i]));
    cell_us(t, h->max_ns);
    if (stage == STAGE_TOTAL || !sum)
        table_cell(t, "%s", "");
    else
        table_cell(t, "%" PRIu64 "%%", (hist_mean(h) * 100 + sum / 2) / sum);
}

void latency_table(const struct latency_device *d, size_t n, struct bytes *out)
{
    struct table t;

    table_init(&t, "DEVICE OP STAGE >COUNT >MEAN/us >P50 >P90 >P99 >P99.9 >MAX >SHARE");
    each_hist(d, n, row, &t);
    table_print(&t, out);
    table_fini(&t);
}

/* ---- JSON ---- */

static void json_stage(struct json *j, const char *name, const struct hist *h)
{
    static const struct {
        const char *name;
        uint32_t at;
    } points[] = {{"p50_ns", 500000},
                  {"p90_ns", 900000},
                  {"p99_ns", 990000},
                  {"p99_9_ns", 999000},
                  {"p99_99_ns", 999900}};

    json_object(j, name);
    json_uint(j, "count", h->count);
    json_uint(j, "mean_ns", hist_mean(h));
    for (size_t i = 0; i < ARRAY_SIZE(points); i++)
        json_uint(j, points[i].name, hist_quantile(h, points[i].at));
    json_uint(j, "max_ns", h->max_ns);
    json_close(j);
}

static void json_op(struct json *j, const struct latency_device *d, unsigned op)
{
    const struct dev_stats *s = d->stats;

    json_object(j, latency_op_name(d->kind, op));
    json_uint(j, "count", s->ops[op]);
    json_uint(j, "bytes", s->bytes[op]);
    json_uint(j, "errors", s->errors[op]);
    json_object(j, "stages");
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        if (s->stage[op][stage].count)
            json_stage(j, latency_stage_name(stage), &s->stage[op][stage]);
    }
    json_close(j);
    json_close(j);
}

static void json_names(struct json *j, const struct latency_device *d)
{
    json_text(j, "driver_domain", d->domain);
    json_text(j, "guest", d->guest);
    json_text(j, "kind", d->kind);
    json_uint(j, "devid", d->devid);
}

void latency_json(const struct latency_device *d, size_t n, struct bytes *out)
{
    struct json j;

    json_init(&j, out);
    json_array(&j, NULL);
    for (size_t i = 0; i < n; i++) {
        json_object(&j, NULL);
        json_names(&j, &d[i]);
        json_uint(&j, "events", d[i].stats->events);
        json_uint(&j, "notifies", d[i].stats->notifies);
        json_uint(&j, "cpu_ns", d[i].stats->cpu_ns);
        json_object(&j, "ops");
        for (unsigned op = 0; op < STAT_OPS; op++)
            json_op(&j, &d[i], op);
        json_close(&j);
        json_close(&j);
    }
    json_close(&j);
}

/* ---- OpenMetrics ---- */

/* A label's value: backslash, quote and newline are escaped, nothing else. */
static void label(struct bytes *out, const char *name, const char *value)
{
    bytes_printf(out, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            bytes_printf(out, "\\n");
        else
            bytes_printf(out, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    }
    bytes_printf(out, "\"");
}

static void device_labels(struct bytes *out, const struct latency_device *d)
{
    bytes_printf(out, "{");
    label(out, "driver_domain", d->domain);
    bytes_printf(out, ",");
    label(out, "guest", d->guest);
    bytes_printf(out, ",device=\"%s/%u\"", d->kind, d->devid);
}

static void labels(struct bytes *out, const struct latency_device *d, unsigned op)
{
    device_labels(out, d);
    bytes_printf(out, ",op=\"%s\"", latency_op_name(d->kind, op));
}

static void counters(const struct latency_device *d, size_t n, struct bytes *out, const char *name,
                     const char *unit, const char *help, size_t offset)
{
    bytes_printf(out, "# TYPE %s counter\n", name);
    if (unit)
        bytes_printf(out, "# UNIT %s %s\n", name, unit);
    bytes_printf(out, "# HELP %s %s\n", name, help);
    for (size_t i = 0; i < n; i++) {
        for (unsigned op = 0; op < STAT_OPS; op++) {
            const uint64_t *v = (const uint64_t *)((const char *)d[i].stats + offset);

            bytes_printf(out, "%s_total", name);
            labels(out, &d[i], op);
            bytes_printf(out, "} %" PRIu64 "\n", v[op]);
        }
    }
}

static void seconds(struct bytes *out, uint64_t ns)
{
    bytes_printf(out, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void summary(void *arg, const struct latency_device *d, unsigned op, unsigned stage,
                    const struct hist *h)
{
    static const struct {
        const char *label;
        uint32_t at;
    } points[] = {{"0.5", 500000}, {"0.9", 900000}, {"0.99", 990000}, {"0.999", 999000}};
    struct bytes *out = arg;

    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        bytes_printf(out, "drvdom_stage_seconds");
        labels(out, d, op);
        bytes_printf(out, ",stage=\"%s\",quantile=\"%s\"}", latency_stage_name(stage),
                     points[i].label);
        seconds(out, hist_quantile(h, points[i].at));
    }
    bytes_printf(out, "drvdom_stage_seconds_sum");
    labels(out, d, op);
    bytes_printf(out, ",stage=\"%s\"}", latency_stage_name(stage));
    seconds(out, h->sum_ns);
    bytes_printf(out, "drvdom_stage_seconds_count");
    labels(out, d, op);
    bytes_printf(out, ",stage=\"%s\"} %" PRIu64 "\n", latency_stage_name(stage), h->count);
}

void latency_openmetrics(const struct latency_device *d, size_t n, struct bytes *out)
{
    counters(d, n, out, "drvdom_ops", NULL, "Requests or packets served.",
             offsetof(struct dev_stats, ops));
    counters(d, n, out, "drvdom_data_bytes", "bytes", "Bytes moved.",
             offsetof(struct dev_stats, bytes));
    counters(d, n, out, "drvdom_errors", NULL, "Requests or packets that failed.",
             offsetof(struct dev_stats, errors));
    bytes_printf(out, "# TYPE drvdom_cpu_seconds counter\n# UNIT drvdom_cpu_seconds seconds\n"
                      "# HELP drvdom_cpu_seconds CPU time of the device's worker.\n");
    for (size_t i = 0; i < n; i++) {
        bytes_printf(out, "drvdom_cpu_seconds_total");
        device_labels(out, &d[i]);
        bytes_printf(out, "}");
        seconds(out, d[i].stats->cpu_ns);
    }
    bytes_printf(out, "# TYPE drvdom_stage_seconds summary\n# UNIT drvdom_stage_seconds seconds\n"
                      "# HELP drvdom_stage_seconds Time spent in each stage of a request.\n");
    each_hist(d, n, summary, out);
    bytes_printf(out, "# EOF\n");
}

/* ---- HdrHistogram ---- */

static void distribution(void *arg, const struct latency_device *d, unsigned op, unsigned stage,
                         const struct hist *h)
{
    struct bytes *out = arg;
    uint64_t seen = 0;

    bytes_printf(out, "# %s %s/%u %s %s\n", d->guest, d->kind, d->devid,
                 latency_op_name(d->kind, op), latency_stage_name(stage));
    bytes_printf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                 "1/(1-Percentile)");
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        double part;

        if (!h->bucket[i])
            continue;
        seen += h->bucket[i];
        part = seen >= h->count ? 1.0 : (double)seen / (double)h->count;
        bytes_printf(out, "%12.3f %14.12f %10" PRIu64, (double)hist_value(i) / 1e3, part, seen);
        if (part < 1.0)
            bytes_printf(out, " %14.2f", 1.0 / (1.0 - part));
        bytes_printf(out, "\n");
    }
    bytes_printf(out, "#[Mean = %12.3f, StdDeviation = %12s]\n", (double)hist_mean(h) / 1e3, "-");
    bytes_printf(out, "#[Max = %12.3f, Total count = %12" PRIu64 "]\n", (double)h->max_ns / 1e3,
                 h->count);
}

void latency_hgrm(const struct latency_device *d, size_t n, struct bytes *out)
{
    each_hist(d, n, distribution, out);
}
