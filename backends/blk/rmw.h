/*
 * Disks whose sectors are larger than the 512 bytes that every guest may address (4Kn): a read
 * takes the whole sectors around what is wanted, a write that fills its first or last sector only
 * in part reads that one first, and puts the guest's data over it (read-modify-write).
 *
 * While such a write is under way, nothing else may write to the sectors it shares: it would put
 * back what it had read before.  Writes that would meet wait here, in their order.  That is decided
 * by one queue for itself, so a disk of this kind offers one queue only (conn.c).
 */
#ifndef DRVDOM_BLK_RMW_H
#define DRVDOM_BLK_RMW_H

#include <stdbool.h>
#include <stdint.h>

struct blk_queue;
struct io_req;

/* Of a write or discard, in numbers of the disk's own sectors. */
struct rmw_range {
    uint64_t first, last;
    bool partial; /* the first or the last one only in part */
};

/* [off, off + len) bytes, len > 0, on a disk of `block` bytes a sector.  PURE. */
struct rmw_range rmw_range(uint64_t off, uint64_t len, uint32_t block);
/* May both not be under way at once?  PURE. */
bool rmw_meet(const struct rmw_range *a, const struct rmw_range *b);

/* A write whose data has a place, or a discard: true when it may go on at once.  False: it waits
 * for another, or for what it has to read; io_may_go() then follows. */
bool rmw_enter(struct blk_queue *q, struct io_req *r);
/* The disk has read for r->rmw: true when r was waiting for just that. */
bool rmw_done(struct blk_queue *q, struct io_req *r, int res);
/* r is answered, whatever became of it. */
void rmw_leave(struct blk_queue *q, struct io_req *r);
/* Lets those go that waited for somebody who has left.  Once in a sweep. */
void rmw_retry(struct blk_queue *q);

#endif
