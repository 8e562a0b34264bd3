/* See rmw.h. */
#include "backends/blk/rmw.h"

#include <assert.h>
#include <errno.h>

#include "backends/blk/queue.h"

struct rmw_range rmw_range(uint64_t off, uint64_t len, uint32_t block)
{
    return (struct rmw_range){
        .first = off / block,
        .last = (off + len - 1) / block,
        .partial = off % block || (off + len) % block,
    };
}

/* Two whole writes may race as on any disk: the guest has asked for that. */
bool rmw_meet(const struct rmw_range *a, const struct rmw_range *b)
{
    return (a->partial || b->partial) && a->first <= b->last && b->first <= a->last;
}

/* ---- who is under way, who waits ---- */

static void list_add(struct io_req **list, struct io_req *r)
{
    while (*list)
        list = &(*list)->next_write;
    r->next_write = NULL;
    *list = r;
}

static void list_remove(struct io_req **list, const struct io_req *r)
{
    while (*list != r)
        list = &(*list)->next_write;
    *list = r->next_write;
}

/* Does r meet one of the list, up to r itself? */
static bool meets_any(const struct io_req *list, const struct io_req *r)
{
    for (; list && list != r; list = list->next_write) {
        if (rmw_meet(&list->range, &r->range))
            return true;
    }
    return false;
}

/* ---- reading what is not written ---- */

static void read_block(struct blk_queue *q, struct io_req *r, uint64_t block, enum rmw_step step)
{
    uint32_t size = q->setup->block;
    uint8_t *base = r->data - r->lead;

    r->rmw = step;
    io_on_disk(r);
    disk_read(&q->disk, (uint32_t)(r - q->reqs), base + (block - r->range.first) * size, size,
              block * size);
}

/* True: nothing has to be read (any more). */
static bool next_read(struct blk_queue *q, struct io_req *r)
{
    bool head = r->lead > 0, tail = r->span > r->lead + r->len;

    /* Head and tail may be in the same sector: that is read once. */
    if (head && r->rmw < RMW_HEAD) {
        read_block(q, r, r->range.first, RMW_HEAD);
        return false;
    }
    if (tail && r->rmw < RMW_TAIL && !(head && r->range.first == r->range.last)) {
        read_block(q, r, r->range.last, RMW_TAIL);
        return false;
    }
    r->rmw = RMW_WRITE;
    return true;
}

static bool go(struct blk_queue *q, struct io_req *r)
{
    list_add(&q->writing, r);
    r->rmw = RMW_BEGIN;
    return r->plan.action == REQ_DISCARD || next_read(q, r);
}

/* ---- the four calls of io.c ---- */

bool rmw_enter(struct blk_queue *q, struct io_req *r)
{
    uint32_t block = q->setup->block;

    if (block == BLKIF_SECTOR)
        return true;
    r->range = rmw_range(r->plan.sector * BLKIF_SECTOR, r->plan.nr_sectors * BLKIF_SECTOR, block);
    /* A discard takes whole sectors only; those at its ends it does not touch. */
    if (r->plan.action == REQ_DISCARD)
        r->range.partial = false;
    if (meets_any(q->writing, r) || meets_any(q->waiting, r)) {
        r->rmw = RMW_WAITS;
        list_add(&q->waiting, r);
        return false;
    }
    return go(q, r);
}

bool rmw_done(struct blk_queue *q, struct io_req *r, int res)
{
    if (r->rmw != RMW_HEAD && r->rmw != RMW_TAIL)
        return false;
    if (res != (int)q->setup->block) {
        res = res < 0 ? res : -EIO;
        if (!gone_hold(q, r, res))
            io_disk_failed(q, r, res);
    } else if (next_read(q, r)) {
        io_may_go(q, r);
    }
    return true;
}

void rmw_leave(struct blk_queue *q, struct io_req *r)
{
    if (r->rmw == RMW_NONE)
        return;
    assert(r->rmw != RMW_WAITS);
    list_remove(&q->writing, r);
    r->rmw = RMW_NONE;
    q->rmw_due = q->waiting;
}

void rmw_retry(struct blk_queue *q)
{
    struct io_req *r, *next;

    if (!q->rmw_due)
        return;
    q->rmw_due = false;
    for (r = q->waiting; r; r = next) {
        next = r->next_write;
        if (meets_any(q->writing, r) || meets_any(q->waiting, r))
            continue;
        list_remove(&q->waiting, r);
        if (go(q, r))
            io_may_go(q, r);
    }
}
