/*
 * The journal of a block device: what its worker has taken from the rings and not yet answered, in
 * memory that outlives the worker and, with a guard, the driver domain.  PURE: layout and access.
 *
 * Why: an answer overwrites the slot of a request, not always its own, and a worker may die between
 * any two instructions.  A request is therefore noted before anything is put on the ring behind it,
 * an answer is noted before it is put, and a record is freed after the answer was pushed.  From the
 * ring's rsp_prod and the records the successor knows for each request whether the guest has seen
 * its answer (free, or answered below rsp_prod), whether only the answer must be put again
 * (answered at or above rsp_prod), or whether it has to be carried out (taken).
 *
 * x86 makes a process's stores visible in program order, so one 64-bit store of `state` is the
 * moment at which a record changes; the checksum tells a record that something else damaged.
 *
 * Everything read back is untrusted: it is bounded here and decoded again like a fresh request.
 */
#ifndef DRVDOM_XEN_JOURNAL_H
#define DRVDOM_XEN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { JOURNAL_VERSION = 1, JOURNAL_RAW_MAX = 112, JOURNAL_RECORD = 128 };

/* One queue's records; records == 0: nothing is noted. */
struct journal {
    struct journal_rec *rec;
    uint32_t records;
};

/* A record as the successor needs it. */
struct journal_entry {
    uint32_t index;  /* of the record: the same as when it was noted */
    uint32_t number; /* the request's number on its ring */
    bool answered;   /* put the answer again, with this status */
    int16_t status;
    uint16_t len;                 /* bytes used of raw; the rest is 0 */
    uint8_t raw[JOURNAL_RAW_MAX]; /* a copy of the ring's slot */
};

/* Bytes that `queues` times `records` records take. */
size_t journal_size(uint32_t queues, uint32_t records);

/* Makes an empty journal in mem.  -E2BIG when it does not fit: nothing is written then. */
int journal_create(void *mem, size_t bytes, uint32_t queues, uint32_t records) must_check;

/* Is there a journal of just this shape?  0, -ENODATA (none) or -EBADMSG (damaged or another). */
int journal_check(const void *mem, size_t bytes, uint32_t queues, uint32_t records) must_check;

/* The records of one queue of a journal that was created or checked. */
void journal_open(struct journal *j, void *mem, uint32_t queue, uint32_t records);

/* Notes request `number`, taken from the ring: record `index` must be free. */
void journal_note(struct journal *j, uint32_t index, uint32_t number, const void *raw, size_t len);
/* Its answer is about to be put as the ring's response number `rsp`. */
void journal_answer(struct journal *j, uint32_t index, uint32_t rsp, int16_t status);
/* The answer was pushed. */
void journal_free(struct journal *j, uint32_t index);

/*
 * What the ring's guest still waits for, given the ring's shared rsp_prod, ordered by number, in
 * `out` (room for j->records).  Returns how many, which is also how far the predecessor had read
 * beyond rsp_prod; or -EBADMSG: a record in use is damaged.
 */
int journal_recover(const struct journal *j, uint32_t rsp_prod,
                    struct journal_entry *out) must_check;

/* For a post-mortem: record `at` of all queues' of whatever journal is in mem, copied and checked
 * as what a stranger wrote.  1 in use, 0 free or -EBADMSG damaged; -ENODATA: no journal, or no such
 * record.  e->index is then the record within its queue, *queue that queue. */
int journal_look(const void *mem, size_t bytes, uint32_t at, struct journal_entry *e,
                 uint32_t *queue) must_check;

/*
 * A ring that is answered in the order it is taken (network) needs less: the answers between
 * rsp_prod and `upto`, which may have overwritten their slots already.  What is not yet noted here
 * is still in the ring and is taken again.
 */
enum { ANSWERS_SLOTS = 256 };
struct answers {
    uint32_t magic;
    uint32_t upto;
    uint64_t rsp[ANSWERS_SLOTS];
};

void answers_start(struct answers *a, uint32_t rsp_prod);
/* Notes the answer for number n, and, once all of a sweep are noted, makes them count. */
void answers_note(struct answers *a, uint32_t n, const void *rsp, size_t len);
void answers_commit(struct answers *a, uint32_t upto);
/* How many answers must be put again from rsp_prod on; 0 when there is nothing sensible. */
uint32_t answers_pending(const struct answers *a, uint32_t rsp_prod);
uint64_t answers_get(const struct answers *a, uint32_t n);

#endif
