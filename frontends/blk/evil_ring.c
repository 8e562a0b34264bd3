/*
 * Catalogue, chapter R: indexes, slots, events.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blk/evil.h"
#include "frontends/blk/pattern.h"
#include "schema/vbd.h"
#include "transport/base/log.h"

enum { PLENTY = 32 }; /* requests: no ring is smaller */

static void sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

static enum row_result set_prod(struct evil *e, uint32_t value)
{
    ring_raw_set(&evil_queue(e)->ring, REQ_PROD, value);
    (void)bf_kick(e->c, evil_queue(e));
    return evil_closes(e);
}

/* Reads of one page each, at sectors of their own. */
static void make_reads(struct evil *e, struct bf_req *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        r[i] = evil_req(e->c, BLKIF_OP_READ, 8 * i, 1, i);
        r[i].id = i;
    }
}

/* ---- indexes ---- */

static enum row_result r1(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    ROW_TRY(set_prod(e, evil_queue(e)->ring.prod + evil_queue(e)->ring.slots + 1));
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    return set_prod(e, evil_queue(e)->ring.prod + 0x80000000u);
}

static enum row_result r2(struct evil *e)
{
    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    return set_prod(e, evil_queue(e)->ring.prod - 2);
}

static enum row_result r3(struct evil *e)
{
    struct bf_req r[PLENTY];

    ROW_TRY(evil_connect(e));
    make_reads(e, r, PLENTY);
    for (unsigned i = 0; i < PLENTY; i++)
        bf_raw_put(e->c, evil_queue(e), &r[i]);
    /* However many of them are answered by now, this is more than fits behind the answers. */
    return set_prod(e, evil_queue(e)->ring.prod + evil_queue(e)->ring.slots + 1);
}

static enum row_result r4(struct evil *e)
{
    static const uint32_t base[] = {0xfffffffe, 0xffffffe0, 0x7ffffff0};

    for (unsigned i = 0; i < ARRAY_SIZE(base); i++) {
        e->want.ring_base = base[i];
        ROW_TRY(evil_connect(e));
        ROW_TRY(evil_serves(e));
        ROW_TRY(evil_again(e));
    }
    return ROW_OK;
}

/* ---- slots that change ---- */

struct flip {
    struct bf_conn *c;
    struct bf_req good, bad;
};

static void flip_slots(void *arg, uint64_t round)
{
    struct flip *f = arg;
    struct bf_queue *q = &f->c->queue[0];
    uint8_t raw[BF_SLOT_MAX];
    uint32_t n = bf_req_encode(round & 1 ? &f->good : &f->bad, f->c->abi, raw);

    for (uint32_t i = 0; i < q->nr_slots; i++)
        ring_raw_write(&q->ring, i, raw, n);
}

/* Every field, one after the other, between what is allowed and what is not. */
static void spoil(struct bf_req *r, unsigned what)
{
    switch (what) {
    case 0:
        r->nr_segments = 200;
        break;
    case 1:
        r->sector = UINT64_MAX - 3;
        break;
    case 2:
        r->seg[0].last_sect = 255;
        break;
    case 3:
        r->seg[0].gref = 0x7fffffff;
        break;
    case 4:
        r->op = BLKIF_OP_INDIRECT;
        r->inner_op = BLKIF_OP_READ;
        r->nr_indirect = 65535;
        break;
    default:
        r->op = BLKIF_OP_DISCARD;
        r->nr_sectors = UINT64_MAX;
        break;
    }
}
enum { SPOILS = 6 };

/* Answers of slots that are being overwritten mean nothing; that there is one for each does. */
static enum row_result drain(struct evil *e, uint32_t n)
{
    uint64_t end = clock_ns() + (uint64_t)EVIL_REACT_MS * 1000000;
    struct ring *r = &evil_queue(e)->ring;

    while (ring_raw_get(r, RSP_PROD) - r->cons < n) {
        if (clock_ns() > end)
            return evil_wrong(e, "%u of %u requests were answered",
                              ring_raw_get(r, RSP_PROD) - r->cons, n);
        if (front_state(&e->c->f) != XENBUS_CONNECTED)
            return evil_wrong(e, "the device was closed");
        sleep_ms(1);
    }
    r->cons += n;
    r->seen = r->cons;
    return ROW_OK;
}

static enum row_result flip_round(struct evil *e, struct flip *f, unsigned what)
{
    struct twin twin;
    enum row_result result = ROW_OK;
    uint64_t end = clock_ns() + 60000000;

