/*
 * The control ring, front end (netif.h, "Control ring"), and the hash that is set over it.
 */
#ifndef DRVDOM_NETFRONT_CTRL_H
#define DRVDOM_NETFRONT_CTRL_H

#include "frontends/net/conn.h"

/* Ring, port and a page; given back by nf_ctrl_release(), which may be called at any time. */
int nf_ctrl_make(struct nf_conn *c) must_check;
void nf_ctrl_release(struct nf_conn *c);

/* One request, waited for: its status (>= 0; *data is what came with it), -ETIMEDOUT, or -EPROTO:
 * the answer was not one to this request.  In data[0] of a key or mapping goes c->ctrl.page_ref. */
int nf_ctrl_call(struct nf_conn *c, uint16_t type, uint32_t a, uint32_t b, uint32_t d,
                 uint32_t *data) must_check;

/* Sets a hash of all types, with a key and a mapping of its own, and waits 1.5 s until flows have
 * moved to their queues.  0 or -errno. */
int nf_hash_set(struct nf_conn *c) must_check;
/* Does the frame have the hash that it must have (or none), and did it come in the queue that is
 * mapped to it?  False and *why. */
bool nf_hash_ok(struct nf_conn *c, const struct nf_queue *q, const struct nf_rx *x,
                const char **why);

#endif
