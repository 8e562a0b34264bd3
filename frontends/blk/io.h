/*
 * The life of a request of ours: given data pages, put on a ring, answered.  Answers are read the
 * way a guest must read them: an index, an id or an operation that cannot be makes the connection
 * `broken`, and nothing of the backend is looked at any more (hostile-peers F1, F2).
 */
#ifndef DRVDOM_BLKFRONT_IO_H
#define DRVDOM_BLKFRONT_IO_H

#include "frontends/blk/conn.h"

struct bf_seg {
    uint16_t page; /* of the connection's data pages */
    uint8_t first, last;
};

/* The caller's until done() was called or the connection is released. */
struct bf_io {
    uint8_t op; /* BLKIF_OP_READ, WRITE, WRITE_BARRIER, FLUSH_DISKCACHE, DISCARD */
    uint8_t flag;
    bool indirect; /* even if it fits a plain request */
    bool waiting;  /* on a ring */
    uint16_t handle;
    int16_t status; /* BLKIF_RSP_, once answered */
    uint16_t nr_segs;
    uint64_t sector;
    uint32_t nr_sectors;
    uint64_t start_ns, end_ns;
    void (*done)(struct bf_io *io, void *arg);
    void *arg;
    struct bf_seg seg[BF_SEGS_MAX];
};

/*
 * Lays nr_sectors (what is left to be laid out when the segments or pages run out: the number laid
 * out is returned, 0: none) over free data pages.  *random: 0 for whole pages, else segments of any
 * length at any place in their page.
 */
uint32_t bf_io_lay(struct bf_conn *c, struct bf_io *io, uint32_t nr_sectors, uint64_t *random);
/* Gives the pages back. */
void bf_io_unlay(struct bf_conn *c, struct bf_io *io);

/* Memory of each sector in turn.  *at starts at 0; NULL behind the last. */
uint8_t *bf_io_each(const struct bf_conn *c, const struct bf_io *io, uint32_t *seg, uint32_t *at);

/* All bytes of the pages that do not belong to a segment, too: set, and are they still so (F8)? */
void bf_io_canary(const struct bf_conn *c, const struct bf_io *io);
bool bf_io_canary_holds(const struct bf_conn *c, const struct bf_io *io);

/* Puts the request on the ring; bf_push shows it.  -EAGAIN: no slot is free; -EPROTO: broken. */
int bf_submit(struct bf_conn *c, struct bf_queue *q, struct bf_io *io) must_check;
/* Shows what was put, and kicks the backend if it asked for that. */
int bf_push(struct bf_conn *c, struct bf_queue *q) must_check;

/* Takes answers and calls done() for each; waits up to ms for the first.  How many; 0: none came;
 * -EPROTO: the backend broke the protocol; -ESHUTDOWN: it left state 4. */
int bf_poll(struct bf_conn *c, unsigned ms) must_check;

/* One request from start to end.  0 (io->status is its answer), -ETIMEDOUT, or as bf_poll. */
int bf_run(struct bf_conn *c, struct bf_queue *q, struct bf_io *io, unsigned ms) must_check;

/* The part that looks at an answer.  PURE but for done(): tests call it with what no backend
 * would send.  0 or -EPROTO with c->f.why. */
int bf_answer(struct bf_conn *c, struct bf_queue *q, const uint8_t *slot) must_check;

/* ---- raw, for hostile requests: no slot is kept, so nothing else may be on that ring ---- */

/* Takes a free data page; -1 when there is none. */
int bf_page_take(struct bf_conn *c);
void bf_page_give(struct bf_conn *c, int page);
void bf_raw_put(struct bf_conn *c, struct bf_queue *q, const struct bf_req *r);
/* Kicks whether or not it was asked for. */
int bf_kick(struct bf_conn *c, struct bf_queue *q);
/* Next answer: 1, 0 when none came within ms, -EPROTO, -ESHUTDOWN. */
int bf_raw_take(struct bf_conn *c, struct bf_queue *q, struct bf_answer *a, unsigned ms) must_check;

#endif
