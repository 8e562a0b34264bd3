/*
 * What drvdom-blkfront prints: a line for people, or a line of JSON.
 */
#ifndef DRVDOM_BLKFRONT_REPORT_H
#define DRVDOM_BLKFRONT_REPORT_H

#include "frontends/blk/bench.h"
#include "frontends/blk/verify.h"

void report_offer(const struct bf_offer *o, bool json);
void report_verify(const struct bf_conn *c, const char *verb, const struct verify_result *r,
                   bool json);
void report_bench(const struct bf_conn *c, const struct bench_options *o,
                  const struct bench_result *r, bool json);
/* c->f.why may hold text that a backend chose: it is escaped. */
void report_failure(const struct bf_conn *c, const char *verb, int err, bool json);

/* Seconds of the real-time clock, which the guests of one host share. */
double report_now(void);
/* A line of JSON: now, and what the last `ns` saw. */
void report_window(const struct hist *h, uint64_t ns);
/* A line of JSON about one row of the catalogue (struct catalogue, report). */
void report_row(const char *name, const char *result, const char *text, uint64_t began_ns);

#endif
