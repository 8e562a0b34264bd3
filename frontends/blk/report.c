/* See report.h. */
#include "frontends/blk/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/base/log.h"

void report_offer(const struct bf_offer *o, bool json)
{
    static const char text[] =
        "%" PRIu64 " sectors of %u bytes (physically %u), info %u; rings up to order %u, %u "
        "queues, %u indirect segments; flush %d, barrier %d, persistent %d, discard %d (%u at "
        "%u, secure %d)\n";
    static const char as_json[] =
        "{\"sectors\":%" PRIu64 ",\"sector_size\":%u,\"physical_sector_size\":%u,\"info\":%u,"
        "\"max_order\":%u,\"max_queues\":%u,\"max_indirect\":%u,\"flush\":%d,\"barrier\":%d,"
        "\"persistent\":%d,\"discard\":%d,\"discard_granularity\":%u,\"discard_alignment\":%u,"
        "\"discard_secure\":%d}\n";

#define OFFER                                                                                      \
    o->sectors, o->sector_size, o->physical_size, o->info, o->order, o->queues, o->indirect,       \
        o->flush, o->barrier, o->persistent, o->discard, o->discard_granularity,                   \
        o->discard_alignment, o->secure
    if (json)
        printf(as_json, OFFER);
    else
        printf(text, OFFER);
#undef OFFER
}

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void json_latency(const struct hist *h)
{
    printf("\"latency_us\":{\"mean\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}",
           us(hist_mean(h)), us(hist_quantile(h, 500000)), us(hist_quantile(h, 990000)),
           us(hist_quantile(h, 999000)), us(h->max_ns));
}

static void json_connection(const struct bf_conn *c)
{
    printf("\"queues\":%u,\"ring_pages\":%u,\"segments\":%u,\"persistent\":%s,\"profile\":\"%s\"",
           c->nr_queues, c->queue[0].ring_pages, c->indirect, c->persistent ? "true" : "false",
           c->want.profile->name);
}

static void text_connection(const struct bf_conn *c)
{
    printf("%u queue%s of %u page%s, up to %u segments%s", c->nr_queues,
           c->nr_queues == 1 ? "" : "s", c->queue[0].ring_pages,
           c->queue[0].ring_pages == 1 ? "" : "s", c->indirect,
           c->persistent ? ", persistent grants" : "");
}

void report_verify(const struct bf_conn *c, const char *verb, const struct verify_result *r,
                   bool json)
{
    if (json) {
        printf("{\"verb\":\"%s\",\"ok\":true,\"writes\":%" PRIu64 ",\"reads\":%" PRIu64
               ",\"others\":%" PRIu64 ",\"sectors_checked\":%" PRIu64 ",\"seconds\":%.3f,",
               verb, r->writes, r->reads, r->others, r->checked, (double)r->ns / 1e9);
        json_connection(c);
        putchar(',');
        json_latency(&r->hist);
        puts("}");
        return;
    }
    printf("%s ok: %" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64 " others, %" PRIu64
           " sectors checked; ",
           verb, r->writes, r->reads, r->others, r->checked);
    text_connection(c);
    printf("; p50 %.0f us, p99 %.0f us\n", us(hist_quantile(&r->hist, 500000)),
           us(hist_quantile(&r->hist, 990000)));
}

void report_bench(const struct bf_conn *c, const struct bench_options *o,
                  const struct bench_result *r, bool json)
{
    double s = (double)r->ns / 1e9;

    if (json) {
        printf("{\"verb\":\"bench\",\"ok\":%s,\"size\":%u,\"depth\":%u,\"write_percent\":%u,"
               "\"ops\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"seconds\":%.3f,\"iops\":%.0f,"
               "\"mib_s\":%.1f,",
               r->errors ? "false" : "true", o->bytes, o->depth, o->write_percent, r->ops,
               r->errors, s, (double)r->ops / s, (double)r->bytes / s / 1048576);
        json_connection(c);
        putchar(',');
        json_latency(&r->hist);
        if (c->returned.count)
            printf(",\"returned_us\":{\"count\":%" PRIu64 ",\"mean\":%.3f}", c->returned.count,
                   us(hist_mean(&c->returned)));
        puts("}");
        return;
    }
    printf("bench: %u bytes, depth %u, %u%% writes: %.0f IOPS, %.1f MiB/s; mean %.1f us, p50 %.1f, "
           "p99 %.1f, max %.0f; %" PRIu64 " errors; ",
           o->bytes, o->depth, o->write_percent, (double)r->ops / s, (double)r->bytes / s / 1048576,
           us(hist_mean(&r->hist)), us(hist_quantile(&r->hist, 500000)),
           us(hist_quantile(&r->hist, 990000)), us(r->hist.max_ns), r->errors);
    text_connection(c);
    putchar('\n');
}

double report_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void report_window(const struct hist *h, uint64_t ns)
{
    printf("{\"window\":%.3f,\"seconds\":%.3f,\"ops\":%" PRIu64 ",", report_now(), (double)ns / 1e9,
           (uint64_t)h->count);
    json_latency(h);
    puts("}");
}

/* A quote or backslash would end JSON's string; the rest is escaped already. */
static void json_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (const char *p = text; *p; p++)
        printf(*p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    putchar('"');
}

void report_row(const char *name, const char *result, const char *text, uint64_t began_ns)
{
    double ended = report_now(), took = (double)(clock_ns() - began_ns) / 1e9;

    printf("{\"row\":\"%s\",\"result\":\"%s\",\"began\":%.3f,\"ended\":%.3f,", name, result,
           ended - took, ended);
    json_text("text", text);
    puts("}");
}

void report_failure(const struct bf_conn *c, const char *verb, int err, bool json)
{
    char text[4 * FRONT_WHY_MAX + 1];
    const char *why = c->f.why[0] ? c->f.why : strerror(-err);

    log_escape(text, sizeof(text), why, (unsigned)strlen(why));
    if (!json) {
        printf("%s FAILED: %s\n", verb, text);
        return;
    }
    printf("{\"verb\":\"%s\",\"ok\":false,", verb);
    json_text("error", text);
    puts("}");
}
