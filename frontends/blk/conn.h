/*
 * The frontend's half of the handshake, and what a connection holds: rings, ports, granted pages.
 * The backend's directory is the word of a domain that may be hostile: every value is checked
 * against what this frontend can use, and every wait has an end (hostile-peers F5, F6).
 */
#ifndef DRVDOM_BLKFRONT_CONN_H
#define DRVDOM_BLKFRONT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "frontends/blk/profile.h"
#include "frontends/blk/req.h"
#include "frontends/common/front.h"
#include "transport/base/hist.h"
#include "transport/xen/ring.h"

enum {
    BF_QUEUES_MAX = 8,
    BF_ORDER_MAX = 4,
    BF_RING_PAGES_MAX = 1 << BF_ORDER_MAX,
    BF_SEGS_MAX = 256,    /* of one request of ours */
    BF_PAGES_MAX = 896,   /* data pages: rings and tests fit beside them in SHARE_MAX */
    BF_PAGES_PLAIN = 448, /* the usual number where no request is indirect */
    BF_SLOTS_MAX = 32 << BF_ORDER_MAX,
};

/* What the backend offers, after checking. */
struct bf_offer {
    uint64_t sectors; /* of 512 bytes */
    uint32_t sector_size, physical_size, info, indirect, queues, order;
    uint32_t discard_granularity, discard_alignment;
    bool flush, barrier, persistent, discard, secure;
};

struct bf_conn;

struct bf_want {
    const struct profile *profile;
    unsigned queues, order; /* at most; less if less is offered */
    uint32_t indirect;      /* most segments of a request; 0 or up to 11: none is indirect */
    bool persistent;
    bool all_or_nothing;      /* -EOPNOTSUPP when less is offered */
    bool numbered;            /* say ring-page-order even for one page */
    bool stamps;              /* measure the way back: transport/xen/stamp.h */
    uint64_t stamp_offset_ns; /* our counter began so much later than the backend's */
    enum bf_abi abi;
    unsigned pages; /* data pages to share; 0: as many as are usual */
    unsigned timeout_ms;
    /* for tests: */
    uint32_t ring_base;                           /* indexes start here */
    void (*tamper)(struct bf_conn *c, void *arg); /* called when the keys are written, before the
                                                     state */
    void *tamper_arg;
};

struct bf_io;

/* A request slot; which request an answer's id means. */
struct bf_slot {
    struct bf_io *io; /* NULL: no request of that id is out */
    uint32_t generation;
    int page; /* for the segments of an indirect request; -1: none */
};

struct bf_queue {
    struct ring ring;
    void *ring_mem;
    uint32_t ring_pages, ref[BF_RING_PAGES_MAX];
    struct front_port port;
    uint32_t nr_slots, in_flight;
    struct bf_slot slot[BF_SLOTS_MAX];
    uint16_t free[BF_SLOTS_MAX];
    uint32_t nr_free;
};

struct bf_conn {
    struct front f;
    struct bf_want want;
    struct bf_offer offer;
    enum bf_abi abi;
    uint32_t indirect; /* most segments of a request, at least 11 */
    bool persistent;
    unsigned nr_queues;
    struct bf_queue queue[BF_QUEUES_MAX];
    /* data pages */
    uint8_t *page[BF_PAGES_MAX];
    uint32_t page_ref[BF_PAGES_MAX];
    uint16_t page_free[BF_PAGES_MAX];
    uint32_t nr_pages, nr_pages_free;
    uint64_t padded;      /* answers with something behind their fields (B20) */
    bool broken;          /* the backend broke the protocol: nothing of it is looked at any more */
    struct hist returned; /* with want.stamps: answer put by the backend -> taken here */
};

/* Opens everything and finds the device's backend; no connection yet. */
int bf_open(struct bf_conn *c, unsigned devid) must_check;
void bf_fini(struct bf_conn *c);

/* The handshake, as the profile has it, up to Connected.  -EOPNOTSUPP: the backend's directory
 * lacks what the profile demands, or offers less than all_or_nothing wants; -ECONNREFUSED: it
 * closed; -ETIMEDOUT.  c->f.why says more. */
int bf_connect(struct bf_conn *c, const struct bf_want *w) must_check;
/* As the profile stops; then rings and pages are given back. */
int bf_disconnect(struct bf_conn *c) must_check;
/* From whatever state, by the way of a kexec'd kernel, to where bf_connect() can start. */
int bf_reset(struct bf_conn *c) must_check;

/* ---- the steps, for tests that go their own way ---- */

int bf_read_offer(struct bf_conn *c) must_check;
/* Rings, ports, pages; keys are not written. */
int bf_prepare(struct bf_conn *c, const struct bf_want *w) must_check;
int bf_write_keys(struct bf_conn *c) must_check;
void bf_release(struct bf_conn *c);

#endif