    f->bad = f->good;
    spoil(&f->bad, what);
    if (twin_start(&twin, flip_slots, f))
        return evil_wrong(e, "no thread");
    while (result == ROW_OK && clock_ns() < end) {
        uint32_t n = ring_front_space(&evil_queue(e)->ring);

        for (uint32_t i = 0; i < n; i++)
            bf_raw_put(e->c, evil_queue(e), &f->good);
        (void)!ring_front_push(&evil_queue(e)->ring);
        (void)bf_kick(e->c, evil_queue(e));
        result = drain(e, n);
    }
    twin_stop(&twin);
    return result;
}

static enum row_result r5(struct evil *e)
{
    struct flip f = {.c = e->c};

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_put_data(e, 1024, 64, 5));
    f.good = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    for (unsigned i = 0; i < SPOILS; i++)
        ROW_TRY(flip_round(e, &f, i));
    ROW_TRY(evil_has_data(e, 1024, 64, 5));
    return evil_serves(e);
}

/* ---- words that are not ours to write ---- */

static enum row_result r6(struct evil *e)
{
    struct bf_req r;
    struct ring *ring;

    ROW_TRY(evil_connect(e));
    ring = &evil_queue(e)->ring;
    for (unsigned i = 0; i < 16; i++) {
        r = evil_req(e->c, BLKIF_OP_READ, 8 * i, 1, 0);
        ring_raw_set(ring, REQ_EVENT, 0x1234567u * i);
        ring_raw_set(ring, RSP_PROD, 0x89abcdefu * (i + 1));
        ring_raw_set(ring, RSP_EVENT, 0xdeadbeefu * i);
        bf_raw_put(e->c, evil_queue(e), &r);
        (void)!ring_front_push(ring);
        (void)bf_kick(e->c, evil_queue(e));
        /* It must write the index of its own count, not of what it finds there. */
        for (unsigned ms = 0; ring_raw_get(ring, RSP_PROD) != ring->prod; ms++) {
            if (ms > EVIL_REACT_MS)
                return evil_wrong(e, "its index became %u instead of %u",
                                  ring_raw_get(ring, RSP_PROD), ring->prod);
            sleep_ms(1);
        }
        ring->cons = ring->seen = ring->prod;
    }
    return evil_serves(e);
}

static enum row_result r7(struct evil *e)
{
    struct ring *ring;
    struct bf_req r[PLENTY];

    ROW_TRY(evil_connect(e));
    ring = &evil_queue(e)->ring;
    make_reads(e, r, PLENTY);
    /* Never an event: the answers must be there all the same. */
    for (unsigned i = 0; i < PLENTY; i++)
        bf_raw_put(e->c, evil_queue(e), &r[i]);
    ring_raw_set(ring, RSP_EVENT, ring->prod + 0x40000000);
    (void)!ring_front_push(ring);
    (void)bf_kick(e->c, evil_queue(e));
    ROW_TRY(drain(e, PLENTY));
    /* An event for every single one. */
    for (unsigned i = 0; i < 2 * PLENTY; i++) {
        ring_raw_set(ring, RSP_EVENT, ring->cons + 1);
        ROW_TRY(evil_one(e, &r[i % PLENTY], BLKIF_RSP_OKAY));
    }
    return evil_serves(e);
}

/* ---- events ---- */

static void storm(void *arg, uint64_t round)
{
    struct bf_conn *c = arg;

    (void)round;
    (void)bf_kick(c, &c->queue[0]);
}

static enum row_result r8(struct evil *e)
{
    struct twin twin;
    struct bf_req r;
    enum row_result result;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    if (twin_start(&twin, storm, e->c))
        return evil_wrong(e, "no thread");
    sleep_ms(EVIL_STEADY_MS);
    result = evil_one(e, &r, BLKIF_RSP_OKAY); /* late, but not never */
    twin_stop(&twin);
    ROW_TRY(result);
    return evil_serves(e);
}

static enum row_result r9(struct evil *e)
{
    struct bf_req r;
    struct bf_answer a;

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_serves(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    bf_raw_put(e->c, evil_queue(e), &r);
    (void)!ring_front_push(&evil_queue(e)->ring); /* and no event, although it asked for one */
    if (bf_raw_take(e->c, evil_queue(e), &a, EVIL_REACT_MS) != 1)
        return evil_wrong(e, "the request was never looked at");
    return evil_serves(e);
}

static enum row_result r10(struct evil *e)
{
    uint64_t end = clock_ns() + (uint64_t)EVIL_STEADY_MS * 1000000, n = 0;
    struct bf_req r;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, 1, 0);
    while (clock_ns() < end) {
        struct bf_answer a;

        while (ring_front_space(&evil_queue(e)->ring) > 0)
            bf_raw_put(e->c, evil_queue(e), &r);
        if (ring_front_push(&evil_queue(e)->ring))
            (void)bf_kick(e->c, evil_queue(e));
        if (bf_raw_take(e->c, evil_queue(e), &a, EVIL_REACT_MS) != 1)
            return evil_wrong(e, "no answer while the ring was full (%llu before): %s",
                              (unsigned long long)n, e->c->f.why);
        n++;
    }
    ROW_TRY(drain(e, evil_queue(e)->ring.prod - evil_queue(e)->ring.cons));
    return evil_serves(e);
}

