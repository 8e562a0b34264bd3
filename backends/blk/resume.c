/*
 * What is in flight, noted so that a successor can take it up (transport/xen/journal.h).  The other
 * half, doing it again, is io_replay() in io.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/queue.h"
#include "transport/base/log.h"

static int recover(struct blk_queue *q, unsigned index, struct why *why)
{
    size_t bytes = (size_t)q->ring_pages * GRANT_PAGE;
    int n, rc;

    q->replay = calloc(q->ring.slots, sizeof(*q->replay));
    if (!q->replay)
        return why_set(why, -ENOMEM, "no memory to take up queue %u", index);
    n = journal_recover(&q->journal, ring_back_answered(q->ring_mem), q->replay);
    if (n < 0)
        return why_set(why, n, "cannot go on after a crash: queue %u's journal is damaged", index);
    q->nreplay = (uint32_t)n;
    rc = ring_back_resume(&q->ring, q->ring_mem, bytes, q->ring.slot_size, q->nreplay);
    if (rc)
        return why_set(why, rc, "cannot go on after a crash: queue %u's ring and journal disagree",
                       index);
    log_info("queue %u taken up with %d requests in flight", index, n);
    return 0;
}

int resume_prepare(struct blk_queue *q, unsigned index, struct why *why)
{
    q->journal = (struct journal){0};
    if (!q->journal_mem)
        return 0;
    journal_open(&q->journal, q->journal_mem, index, q->ring.slots);
    return q->resume ? recover(q, index, why) : 0;
}

void resume_release(struct blk_queue *q)
{
    free(q->replay);
    q->replay = NULL;
    q->nreplay = 0;
}

/* Only what the request uses: operation and number of segments are its first two bytes in every
 * ABI, and the header is at most 24 bytes (xen/io/blkif.h). */
static size_t used_bytes(const struct blk_queue *q, const union blkif_slot *raw)
{
    uint8_t head[2];
    size_t n;

    memcpy(head, raw, sizeof(head));
    n = head[0] <= BLKIF_FLUSH ? 24 + 8 * (size_t)head[1] : q->ring.slot_size;
    return n < q->ring.slot_size ? n : q->ring.slot_size;
}

void resume_note(struct blk_queue *q, uint32_t index, const union blkif_slot *raw)
{
    journal_note(&q->journal, index, q->ring.cons - 1, raw, used_bytes(q, raw));
}
