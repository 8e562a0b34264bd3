/*
 * Measures: requests of one size, a number of them in flight, for a time.
 */
#ifndef DRVDOM_BLKFRONT_BENCH_H
#define DRVDOM_BLKFRONT_BENCH_H

#include "frontends/blk/load.h"

struct bench_options {
    uint64_t from, sectors; /* range; sectors 0: the whole disk */
    uint32_t bytes;         /* of a request: multiple of 512 */
    unsigned depth, seconds;
    unsigned write_percent;
    bool in_order;
};

struct bench_result {
    struct hist hist;
    uint64_t ops, bytes, ns, errors;
};

int bench_run(struct bf_conn *c, const struct bench_options *o, struct bench_result *r) must_check;

#endif
