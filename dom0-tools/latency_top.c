/* Rates between two snapshots; see latency_render.h. */
#include "dom0-tools/latency_render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/json.h"
#include "dom0-tools/table.h"

static uint64_t grown(uint64_t now, uint64_t then)
{
    return now >= then ? now - then : now;
}

static uint64_t per_second(uint64_t n, uint64_t interval_ns)
{
    return (uint64_t)((double)n * 1e9 / (double)interval_ns + 0.5);
}

/* What `now` has more than `then`, added to h.  The maximum of the interval is not known: it is the
 * largest bucket that grew. */
static void add_growth(struct hist *h, const struct hist *now, const struct hist *then)
{
    bool anew = then && now->count < then->count;

    h->sum_ns += then && !anew ? grown(now->sum_ns, then->sum_ns) : now->sum_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        uint32_t old = then && !anew ? then->bucket[i] : 0;

        if (now->bucket[i] <= old)
            continue;
        h->bucket[i] += now->bucket[i] - old;
        h->count += now->bucket[i] - old;
        h->max_ns = MAX(h->max_ns, hist_value(i));
    }
}

void latency_rate(const struct dev_stats *now, const struct dev_stats *then, uint64_t interval_ns,
                  struct hist *scratch, struct latency_rate *rate)
{
    *rate = (struct latency_rate){0};
    if (interval_ns == 0)
        return;
    hist_reset(scratch);
    for (unsigned op = 0; op < STAT_OPS; op++) {
        rate->ops_per_s[op] =
            per_second(grown(now->ops[op], then ? then->ops[op] : 0), interval_ns);
        rate->bytes_per_s[op] =
            per_second(grown(now->bytes[op], then ? then->bytes[op] : 0), interval_ns);
        rate->errors += grown(now->errors[op], then ? then->errors[op] : 0);
        add_growth(scratch, &now->stage[op][STAGE_TOTAL],
                   then ? &then->stage[op][STAGE_TOTAL] : NULL);
    }
    rate->cpu_permille =
        (uint64_t)((double)grown(now->cpu_ns, then ? then->cpu_ns : 0) * 1e3 / (double)interval_ns +
                   0.5);
    rate->p50_ns = hist_quantile(scratch, 500000);
    rate->p99_ns = hist_quantile(scratch, 990000);
    /* Little: mean number in flight = arrivals per time, times the time each stays. */
    rate->depth_milli = (uint64_t)((double)scratch->sum_ns * 1e3 / (double)interval_ns + 0.5);
}

static uint64_t sum_of(const uint64_t v[STAT_OPS])
{
    return v[STAT_READ] + v[STAT_WRITE] + v[STAT_OTHER];
}

static void cell_bytes(struct table *t, uint64_t per_s)
{
    table_cell(t, "%" PRIu64 ".%" PRIu64, per_s / 1000000, per_s % 1000000 / 100000);
}

void latency_top(const struct latency_device *d, const struct latency_rate *rates, size_t n,
                 struct bytes *out)
{
    struct table t;

    table_init(
        &t, "DRIVER-DOMAIN DEVICE >OPS/s >IN-MB/s >OUT-MB/s >P50/us >P99/us >DEPTH >CPU >ERRORS");
    for (size_t i = 0; i < n; i++) {
        const struct latency_rate *r = &rates[i];

        table_cell(&t, "%s", d[i].domain);
        table_cell(&t, "%s/%s/%u", d[i].guest, d[i].kind, d[i].devid);
        table_cell(&t, "%" PRIu64, sum_of(r->ops_per_s));
        cell_bytes(&t, r->bytes_per_s[STAT_READ]);
        cell_bytes(&t, r->bytes_per_s[STAT_WRITE]);
        table_cell(&t, "%" PRIu64 ".%" PRIu64, r->p50_ns / 1000, r->p50_ns % 1000 / 100);
        table_cell(&t, "%" PRIu64 ".%" PRIu64, r->p99_ns / 1000, r->p99_ns % 1000 / 100);
        table_cell(&t, "%" PRIu64 ".%02" PRIu64, r->depth_milli / 1000, r->depth_milli % 1000 / 10);
        table_cell(&t, "%" PRIu64 ".%" PRIu64 "%%", r->cpu_permille / 10, r->cpu_permille % 10);
        table_cell(&t, "%" PRIu64, r->errors);
    }
    table_print(&t, out);
    table_fini(&t);
}

void latency_top_json(const struct latency_device *d, const struct latency_rate *rates, size_t n,
                      struct bytes *out)
{
    struct json j;

    json_init(&j, out);
    json_array(&j, NULL);
    for (size_t i = 0; i < n; i++) {
        json_object(&j, NULL);
        json_text(&j, "driver_domain", d[i].domain);
        json_text(&j, "guest", d[i].guest);
        json_text(&j, "kind", d[i].kind);
        json_uint(&j, "devid", d[i].devid);
        json_uint(&j, "ops_per_s", sum_of(rates[i].ops_per_s));
        json_uint(&j, "read_bytes_per_s", rates[i].bytes_per_s[STAT_READ]);
        json_uint(&j, "write_bytes_per_s", rates[i].bytes_per_s[STAT_WRITE]);
        json_uint(&j, "p50_ns", rates[i].p50_ns);
        json_uint(&j, "p99_ns", rates[i].p99_ns);
        json_fixed(&j, "depth", rates[i].depth_milli, 3);
        json_fixed(&j, "cpu", rates[i].cpu_permille, 3);
        json_uint(&j, "errors", rates[i].errors);
        json_close(&j);
    }
    json_close(&j);
}
