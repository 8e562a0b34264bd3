/*
 * Latency and load of devices, for people and for programs.  PURE: the numbers are given, the text
 * comes back.  All times in the histograms are nanoseconds.
 */
#ifndef DRVDOM_TOOLS_LATENCY_RENDER_H
#define DRVDOM_TOOLS_LATENCY_RENDER_H

#include "driver-domain/image/bytes.h"
#include "transport/xen/stats.h"

enum { LATENCY_NAME = 64 };

/* One device and its counters, which are somebody else's memory. */
struct latency_device {
    char domain[LATENCY_NAME]; /* the driver domain */
    char guest[LATENCY_NAME];
    char kind[8]; /* "vbd" or "vif" */
    unsigned devid;
    const struct dev_stats *stats;
};

/* "wake", "grant", "device", "answer", "total". */
const char *latency_stage_name(unsigned stage);
/* "read" ... of a disk, "rx" (to the guest) ... of a vif. */
const char *latency_op_name(const char *kind, unsigned op);

/* A row per device, operation and stage that has a value: count, mean, p50, p90, p99, p99.9, max
 * (microseconds), and the stage's share of the sum of stage means. */
void latency_table(const struct latency_device *d, size_t n, struct bytes *out);
void latency_json(const struct latency_device *d, size_t n, struct bytes *out);
/* OpenMetrics text, seconds and bytes. */
void latency_openmetrics(const struct latency_device *d, size_t n, struct bytes *out);
/* HdrHistogram's percentile distribution (value in microseconds), one block per histogram, a
 * comment line in front of each. */
void latency_hgrm(const struct latency_device *d, size_t n, struct bytes *out);
/* One page that needs no network: a bar of stage means and percentile curves per device, SVG. */
void latency_html(const struct latency_device *d, size_t n, struct bytes *out);

/* What happened between two snapshots of one device, interval_ns apart. */
struct latency_rate {
    uint64_t ops_per_s[STAT_OPS], bytes_per_s[STAT_OPS], errors;
    uint64_t p50_ns, p99_ns; /* of all operations, STAGE_TOTAL */
    uint64_t depth_milli;    /* mean number in flight, times 1000 (Little's law) */
    uint64_t cpu_permille;   /* of one CPU, used by the device's worker */
};
/* then may be NULL: since the start of the device.  A counter that went back (a new worker without
 * the old one's memory) counts from zero.  Fills *rate; scratch is a histogram to work in. */
void latency_rate(const struct dev_stats *now, const struct dev_stats *then, uint64_t interval_ns,
                  struct hist *scratch, struct latency_rate *rate);

void latency_top(const struct latency_device *d, const struct latency_rate *rates, size_t n,
                 struct bytes *out);
void latency_top_json(const struct latency_device *d, const struct latency_rate *rates, size_t n,
                      struct bytes *out);

#endif
