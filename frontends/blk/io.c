/* See io.h. */
#include "frontends/blk/io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "frontends/blk/pattern.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/stamp.h"

enum { CANARY = 0xc5 };

/* ---- data pages ---- */

int bf_page_take(struct bf_conn *c)
{
    return c->nr_pages_free > 0 ? c->page_free[--c->nr_pages_free] : -1;
}

void bf_page_give(struct bf_conn *c, int page)
{
    assert(page >= 0 && c->nr_pages_free < c->nr_pages);
    c->page_free[c->nr_pages_free++] = (uint16_t)page;
}

/* First and last sector of the next segment; at most `left` of them. */
static struct bf_seg shape(uint32_t left, uint64_t *random)
{
    uint32_t first = 0, n = BF_SECTORS_PER_PAGE;

    if (*random) {
        uint64_t r = pattern_random(random);

        /* Mostly whole pages, as real frontends; else any part of one. */
        if (r & 3) {
            first = (uint32_t)(r >> 8) % BF_SECTORS_PER_PAGE;
            n = 1 + (uint32_t)(r >> 16) % (BF_SECTORS_PER_PAGE - first);
        }
    }
    n = MIN(n, left);
    return (struct bf_seg){.first = (uint8_t)first, .last = (uint8_t)(first + n - 1)};
}

uint32_t bf_io_lay(struct bf_conn *c, struct bf_io *io, uint32_t nr_sectors, uint64_t *random)
{
    /* A page per request in flight stays for the segments of indirect requests. */
    uint32_t kept = c->indirect > BF_SEGS_DIRECT ? c->nr_pages / 4 : 0, done = 0;

    io->nr_segs = 0;
    while (done < nr_sectors && io->nr_segs < c->indirect) {
        struct bf_seg s = shape(nr_sectors - done, random);
        int page = c->nr_pages_free > kept ? bf_page_take(c) : -1;

        if (page < 0)
            break;
        s.page = (uint16_t)page;
        io->seg[io->nr_segs++] = s;
        done += s.last - s.first + 1u;
    }
    io->nr_sectors = done;
    return done;
}

void bf_io_unlay(struct bf_conn *c, struct bf_io *io)
{
    for (unsigned i = 0; i < io->nr_segs; i++)
        bf_page_give(c, io->seg[i].page);
    io->nr_segs = 0;
}

uint8_t *bf_io_each(const struct bf_conn *c, const struct bf_io *io, uint32_t *seg, uint32_t *at)
{
    const struct bf_seg *s = &io->seg[*seg];
    uint8_t *mem;

    if (*seg >= io->nr_segs)
        return NULL;
    mem = c->page[s->page] + (size_t)(s->first + *at) * BF_SECTOR;
    if (s->first + ++*at > s->last) {
        *at = 0;
        ++*seg;
    }
    return mem;
}

void bf_io_canary(const struct bf_conn *c, const struct bf_io *io)
{
    for (unsigned i = 0; i < io->nr_segs; i++)
        memset(c->page[io->seg[i].page], CANARY, BF_PAGE);
}

bool bf_io_canary_holds(const struct bf_conn *c, const struct bf_io *io)
{
    for (unsigned i = 0; i < io->nr_segs; i++) {
        const struct bf_seg *s = &io->seg[i];
        const uint8_t *mem = c->page[s->page];

        for (unsigned at = 0; at < BF_PAGE; at++) {
            unsigned sector = at / BF_SECTOR;

            if ((sector < s->first || sector > s->last) && mem[at] != CANARY)
                return false;
        }
    }
    return true;
}

/* ---- putting ---- */

static void fill_plain(const struct bf_conn *c, const struct bf_io *io, struct bf_req *r)
{
    r->op = io->op;
    r->nr_segments = (uint8_t)io->nr_segs;
    for (unsigned i = 0; i < io->nr_segs; i++)
        r->seg[i] = (struct blkif_request_segment){.gref = c->page_ref[io->seg[i].page],
                                                   .first_sect = io->seg[i].first,
                                                   .last_sect = io->seg[i].last};
}

/* The segments go to a page of their own, which stays with the slot: 512 fit, we use 256. */
static int fill_indirect(struct bf_conn *c, const struct bf_io *io, struct bf_slot *slot,
                         struct bf_req *r)
{
    struct blkif_request_segment seg[BF_SEGS_MAX];

