/*
 * Reads and writes with data that is checked.
 */
#ifndef DRVDOM_BLKFRONT_VERIFY_H
#define DRVDOM_BLKFRONT_VERIFY_H

#include <signal.h>

#include "frontends/blk/load.h"

struct verify_options {
    uint64_t from, sectors; /* sectors 0: as much as there is, at most VERIFY_SECTORS */
    uint64_t seed;          /* of data and order */
    uint32_t generation;    /* of write and read */
    unsigned depth;
    uint64_t ops; /* of verify; 0: by time */
    unsigned seconds;
    unsigned rate; /* of verify: at most so many requests a second; 0: no limit */
    bool plain;    /* whole pages only */
    bool sync_ops; /* flush and barrier among the requests */
    bool discard;  /* discard, too */
    /* Not NULL: set by somebody (a signal), it ends verify as the time does: all is read once more.
     */
    const volatile sig_atomic_t *stop;
    /* Not 0: called every so many ms with what this window has seen. */
    unsigned window_ms;
    void (*window)(const struct hist *h, uint64_t ns);
};

enum { VERIFY_SECTORS = 65536 }; /* 32 MiB */

struct verify_result {
    uint64_t writes, reads, others, checked; /* checked: sectors compared */
    struct hist hist;                        /* this and ns: without verify_random's last check */
    uint64_t ns;
};

/* Random reads, writes, flushes, barriers and discards that never overlap in flight, each sector
 * read compared with what was last written; then all of it once more.  0; -EILSEQ: wrong data (or
 * bytes beside it touched), -EIO: an answer that was an error; or as bf_poll.  c->f.why. */
int verify_random(struct bf_conn *c, const struct verify_options *o,
                  struct verify_result *r) must_check;
/* The whole range once, in order. */
int verify_write(struct bf_conn *c, const struct verify_options *o,
                 struct verify_result *r) must_check;
int verify_read(struct bf_conn *c, const struct verify_options *o,
                struct verify_result *r) must_check;

/* Is the device in order?  A short verify_random on a fresh generation. */
int verify_quick(struct bf_conn *c, uint64_t from, uint64_t sectors) must_check;

#endif
