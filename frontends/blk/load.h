/*
 * Keeps a number of requests in flight over all queues: what verify, write, read and bench share.
 */
#ifndef DRVDOM_BLKFRONT_LOAD_H
#define DRVDOM_BLKFRONT_LOAD_H

#include "frontends/blk/io.h"
#include "transport/base/hist.h"

enum { LOAD_DEPTH_MAX = 256, LOAD_STALL_MS = 30000 };

enum load_next { LOAD_END = -1, LOAD_LATER = 0, LOAD_GO = 1 };

struct load {
    struct bf_conn *c;
    unsigned depth;
    /* Fills `io` (its pages are laid out then): GO; LATER: not before another is answered; END. */
    enum load_next (*next)(struct load *l, struct bf_io *io);
    /* Was answered.  0, or -errno ends the run. */
    int (*answered)(struct load *l, struct bf_io *io);
    void *arg;
    uint64_t every_ns, due_ns; /* a request not more often than that; 0: as fast as they go */
    struct hist hist;          /* from put to answered */
    uint64_t ops, bytes, began_ns, ended_ns;
    bool early; /* the next request is not due yet */
    int rc;
    struct bf_io *io; /* `depth` of them */
};

/* 0 when next() said END and all is answered; else -errno, and c->f.why. */
int load_run(struct load *l) must_check;

#endif