    if (slot->page < 0)
        slot->page = bf_page_take(c);
    if (slot->page < 0)
        return -EAGAIN;
    for (unsigned i = 0; i < io->nr_segs; i++)
        seg[i] = (struct blkif_request_segment){.gref = c->page_ref[io->seg[i].page],
                                                .first_sect = io->seg[i].first,
                                                .last_sect = io->seg[i].last};
    memcpy(c->page[slot->page], seg, io->nr_segs * sizeof(seg[0]));
    r->op = BLKIF_OP_INDIRECT;
    r->inner_op = io->op;
    r->nr_indirect = io->nr_segs;
    r->gref[0] = c->page_ref[slot->page];
    return 0;
}

int bf_submit(struct bf_conn *c, struct bf_queue *q, struct bf_io *io)
{
    struct bf_req r = {.sector = io->sector, .handle = io->handle, .flag = io->flag};
    uint8_t raw[BF_SLOT_MAX];
    struct bf_slot *slot;
    uint32_t index, len;

    if (c->broken)
        return -EPROTO;
    if (q->nr_free == 0)
        return -EAGAIN;
    index = q->free[q->nr_free - 1];
    slot = &q->slot[index];
    if (io->op == BLKIF_OP_DISCARD) {
        r.op = io->op;
        r.nr_sectors = io->nr_sectors;
    } else if (io->indirect || io->nr_segs > BF_SEGS_DIRECT) {
        int rc = fill_indirect(c, io, slot, &r);

        if (rc)
            return rc;
    } else {
        fill_plain(c, io, &r);
    }
    q->nr_free--;
    q->in_flight++;
    slot->io = io;
    slot->generation++;
    /* An answer that comes twice, or for an earlier use of the slot, is told by its id. */
    r.id = (uint64_t)slot->generation << 32 | index;
    io->waiting = true;
    len = bf_req_encode(&r, c->abi, raw);
    io->start_ns = clock_ns();
    if (c->want.stamps && io->nr_segs > 0 && io->nr_segs <= STAMP_SEGS && len == STAMP_SLOT)
        stamp_put(raw, ticks_now() + ticks_of_ns(c->want.stamp_offset_ns));
    ring_front_put(&q->ring, raw, len);
    return 0;
}

int bf_kick(struct bf_conn *c, struct bf_queue *q)
{
    int rc = evtchn_notify(&c->f.ev, q->port.port);

    return rc ? front_fail(&c->f, rc, "event channel %u: %s", q->port.port, strerror(-rc)) : 0;
}

int bf_push(struct bf_conn *c, struct bf_queue *q)
{
    return ring_front_push(&q->ring) ? bf_kick(c, q) : 0;
}

/* ---- answers ---- */

static int broken(struct bf_conn *c, const char *what, uint64_t value)
{
    c->broken = true;
    return front_fail(&c->f, -EPROTO, "the backend broke the protocol: %s (%llu)", what,
                      (unsigned long long)value);
}

int bf_answer(struct bf_conn *c, struct bf_queue *q, const uint8_t *raw)
{
    struct bf_answer a;
    uint32_t index;
    struct bf_slot *slot;
    struct bf_io *io;

    bf_answer_decode(raw, q->ring.slot_size, &a);
    index = (uint32_t)a.id;
    if (index >= q->nr_slots)
        return broken(c, "an answer with an id that was never used", a.id);
    slot = &q->slot[index];
    io = slot->io;
    if (!io || a.id >> 32 != slot->generation)
        return broken(c, "an answer to no request that is out", a.id);
    if (a.op != io->op)
        return broken(c, "an answer to another operation", a.op);
    c->padded += a.padded;
    slot->io = NULL;
    q->free[q->nr_free++] = (uint16_t)index;
    q->in_flight--;
    io->status = a.status;
    io->end_ns = clock_ns();
    io->waiting = false;
    if (io->done)
        io->done(io, io->arg);
    return 0;
}

/* The backend's stamp is taken off: to all others the rest of the slot is zero. */
static void take_stamp(struct bf_conn *c, uint8_t *raw)
{
    uint64_t then = ticks_to_ns(stamp_get(raw) - ticks_of_ns(c->want.stamp_offset_ns));
    uint64_t now = ticks_ns();

    if (then && then <= now)
        hist_add(&c->returned, now - then);
    stamp_put(raw, 0);
}

