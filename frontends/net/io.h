/*
 * Frames out and in.  Answers are read the way a guest must read them: an index, an id or a chain
 * that cannot be makes the connection `broken`, and nothing of the backend is looked at any more
 * (hostile-peers F1 to F3).
 */
#ifndef DRVDOM_NETFRONT_IO_H
#define DRVDOM_NETFRONT_IO_H

#include "frontends/net/conn.h"

/* Puts a frame on the ring; nf_push shows it.  *random: 0 for whole pages, else slots of any length
 * at any place in their page.  -EAGAIN: no room now; -EPROTO: broken. */
int nf_send(struct nf_conn *c, struct nf_queue *q, const uint8_t *frame, uint32_t len,
            const struct nf_meta *m, uint64_t *random) must_check;
/* Shows what was put, and kicks the backend if it asked for that. */
int nf_push(struct nf_conn *c, struct nf_queue *q) must_check;

/* Posts up to n receive slots.  0 or -errno. */
int nf_post(struct nf_conn *c, struct nf_queue *q, uint32_t n) must_check;

/* Takes answers and frames (each goes to c->on_frame) and posts the slots again; waits up to ms for
 * the first.  How many; 0: none came; -EPROTO: the backend broke the protocol; -ESHUTDOWN: it left
 * state 4. */
int nf_poll(struct nf_conn *c, unsigned ms) must_check;

/* Takes what is answered of one transmit ring, without waiting.  How many, or -EPROTO. */
int nf_reap(struct nf_conn *c, struct nf_queue *q) must_check;

/* Slots in the transmit ring that are not answered. */
static inline uint32_t nf_tx_waiting(const struct nf_queue *q)
{
    return q->tx.prod - q->tx.cons;
}

/* ---- raw, for hostile peers: no slot is kept, so nothing else may be on that ring ---- */

void nf_raw_put(struct nf_queue *q, const void *slot, size_t size);
/* A transmit request of page `page`. */
void nf_raw_tx(struct nf_queue *q, uint16_t id, unsigned page, uint32_t off, uint32_t size,
               uint16_t flags);
/* Kicks whether or not it was asked for. */
int nf_kick(struct nf_conn *c, struct nf_queue *q);
/* Next answer of the tx ring: 1, 0 when none came within ms, -EPROTO, -ESHUTDOWN. */
int nf_raw_answer(struct nf_conn *c, struct nf_queue *q, struct netif_tx_response *rsp,
                  unsigned ms) must_check;
/* The same of the rx ring (8 bytes). */
int nf_raw_rx(struct nf_conn *c, struct nf_queue *q, void *raw, unsigned ms) must_check;

#endif
