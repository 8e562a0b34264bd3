/*
 * Grants, back end: map another domain's pages, or copy to and from them (libxengnttab, gntdev).
 * Only grant table version 1 semantics are relied on.
 */
#ifndef DRVDOM_XEN_GRANT_H
#define DRVDOM_XEN_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xengnttab.h>

#include "transport/base/arith.h"

enum { GRANT_PAGE = 4096 };

struct grant {
    xengnttab_handle *h;
};

/* Opens /dev/xen/gntdev.  -ENOENT and the like when there is none. */
int grant_open(struct grant *g) must_check;
void grant_close(struct grant *g);

/* Maps `count` pages of `domid` next to each other, readable and writable; NULL and errno when any
 * one of them cannot be mapped.  Costs hypercalls and page-table work: at connect, not per request.
 */
void *grant_map(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count);

/* Maps read-only: for pages the peer granted read-only (persistent grants of a write-only peer). */
void *grant_map_ro(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count);
int grant_unmap(struct grant *g, void *addr, uint32_t count);

/*
 * A batch of copies between one peer's pages and our memory, done by one ioctl.  One device, so one
 * peer, per batch.  The rules that R18 (hostile-peers) demands are here: every segment is checked
 * before it is added, and a failed ioctl means that *nothing* is known, so all segments then count
 * as failed whatever their status says.
 */
struct grant_batch {
    unsigned domid;
    uint32_t count, capacity;
    xengnttab_grant_copy_segment_t *seg;
};

/* Takes memory for `capacity` segments once.  -ENOMEM. */
int grant_batch_init(struct grant_batch *b, unsigned domid, uint32_t capacity) must_check;
void grant_batch_fini(struct grant_batch *b);

/* Adds one segment: bytes [off, off + len) of the page `ref` to / from `local`.  off + len <= 4096
 * and room in the batch are the caller's promise (asserted: a peer's values were validated before).
 * Returns the segment's index. */
uint32_t grant_batch_from_peer(struct grant_batch *b, void *local, uint32_t ref, uint16_t off,
                               uint16_t len);
uint32_t grant_batch_to_peer(struct grant_batch *b, const void *local, uint32_t ref, uint16_t off,
                             uint16_t len);

/* Runs the batch (even an empty one, without a system call).  0: each segment has its own result in
 * grant_batch_ok().  -errno: none was done as far as anybody may assume.
 * Retries GNTST_eagain a bounded number of times. */
int grant_batch_run(struct grant *g, struct grant_batch *b) must_check;
static inline bool grant_batch_ok(const struct grant_batch *b, uint32_t index)
{
    return b->seg[index].status == 0; /* GNTST_okay */
}
static inline void grant_batch_reset(struct grant_batch *b)
{
    b->count = 0;
}

#endif