/* All that waits; how many. */
static int take(struct bf_conn *c, struct bf_queue *q)
{
    uint8_t raw[BF_SLOT_MAX];
    int n = 0, rc;

    while ((rc = ring_front_take(&q->ring, raw)) > 0) {
        if (c->want.stamps && q->ring.slot_size == STAMP_SLOT)
            take_stamp(c, raw);
        rc = bf_answer(c, q, raw);
        if (rc)
            return rc;
        n++;
    }
    if (rc < 0)
        return broken(c, "its response index is impossible", ring_raw_get(&q->ring, 2));
    return n;
}

static int take_all(struct bf_conn *c)
{
    int n = 0;

    for (unsigned i = 0; i < c->nr_queues; i++) {
        int rc = take(c, &c->queue[i]);

        if (rc < 0)
            return rc;
        if (rc > 0)
            front_port_useful(&c->queue[i].port);
        n += rc;
    }
    return n;
}

/* ---- sleeping ---- */

static void hear_port(struct bf_conn *c, uint32_t port, uint64_t now)
{
    for (unsigned i = 0; i < c->nr_queues; i++) {
        if (c->queue[i].port.port == port) {
            front_port_heard(&c->f, &c->queue[i].port, now);
            return;
        }
    }
    (void)!evtchn_unmask(&c->f.ev, port);
}

/* True: a port is held back, so naps are short. */
static bool hear(struct bf_conn *c)
{
    uint64_t now = clock_ns();
    bool held = false;
    int port;

    while ((port = evtchn_pending(&c->f.ev)) > 0)
        hear_port(c, (uint32_t)port, now);
    for (unsigned i = 0; i < c->nr_queues; i++)
        held |= front_port_tend(&c->f, &c->queue[i].port, now);
    return held;
}

/* True when an answer came while we were about to sleep. */
static bool rest(struct bf_conn *c)
{
    bool more = false;

    for (unsigned i = 0; i < c->nr_queues; i++)
        more |= ring_front_rest(&c->queue[i].ring) != 0; /* an impossible index: take() says it */
    return more;
}

int bf_poll(struct bf_conn *c, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;

    for (;;) {
        uint64_t now;
        bool held;
        int n = c->broken ? -EPROTO : take_all(c);

        if (n != 0)
            return n;
        held = hear(c);
        if (rest(c))
            continue;
        now = clock_ns();
        if (now >= end)
            return 0;
        /* Nothing came for a while: is there still somebody? */
        if (front_sleep(&c->f, front_nap_ms(held, now, end)) == 0 && now + 150000000 < clock_ns()) {
            n = front_check(&c->f, ST(CONNECTED));
            if (n)
                return n;
        }
    }
}

int bf_run(struct bf_conn *c, struct bf_queue *q, struct bf_io *io, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;
    int rc = bf_submit(c, q, io);

    if (!rc)
        rc = bf_push(c, q);
    while (!rc && io->waiting) {
        uint64_t now = clock_ns();

        if (now >= end)
            return front_fail(&c->f, -ETIMEDOUT, "no answer within %u ms", ms);
        rc = bf_poll(c, (unsigned)((end - now) / 1000000) + 1);
        if (rc > 0)
            rc = 0;
    }
    return rc;
}

/* ---- raw ---- */

void bf_raw_put(struct bf_conn *c, struct bf_queue *q, const struct bf_req *r)
{
    uint8_t raw[BF_SLOT_MAX];

    ring_front_put(&q->ring, raw, bf_req_encode(r, c->abi, raw));
}

int bf_raw_take(struct bf_conn *c, struct bf_queue *q, struct bf_answer *a, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;
    uint8_t raw[BF_SLOT_MAX];

    for (;;) {
        uint64_t now;
        bool held;
        int rc = ring_front_take(&q->ring, raw);

        if (rc < 0)
            return front_fail(&c->f, -EPROTO, "the response index is impossible");
        if (rc > 0) {
            bf_answer_decode(raw, q->ring.slot_size, a);
            c->padded += a->padded;
            return 1;
        }
        held = hear(c);
        if (ring_front_rest(&q->ring) > 0)
            continue;
        now = clock_ns();
        if (now >= end)
            return 0;
        if (front_sleep(&c->f, front_nap_ms(held, now, end)) == 0) {
            rc = front_check(&c->f, ST(CONNECTED));
            if (rc)
                return rc;
        }
    }
}
