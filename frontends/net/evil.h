/*
 * What the chapters of the catalogue share (misbehave.h).
 */
#ifndef DRVDOM_NETFRONT_EVIL_H
#define DRVDOM_NETFRONT_EVIL_H

#include "frontends/common/catalogue.h"
#include "frontends/net/io.h"
#include "frontends/net/traffic.h"

enum {
    EVIL_REACT_MS = 4000,  /* the backend's housekeeping takes 2 s; twice that is too long */
    EVIL_STEADY_MS = 200,  /* "nothing happens" is watched for so long */
    EVIL_STATUS_ANY = 100, /* evil_answers(): okay or error, the backend may choose */
};

struct evil {
    struct nf_conn *c;
    struct nf_want base, want; /* want is to be changed by a row */
    const struct traffic_options *traffic;
    const struct row *row;
    const char *hook;
    char text[ROW_TEXT_MAX]; /* why it is wrong, or skipped */
    /* frames that came while evil_await_back() waited */
    unsigned got;
    uint32_t sentinel; /* number of the good frame that is waited for: another may be late */
    uint8_t last[64];
    uint8_t frame[NF_TX_FRAME_MAX + 1];
};

extern const struct row evil_rings[], evil_grants[], evil_frames[], evil_rx[], evil_ctrls[],
    evil_stores[]; /* end: name NULL */

enum row_result evil_wrong(struct evil *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum row_result evil_skip(struct evil *e, const char *why);

/* Runs the hook; false when there is none or it fails. */
bool evil_hook(struct evil *e, const char *when);

static inline struct nf_queue *evil_queue(struct evil *e)
{
    return &e->c->queue[0];
}
void evil_sleep(unsigned ms);

/* Connects as e->want says.  Anything but ROW_OK ends the row. */
enum row_result evil_connect(struct evil *e);
/* The backend must not connect with these keys: it closes, within the time.  tamper spoils them.
 * Afterwards the device is where it can start again. */
enum row_result evil_refused(struct evil *e, void (*tamper)(struct nf_conn *c, void *arg),
                             void *arg);
/* The backend leaves state 4 for 5 or 6. */
enum row_result evil_closes(struct evil *e);
/* What was put on the tx ring is shown, kicked, and the device is closed for it. */
enum row_result evil_push_closes(struct evil *e);
/* It serves: verified traffic, now. */
enum row_result evil_serves(struct evil *e);
/* Ends the connection in an orderly way and gets the device to where it can start again. */
enum row_result evil_again(struct evil *e);

/* ---- frames, put on the ring by hand ---- */

/* The flow of hand-made frames: to the echo. */
struct frame_flow evil_flow(const struct evil *e, enum frame_kind k);
/* One good frame of `kind` in tx page `page` at offset 0: its length. */
uint32_t evil_good(struct evil *e, enum frame_kind k, uint32_t payload, bool blank, unsigned page);
/* Shows what was put. */
enum row_result evil_push(struct evil *e);
/* Wants n answers in order, ids from `id` on; those whose bit is set in `extras` are NULL, the
 * others have `status`. */
enum row_result evil_answers(struct evil *e, unsigned n, uint16_t id, uint32_t extras, int status);
/* Sends a good raw frame by itself and waits until it is back; frames that came before it are in
 * e->got.  So what was sent earlier and is not there was not forwarded. */
enum row_result evil_await_back(struct evil *e);
/* The last frames: n of them came back besides the sentinel. */
enum row_result evil_came_back(struct evil *e, unsigned n);

/* A tamper function: arg is struct evil_key. */
struct evil_key {
    const char *key, *value;
};
void evil_set_key(struct nf_conn *c, void *arg);
void evil_rm_key(struct nf_conn *c, void *arg);

#endif
