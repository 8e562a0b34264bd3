/*
 * The frontend's half of a vif's handshake, and what a connection holds: rings, ports, granted
 * pages.  The backend's directory is the word of a domain that may be hostile: every value is
 * checked against what this frontend can use (hostile-peers F5).
 */
#ifndef DRVDOM_NETFRONT_CONN_H
#define DRVDOM_NETFRONT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "frontends/common/front.h"
#include "frontends/net/profile.h"
#include "frontends/net/slots.h"
#include "transport/xen/ring.h"

enum {
    NF_QUEUES_MAX = 8,
    NF_PAGES_TOTAL = 960, /* data pages of a connection: rings and tests fit beside in SHARE_MAX */
    NF_PAGES_MAX = NF_RING_SLOTS,
};

struct nf_offer {
    bool rx_copy, sg, gso4, gso6, no_csum4, csum6, mcast, mcast_dynamic, split, ctrl, xdp;
    uint32_t queues;
};

struct nf_conn;

struct nf_want {
    const struct profile *profile;
    unsigned queues; /* at most; less if less is offered */
    bool split, sg, gso4, gso6, csum4, csum6, rx_notify, mcast; /* what this end takes and says */
    bool ctrl, hash; /* a control ring; a hash set over it, and every frame looked at for it */
    uint16_t headroom;
    bool exact; /* -EOPNOTSUPP when less is offered */
    unsigned timeout_ms;
    /* for tests: */
    bool no_buffers;                              /* receive slots are posted by the test */
    uint32_t ring_base;                           /* indexes start here */
    void (*tamper)(struct nf_conn *c, void *arg); /* when the keys stand, before the state does */
    void *tamper_arg;
};

struct nf_page {
    uint8_t *mem;
    uint32_t ref;
};

struct nf_queue {
    unsigned index;
    uint32_t tx_ref, rx_ref;
    void *tx_mem, *rx_mem;
    struct ring tx, rx;
    struct front_port port[2]; /* tx, rx; one channel for both: only port[0] */
    uint32_t nr_pages;         /* of each direction */
    void *pages_mem[2];
    uint32_t pages_ref[2][NF_PAGES_MAX];
    /* tx: what stands in each ring slot; pages by id */
    struct nf_tx_slot tx_slot[NF_RING_SLOTS];
    uint16_t tx_free[NF_PAGES_MAX];
    uint32_t nr_tx_free;
    uint64_t tx_bad; /* answers other than okay */
    /* rx */
    uint16_t rx_page[NF_RING_SLOTS]; /* of each ring slot */
    uint16_t rx_free[NF_PAGES_MAX];
    uint32_t nr_rx_free;
    struct nf_rx frame;
};

/* The control ring, and a page for what its requests point to. */
struct nf_ctrl {
    void *mem, *page;
    uint32_t ref, page_ref;
    struct ring ring;
    struct front_port port;
    uint16_t next_id;
};

/* The hash as it was set. */
enum { NF_HASH_KEY = 40, NF_HASH_MAPPING = 128 };
struct nf_hash {
    uint8_t key[NF_HASH_KEY];
    uint32_t mapping[NF_HASH_MAPPING];
    bool settled; /* frames are judged by it */
};

struct nf_conn {
    struct front f;
    uint8_t mac[6];
    struct nf_want want;
    struct nf_offer offer;
    struct nf_rx_rules rules;
    unsigned nr_queues;
    struct nf_queue queue[NF_QUEUES_MAX];
    struct nf_ctrl ctrl;
    struct nf_hash hash;
    uint64_t hashed; /* frames with a good hash in the right queue */
    bool broken;     /* the backend broke the protocol: nothing of it is looked at any more */
    bool watched; /* every receive page is filled before it is posted and looked at after (N26) */
    void (*on_frame)(void *arg, struct nf_queue *q, struct nf_rx *x);
    void *on_frame_arg;
    uint64_t frames_in, frames_out, bytes_in, bytes_out, rx_errors;
};

/* Opens everything and finds the device's backend; no connection yet. */
int nf_open(struct nf_conn *c, unsigned devid) must_check;
void nf_fini(struct nf_conn *c);

/* Takes what the profile can, as far as `w` says so: of a want whose flags are all set this makes
 * the frontend of that name. */
void nf_want_limit(struct nf_want *w);

/* The handshake, as the profile has it, up to Connected.  -EOPNOTSUPP: the backend's directory
 * lacks what the profile demands, or offers less than `exact` wants; -ECONNREFUSED: it closed;
 * -ETIMEDOUT.  c->f.why says more. */
int nf_connect(struct nf_conn *c, const struct nf_want *w) must_check;
/* As the profile stops; then rings and pages are given back. */
int nf_disconnect(struct nf_conn *c) must_check;
/* From whatever state to where nf_connect() can start. */
int nf_reset(struct nf_conn *c) must_check;

/* ---- the steps, for tests that go their own way ---- */
int nf_read_offer(struct nf_conn *c) must_check;
/* Rings, ports, pages; keys are not written. */
int nf_prepare(struct nf_conn *c, const struct nf_want *w) must_check;
int nf_write_keys(struct nf_conn *c) must_check;
void nf_release(struct nf_conn *c);

static inline uint8_t *nf_page(const struct nf_queue *q, int dir, unsigned i)
{
    return (uint8_t *)q->pages_mem[dir] + (size_t)i * NF_PAGE;
}

#endif
