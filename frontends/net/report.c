/* See report.h. */
#include "frontends/net/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/base/log.h"

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

void report_offer(const struct nf_conn *c, bool json)
{
    const struct nf_offer *o = &c->offer;
    const struct {
        const char *name;
        unsigned value;
    } all[] = {
        {"queues", o->queues},  {"split", o->split}, {"sg", o->sg},
        {"gso4", o->gso4},      {"gso6", o->gso6},   {"csum4", !o->no_csum4},
        {"csum6", o->csum6},    {"mcast", o->mcast}, {"mcast_dynamic", o->mcast_dynamic},
        {"ctrl_ring", o->ctrl}, {"xdp", o->xdp},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        printf(json ? "%s\"%s\":%u" : "%s%s %u", i ? (json ? "," : ", ") : (json ? "{" : ""),
               all[i].name, all[i].value);
    puts(json ? "}" : "");
}

static void connection(const struct nf_conn *c, bool json)
{
    const struct nf_want *w = &c->want;
    static const char text[] = "%u queue(s), split %d, sg %d, gso4 %d, gso6 %d, csum4 %d, csum6 %d";
    static const char as_json[] = "\"queues\":%u,\"split\":%d,\"sg\":%d,\"gso4\":%d,\"gso6\":%d,"
                                  "\"csum4\":%d,\"csum6\":%d";

#define CONNECTION c->nr_queues, w->split, w->sg, c->rules.gso4, c->rules.gso6, w->csum4, w->csum6
    if (json)
        printf(as_json, CONNECTION);
    else
        printf(text, CONNECTION);
#undef CONNECTION
}

static void json_traffic(const struct nf_conn *c, const char *verb, const struct traffic_result *r)
{
    double s = (double)r->ns / 1e9;

    printf("{\"verb\":\"%s\",\"ok\":true,\"sent\":%" PRIu64 ",\"back\":%" PRIu64
           ",\"bytes_sent\":%" PRIu64 ",\"bytes_back\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"segmented\":%" PRIu64 ",\"seconds\":%.3f,\"frames_per_s\":%.0f,\"mbit_per_s\":%.1f,",
           verb, r->sent, r->back, r->bytes_sent, r->bytes_back, r->lost, r->segmented, s,
           (double)r->back / s, (double)r->bytes_back * 8 / 1e6 / s);
    printf("\"rtt_us\":{\"mean\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f},",
           us(hist_mean(&r->rtt)), us(hist_quantile(&r->rtt, 500000)),
           us(hist_quantile(&r->rtt, 990000)), us(hist_quantile(&r->rtt, 999000)),
           us(r->rtt.max_ns));
    connection(c, true);
    puts("}");
}

void report_traffic(const struct nf_conn *c, const char *verb, const struct traffic_result *r,
                    bool json)
{
    double s = (double)r->ns / 1e9;

    if (json) {
        json_traffic(c, verb, r);
        return;
    }
    printf("%s ok: %" PRIu64 " frames sent (%" PRIu64 " to be segmented), %" PRIu64
           " back, %" PRIu64 " lost, %.1f MB; ",
           verb, r->sent, r->segmented, r->back, r->lost, (double)r->bytes_back / 1e6);
    connection(c, false);
    printf("; %.0f frames/s, %.0f Mbit/s", (double)r->back / s,
           (double)r->bytes_back * 8 / 1e6 / s);
    if (r->rtt.count)
        printf("; round trip p50 %.0f us, p99 %.0f us", us(hist_quantile(&r->rtt, 500000)),
               us(hist_quantile(&r->rtt, 990000)));
    if (r->gaps || r->twice)
        printf("; %" PRIu64 " gaps, %" PRIu64 " frames twice", r->gaps, r->twice);
    putchar('\n');
}

void report_failure(const struct nf_conn *c, const char *verb, int rc, bool json)
{
    char text[4 * FRONT_WHY_MAX];
    const char *why = c->f.why[0] ? c->f.why : strerror(-rc);

    log_escape(text, sizeof(text), why, (unsigned)strlen(why));
    if (json) {
        for (char *p = text; *p; p++) {
            if (*p == '"' || *p == '\\')
                *p = '\'';
        }
        printf("{\"verb\":\"%s\",\"ok\":false,\"error\":%d,\"why\":\"%s\"}\n", verb, -rc, text);
    }
    fprintf(stderr, "drvdom-netfront: %s: %s\n", verb, text);
}
