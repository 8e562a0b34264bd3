/*
 * What the chapters of the catalogue share (misbehave.h).
 */
#ifndef DRVDOM_BLKFRONT_EVIL_H
#define DRVDOM_BLKFRONT_EVIL_H

#include "frontends/blk/io.h"
#include "frontends/common/catalogue.h"

enum {
    EVIL_REACT_MS = 4000,  /* the backend's housekeeping takes 2 s; twice that is too long */
    EVIL_STEADY_MS = 300,  /* "nothing happens" is watched for so long */
    EVIL_STATUS_ANY = 100, /* evil_one(): okay or error, the backend may choose */
};

struct evil {
    struct bf_conn *c;
    struct bf_want base, want; /* want is to be changed by a row */
    const struct row *row;
    const char *hook;
    char text[ROW_TEXT_MAX]; /* why it is wrong, or skipped */
};

extern const struct row evil_rings[], evil_grants[], evil_requests[], evil_pages[],
    evil_stores[]; /* end: name NULL */

/* Words of a ring's shared page, see ring.h. */
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT };

static inline struct bf_queue *evil_queue(struct evil *e)
{
    return &e->c->queue[0];
}

enum row_result evil_wrong(struct evil *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum row_result evil_skip(struct evil *e, const char *why);

/* Runs the hook; false when there is none or it fails. */
bool evil_hook(struct evil *e, const char *when);

/* Connects as e->want says.  Anything but ROW_OK ends the row. */
enum row_result evil_connect(struct evil *e);
/* The backend must not connect with these keys: it closes, within the time.  tamper spoils them. */
enum row_result evil_refused(struct evil *e, void (*tamper)(struct bf_conn *c, void *arg),
                             void *arg);
/* The backend leaves state 4 for 5 or 6. */
enum row_result evil_closes(struct evil *e);
/* It serves: verified data, now. */
enum row_result evil_serves(struct evil *e);
/* Ends the connection in an orderly way and gets the device to where it can start again. */
enum row_result evil_again(struct evil *e);

/* Grant references that are none. */
enum { EVIL_NO_REFS = 4 };
extern const uint32_t evil_no_ref[EVIL_NO_REFS];

/* A plain request of whole pages; data page `page` and those behind it. */
struct bf_req evil_req(const struct bf_conn *c, uint8_t op, uint64_t sector, unsigned nr_segs,
                       unsigned page);
/* An indirect one of `nr` segments, whole pages of the first 32; they are listed in data page 40.
 */
struct bf_req evil_indirect(struct evil *e, uint8_t inner, uint64_t sector, uint16_t nr);
/* Answers, shorter than blkif.h has them. */
enum { OKAY = BLKIF_RSP_OKAY, ERROR = BLKIF_RSP_ERROR, NOT_SUPPORTED = BLKIF_RSP_EOPNOTSUPP };
/* Puts one and wants this answer (status, id and operation echoed). */
enum row_result evil_one(struct evil *e, const struct bf_req *r, int status);
/* Puts n, then takes n answers in any order; counts[status + 2] of okay, error, not supported.
 * n: up to a ring. */
enum row_result evil_many(struct evil *e, const struct bf_req *r, unsigned n, unsigned counts[3]);
/* A sector is filled with (seed, generation) through page `page`, or must hold that. */
enum row_result evil_put_data(struct evil *e, uint64_t sector, unsigned nr_sectors,
                              uint32_t generation);
enum row_result evil_has_data(struct evil *e, uint64_t sector, unsigned nr_sectors,
                              uint32_t generation);

#endif
