/*
 * The shared ring (xen/io/ring.h), both ends.  ring.c is the only file that dereferences a shared
 * ring: it snapshots the peer's index, refuses more than one ring's worth, copies each slot once
 * into private memory, and keeps every index of our own private.  No pointer into the shared page
 * is ever returned.
 *
 * Shared layout, all uint32_t, native endian:
 *   0 req_prod   4 req_event   8 rsp_prod   12 rsp_event   16..63 private/pad   64 slots...
 */
#ifndef DRVDOM_XEN_RING_H
#define DRVDOM_XEN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

struct ring_shared; /* opaque outside ring.c */

struct ring {
    struct ring_shared *sh;
    uint32_t slots;     /* power of two */
    uint32_t slot_size; /* bytes: max(request, response) as the ABI lays it out */
    uint32_t cons;      /* back: requests taken; front: responses taken */
    uint32_t prod;      /* back: responses put; front: requests put */
    uint32_t pushed;    /* prod as of the last push: what the peer can see */
    uint32_t seen;      /* last good snapshot of the peer's producer index */
};

/* Slots that fit a ring of `bytes` (whole pages): power of two, 0 when none does. */
uint32_t ring_slots(size_t bytes, uint32_t slot_size);

/* ---- back end ---- */

/* Takes up a ring that the frontend has initialised and mapped into `mem` (bytes long, stays the
 * caller's).  Starts at the shared rsp_prod, which is 0 on a fresh ring; a ring taken up again
 * after a crash continues there.  -EPROTO when req_prod - rsp_prod exceeds the ring (R1, R2). */
int ring_back_attach(struct ring *r, void *mem, size_t bytes, uint32_t slot_size) must_check;

/* The same for a ring whose last owner died with `taken` requests read and unanswered, beginning at
 * the shared rsp_prod: reading goes on behind them, answering begins with them.
 * -EPROTO also when the frontend has not put as many. */
int ring_back_resume(struct ring *r, void *mem, size_t bytes, uint32_t slot_size,
                     uint32_t taken) must_check;

/* The shared rsp_prod of a ring that is about to be taken up. */
uint32_t ring_back_answered(const void *mem);

/* Copies the next request into dst (slot_size bytes).  1 taken, 0 none waits,
 * -EPROTO: the frontend's producer index is impossible; the ring must not be used again. */
int ring_back_take(struct ring *r, void *dst) must_check;

/* Requests that wait, looked up afresh; 0..slots, or -EPROTO. */
int ring_back_avail(struct ring *r) must_check;

/* Copies request number `ahead` (0 = the next one) without taking it; the caller has asked
 * ring_back_avail.  The copy may differ from what ring_back_take later reads: never decide on one
 * and act on the other. */
void ring_back_peek(const struct ring *r, uint32_t ahead, void *dst);

/* Puts one response (size bytes, the rest of the slot is zeroed so nothing old shows: XSA-216).
 * There is always room: a response answers a taken request, which the caller must ensure. */
void ring_back_put(struct ring *r, const void *rsp, size_t size);

/* Makes all put responses visible.  True: the frontend asked to be notified. */
bool ring_back_push(struct ring *r) must_check;

/* Is the frontend still waiting for an event that the responses pushed so far should have brought?
 * For a notification that was put off: by now it may have found the responses by itself, and an
 * event without news counts against us (Linux delays such channels). */
bool ring_back_owes(const struct ring *r);

/* Asks for an event at the next request, then looks again: 1 when requests came meanwhile (go on
 * taking), 0 when it is safe to sleep, -EPROTO. */
int ring_back_rest(struct ring *r) must_check;

/* Asks for an event only once `more` requests wait (net rx: a frame needs several slots). */
int ring_back_rest_until(struct ring *r, uint32_t more) must_check;

/* ---- front end ---- */

/* Initialises the shared page(s) of a fresh ring. */
void ring_front_init(struct ring *r, void *mem, size_t bytes, uint32_t slot_size);
/* Free request slots: none is reused before its response was taken. */
uint32_t ring_front_space(const struct ring *r);
void ring_front_put(struct ring *r, const void *req, size_t size);
bool ring_front_push(struct ring *r) must_check;
/* Copies the next response: 1, 0, or -EPROTO (the backend's index is impossible). */
int ring_front_take(struct ring *r, void *dst) must_check;
int ring_front_rest(struct ring *r) must_check;

/* ---- misbehaviour, for hostile test peers only ---- */
void ring_raw_set(struct ring *r, unsigned word, uint32_t value); /* word 0..3 as drawn above */
uint32_t ring_raw_get(const struct ring *r, unsigned word);
void ring_raw_write(struct ring *r, uint32_t slot, const void *data, size_t size);

#endif