/* ---- answers not taken, things that run out ---- */

static enum row_result r16(struct evil *e)
{
    struct bf_req r;
    uint32_t n;

    ROW_TRY(evil_connect(e));
    r = evil_req(e->c, BLKIF_OP_READ, 0, BF_SEGS_DIRECT, 0);
    n = ring_front_space(&evil_queue(e)->ring);
    for (uint32_t i = 0; i < n; i++)
        bf_raw_put(e->c, evil_queue(e), &r);
    (void)!ring_front_push(&evil_queue(e)->ring);
    for (unsigned i = 0; i < 100; i++) { /* and it is told to go on, again and again */
        (void)bf_kick(e->c, evil_queue(e));
        sleep_ms(EVIL_STEADY_MS / 100);
    }
    ROW_TRY(drain(e, n));
    return evil_serves(e);
}

static enum row_result r17(struct evil *e)
{
    int rc;

    if (!e->hook)
        return evil_skip(e, "no hook that takes the driver domain's grant maps away");
    if (!evil_hook(e, "begin"))
        return evil_wrong(e, "the hook did not succeed");
    rc = bf_connect(e->c, &e->want);
    if (!evil_hook(e, "end"))
        return evil_wrong(e, "the hook failed");
    if (rc != -ECONNREFUSED)
        return evil_wrong(e, "not refused while nothing can be mapped: %s",
                          rc ? e->c->f.why : "connected");
    ROW_TRY(evil_again(e));
    ROW_TRY(evil_connect(e));
    return evil_serves(e);
}

/* One poisoned segment in a batch of good ones: the good ones' data must be true. */
static enum row_result r18(struct evil *e)
{
    struct bf_req r[9];
    unsigned n[3];

    ROW_TRY(evil_connect(e));
    ROW_TRY(evil_put_data(e, 512, 8 * 8, 18));
    for (unsigned poison = 0; poison < 3; poison++) {
        make_reads(e, r, 9);
        for (unsigned i = 0; i < 9; i++) {
            r[i].sector += 512;
            memset(e->c->page[i], 0x22, BF_PAGE);
        }
        r[8].sector = 512;
        if (poison == 0)
            r[8].seg[0].last_sect = 9; /* offset + length beyond the page */
        else if (poison == 1)
            r[8].seg[0].gref = 0x7ffffff0;
        else
            r[8].seg[0].first_sect = 255;
        ROW_TRY(evil_many(e, r, 9, n));
        if (n[1] != 1 || n[2] != 8)
            return evil_wrong(e, "%u of 8 good requests were served, %u refused", n[2], n[1]);
        for (unsigned i = 0; i < 64; i++) {
            if (!pattern_is(e->c->page[i / 8] + (size_t)(i % 8) * BF_SECTOR, 0xe, 512 + i, 18))
                return evil_wrong(e, "a good request beside the poisoned one has wrong data");
        }
    }
    return ROW_OK;
}

#define CLOSED "the device is closed"
#define SERVED "served on"

const struct row evil_rings[] = {
    {"R1", "request index more than a ring ahead", CLOSED, r1, NULL},
    {"R2", "request index backwards", CLOSED, r2, NULL},
    {"R3", "request index past the free response slots", CLOSED, r3, NULL},
    {"R4", "indexes wrap at 2^32", SERVED, r4, NULL},
    {"R5", "slots rewritten while they are read", "either value counts, nothing else", r5, NULL},
    {"R6", "writes to the backend's indexes", "ignored", r6, NULL},
    {"R7", "events wanted for no answer, for every answer", SERVED, r7, NULL},
    {"R8", "events without requests", SERVED, r8, NULL},
    {"R9", "a request without an event", "served within seconds", r9, NULL},
    {"R10", "ring always full", SERVED, r10, NULL},
    {"R16", "answers never taken", "no more than a ring is kept", r16, NULL},
    {"R17", "grant maps run out", "refused, then served", r17, "a hook: no grant maps"},
    {"R18", "a poisoned segment among good ones", "only that request fails", r18, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
