/* See misbehave.h. */
#include "frontends/blk/misbehave.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "frontends/blk/pattern.h"
#include "frontends/blk/report.h"
#include "frontends/blk/verify.h"
#include "transport/base/log.h"

static const struct row *const chapters[] = {evil_rings, evil_grants, evil_requests,
                                             evil_pages, evil_stores, NULL};

enum { RESET_MS = 10000 };

/* ---- what a row says ---- */

enum row_result evil_wrong(struct evil *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return ROW_WRONG;
}

enum row_result evil_skip(struct evil *e, const char *why)
{
    snprintf(e->text, sizeof(e->text), "%s", why);
    return ROW_SKIPPED;
}

bool evil_hook(struct evil *e, const char *when)
{
    char cmd[1024];

    if (!e->hook || snprintf(cmd, sizeof(cmd), "%s %s", e->hook, when) >= (int)sizeof(cmd))
        return false;
    (void)setenv("DRVDOM_ROW", e->row->name, 1);
    return system(cmd) == 0;
}

/* ---- connections ---- */

enum row_result evil_connect(struct evil *e)
{
    int rc = bf_connect(e->c, &e->want);

    return rc ? evil_wrong(e, "cannot connect: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_refused(struct evil *e, void (*tamper)(struct bf_conn *, void *), void *arg)
{
    struct bf_want w = e->want;
    int rc;

    w.tamper = tamper;
    w.tamper_arg = arg;
    w.timeout_ms = EVIL_REACT_MS;
    rc = bf_connect(e->c, &w);
    if (rc == 0)
        return evil_wrong(e, "the backend connected");
    if (rc != -ECONNREFUSED)
        return evil_wrong(e, "not refused: %s", e->c->f.why);
    return ROW_OK;
}

enum row_result evil_closes(struct evil *e)
{
    int rc = front_await(&e->c->f, ST(CLOSING) | ST(CLOSED), 0, EVIL_REACT_MS);

    return rc < 0 ? evil_wrong(e, "the device was not closed: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_serves(struct evil *e)
{
    struct bf_req read = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    int rc;

    if (e->c->offer.info & VDISK_READONLY)
        return evil_one(e, &read, BLKIF_RSP_OKAY);
    rc = verify_quick(e->c, 2048, 2048);
    return rc ? evil_wrong(e, "does not serve: %s", e->c->f.why) : ROW_OK;
}

enum row_result evil_again(struct evil *e)
{
    int rc;

    e->c->f.timeout_ms = RESET_MS; /* whatever a row had patience for */
    rc = bf_reset(e->c);
    return rc ? evil_wrong(e, "cannot start again: %s", e->c->f.why) : ROW_OK;
}

/* ---- requests ---- */

struct bf_req evil_req(const struct bf_conn *c, uint8_t op, uint64_t sector, unsigned nr_segs,
                       unsigned page)
{
    struct bf_req r = {.op = op,
                       .nr_segments = (uint8_t)nr_segs,
                       .id = 0xe000000000000000 | sector << 8 | page,
                       .sector = sector};

    for (unsigned i = 0; i < nr_segs && i < BF_SEGS_DIRECT; i++)
        r.seg[i] = (struct blkif_request_segment){.gref = c->page_ref[page + i],
                                                  .last_sect = BF_SECTORS_PER_PAGE - 1};
    return r;
}

static enum row_result next_answer(struct evil *e, struct bf_answer *a)
{
    int rc = bf_raw_take(e->c, &e->c->queue[0], a, EVIL_REACT_MS);

    if (rc == 0)
        return evil_wrong(e, "no answer within %d ms", EVIL_REACT_MS);
    return rc < 0 ? evil_wrong(e, "no answer: %s", e->c->f.why) : ROW_OK;
}

static enum row_result push(struct evil *e)
{
    int rc = bf_push(e->c, &e->c->queue[0]);

    return rc ? evil_wrong(e, "%s", e->c->f.why) : ROW_OK;
}

enum row_result evil_one(struct evil *e, const struct bf_req *r, int status)
{
    struct bf_answer a = {0};

    bf_raw_put(e->c, &e->c->queue[0], r);
    ROW_TRY(push(e));
    ROW_TRY(next_answer(e, &a));
    if (a.id != r->id || a.op != bf_req_answer_op(r))
        return evil_wrong(e, "op %u: the answer carries op %u and another id", r->op, a.op);
    if (status == EVIL_STATUS_ANY ? a.status != BLKIF_RSP_OKAY && a.status != BLKIF_RSP_ERROR
                                  : a.status != status)
        return evil_wrong(e, "op %u, %u segments, sector %llu: answered \"%s\"", r->op,
                          r->op == BLKIF_OP_INDIRECT ? r->nr_indirect : r->nr_segments,
                          (unsigned long long)r->sector, bf_status_name(a.status));
    return ROW_OK;
}

enum row_result evil_many(struct evil *e, const struct bf_req *r, unsigned n, unsigned counts[3])
{
    memset(counts, 0, 3 * sizeof(counts[0]));
    for (unsigned i = 0; i < n; i++)
        bf_raw_put(e->c, &e->c->queue[0], &r[i]);
    ROW_TRY(push(e));
    for (unsigned i = 0; i < n; i++) {
        struct bf_answer a = {0};

        ROW_TRY(next_answer(e, &a));
        if (a.status < BLKIF_RSP_EOPNOTSUPP || a.status > BLKIF_RSP_OKAY)
            return evil_wrong(e, "an answer with status %d", a.status);
        counts[a.status + 2]++;
    }
    return ROW_OK;
}

/* ---- data ---- */

enum { DATA_SEED = 0xe, DATA_PAGE = 16 };

enum row_result evil_put_data(struct evil *e, uint64_t sector, unsigned nr_sectors,
                              uint32_t generation)
{
    for (unsigned done = 0; done < nr_sectors; done += BF_SECTORS_PER_PAGE) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_WRITE, sector + done, 1, DATA_PAGE);
        unsigned n = MIN(nr_sectors - done, (unsigned)BF_SECTORS_PER_PAGE);

        for (unsigned i = 0; i < n; i++)
            pattern_fill(e->c->page[DATA_PAGE] + (size_t)i * BF_SECTOR, DATA_SEED,
                         sector + done + i, generation);
        r.seg[0].last_sect = (uint8_t)(n - 1);
        ROW_TRY(evil_one(e, &r, BLKIF_RSP_OKAY));
    }
    return ROW_OK;
}

enum row_result evil_has_data(struct evil *e, uint64_t sector, unsigned nr_sectors,
                              uint32_t generation)
{
    for (unsigned done = 0; done < nr_sectors; done += BF_SECTORS_PER_PAGE) {
        struct bf_req r = evil_req(e->c, BLKIF_OP_READ, sector + done, 1, DATA_PAGE);
        unsigned n = MIN(nr_sectors - done, (unsigned)BF_SECTORS_PER_PAGE);

        memset(e->c->page[DATA_PAGE], 0x11, BF_PAGE);
        r.seg[0].last_sect = (uint8_t)(n - 1);
        ROW_TRY(evil_one(e, &r, BLKIF_RSP_OKAY));
        for (unsigned i = 0; i < n; i++) {
            const uint8_t *mem = e->c->page[DATA_PAGE] + (size_t)i * BF_SECTOR;

            if (!pattern_is(mem, DATA_SEED, sector + done + i, generation)) {
                pattern_explain(mem, DATA_SEED, sector + done + i, generation, e->text,
                                sizeof(e->text));
                return ROW_WRONG;
            }
        }
    }
    return ROW_OK;
}

/* ---- running rows ---- */

static void before(struct evil *e, const struct row *row)
{
    e->row = row;
    e->want = e->base;
    e->c->padded = 0;
}

static enum row_result after(struct evil *e)
{
    ROW_TRY(evil_again(e));
    e->want = e->base;
    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    ROW_TRY(evil_again(e));
    return e->c->padded ? evil_wrong(e, "%llu answers had bytes behind their fields",
                                     (unsigned long long)e->c->padded)
                        : ROW_OK;
}

int misbehave(struct bf_conn *c, const struct bf_want *want, const char *hook, bool json,
              char **names)
{
    struct evil e = {.c = c, .base = *want, .hook = hook};
    const struct catalogue all = {.chapters = chapters,
                                  .evil = &e,
                                  .text = e.text,
                                  .before = before,
                                  .after = after,
                                  .report = json ? report_row : NULL};

    if (!e.base.pages)
        e.base.pages = 256;
    return catalogue_run(&all, names);
}

int misbehave_list(void)
{
    const struct catalogue all = {.chapters = chapters};

    catalogue_list(&all);
    return 0;
}

/* ---- hold ---- */

/* A ring full of large reads and writes, none of whose answers is ever taken. */
static void make_busy(struct bf_conn *c)
{
    struct bf_queue *q = &c->queue[0];

    for (unsigned i = 0; i < q->nr_slots; i++) {
        struct bf_req r =
            evil_req(c, i & 1 ? BLKIF_OP_WRITE : BLKIF_OP_READ, 64 * i, BF_SEGS_DIRECT, i % 8);

        bf_raw_put(c, q, &r);
    }
    (void)!bf_push(c, q);
}

int misbehave_hold(struct bf_conn *c, const struct bf_want *want, const char *state)
{
    struct bf_want w = *want;
    int rc;

    w.pages = 256;
    if (strcmp(state, "initialised") == 0) {
        rc = bf_read_offer(c);
        if (!rc)
            rc = bf_prepare(c, &w);
        if (!rc)
            rc = bf_write_keys(c);
        if (!rc)
            rc = front_set_state(&c->f, XENBUS_INITIALISED);
    } else {
        rc = bf_connect(c, &w);
        if (!rc && strcmp(state, "busy") == 0)
            make_busy(c);
        if (!rc && strcmp(state, "closing") == 0)
            rc = front_set_state(&c->f, XENBUS_CLOSING);
    }
    if (rc)
        return rc;
    printf("holding %s\n", state);
    for (;;)
        pause();
}
