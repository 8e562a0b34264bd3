/*
 * Where a request's data lies while the disk works on it, and how it gets there.
 *
 * All data goes through the queue's own buffer: a write is what was copied once, a read is copied
 * out only as far as the disk has filled it (B17), and the guest may do to its pages what it likes.
 * Pages of the persistent cache are copied by the processor at once; all others by grant copy, many
 * requests to one ioctl.  A request of which any segment failed counts as not copied at all (B18).
 *
 * #syscalls ioctl(IOCTL_GNTDEV_GRANT_COPY) and those of persist.c
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/blk/queue.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

enum {
    BATCH_SEGS = 2 * REQ_SEGS_MAX, /* copies per ioctl at most; more are done in several */
    DATA_BYTES = 4 * 1024 * 1024,  /* data in flight per device: the rest waits its turn */
    DATA_BYTES_MIN = 1280 * 1024,  /* but per queue at least the largest request, and some */
};

/* The first segment keeps its place within the page, so that in the usual case (only the first and
 * last page partly used) no copy crosses a page.  Where the disk's sectors are larger, theirs is
 * the place that is kept: whole ones around the data are moved. */
bool data_place(struct blk_queue *q, struct io_req *r)
{
    uint32_t block = q->setup->block;
    uint32_t lead = (uint32_t)(r->plan.sector * BLKIF_SECTOR % block);
    uint32_t skip = block == BLKIF_SECTOR ? r->plan.seg[0].off : lead;
    uint32_t npages = (skip + r->len + BLKIF_PAGE - 1) / BLKIF_PAGE;
    int page;

    assert(r->npages == 0);
    page = pool_take(&q->pool, npages);
    if (page < 0)
        return false;
    r->page = (uint32_t)page;
    r->npages = npages;
    r->lead = lead;
    r->span = (uint32_t)round_up(lead + r->len, block);
    r->data = q->buf + (size_t)page * BLKIF_PAGE + skip;
    return true;
}

void data_release(struct blk_queue *q, struct io_req *r)
{
    if (r->npages)
        pool_give(&q->pool, r->page, r->npages);
    r->npages = 0;
}

/* ---- copies ---- */

static void begin_batch(struct blk_queue *q, struct io_req *r, uint32_t room)
{
    if (q->batch.capacity - q->batch.count < room)
        data_run(q);
    r->batch_at = q->batch.count;
    r->batch_n = 0;
}

/* True: something was added to the batch, and io_copied() will follow. */
static bool end_batch(struct blk_queue *q, struct io_req *r)
{
    r->batch_n = q->batch.count - r->batch_at;
    if (r->batch_n > 0)
        io_list_add(&q->copying, r);
    return r->batch_n > 0;
}

/* A multiple of 512 bytes.  The string instruction needs no vector registers, and where
 * instructions are what counts (docs/measuring.md) it is a third shorter than the loop that libc
 * takes on an old processor. */
static void copy_sectors(uint8_t *to, const uint8_t *from, size_t len)
{
#ifdef __x86_64__
    size_t words = len / 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
#else
    memcpy(to, from, len);
#endif
}

static void copy_segment(struct blk_queue *q, bool out, uint8_t *at, const struct req_seg *s)
{
    uint8_t *page = persist_get(&q->persist, s->gref, q->now_ns);

    if (page && out)
        copy_sectors(page + s->off, at, s->len);
    else if (page)
        copy_sectors(at, page + s->off, s->len);
    else if (out)
        grant_batch_to_peer(&q->batch, at, s->gref, s->off, s->len);
    else
        grant_batch_from_peer(&q->batch, at, s->gref, s->off, s->len);
}

bool data_copy(struct blk_queue *q, struct io_req *r)
{
    uint8_t *at = r->data;

    begin_batch(q, r, r->plan.nr_seg);
    for (uint32_t i = 0; i < r->plan.nr_seg; i++) {
        copy_segment(q, r->plan.action == REQ_READ, at, &r->plan.seg[i]);
        at += r->plan.seg[i].len;
    }
    return !end_batch(q, r);
}

/* Bytes of the indirect pages that hold segments: the rest is not looked at. */
static uint16_t used_bytes(const struct io_req *r, uint32_t page)
{
    uint32_t n = r->plan.nr_seg - page * BLKIF_SEGS_PER_PAGE;

    return (uint16_t)(MIN(n, (uint32_t)BLKIF_SEGS_PER_PAGE) * sizeof(*r->indirect));
}

/* One fetch of each word of a page that the guest may change at this moment. */
static void fetch(uint64_t *to, const volatile uint64_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes / sizeof(*to); i++)
        to[i] = from[i];
}

bool data_copy_indirect(struct blk_queue *q, struct io_req *r)
{
    uint8_t *to = (uint8_t *)r->indirect;

    begin_batch(q, r, r->plan.nr_indirect);
    for (uint32_t i = 0; i < r->plan.nr_indirect; i++) {
        uint32_t gref = r->plan.indirect[i];
        uint8_t *page = persist_get(&q->persist, gref, q->now_ns);

        if (page)
            fetch((uint64_t *)(void *)to, (volatile uint64_t *)(void *)page, used_bytes(r, i));
        else
            grant_batch_from_peer(&q->batch, to, gref, 0, used_bytes(r, i));
        to += used_bytes(r, i);
    }
    return !end_batch(q, r);
}

void data_run(struct blk_queue *q)
{
    struct io_req *done = q->copying.head, *r;
    int rc;

    if (!done)
        return;
    rc = grant_batch_run(&q->grant, &q->batch);
    if (rc)
        log_peer("grant copy: %s", strerror(-rc));
    q->now_ns = stage_clock_ns(q);
    io_list_init(&q->copying);
    for (r = done; r; r = r->next) {
        r->copied = true;
        for (uint32_t i = 0; i < r->batch_n; i++)
            r->copied &= grant_batch_ok(&q->batch, r->batch_at + i);
    }
    /* Emptied before the requests go on, because that may add to it again. */
    grant_batch_reset(&q->batch);
    while ((r = done)) {
        done = r->next;
        io_copied(q, r);
    }
}

/* ---- memory ---- */

/* Large, and touched only as far as used. */
static void *take_memory(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void give_memory(void *p, size_t len)
{
    if (p)
        munmap(p, len);
}

int data_open(struct blk_queue *q)
{
    q->buf_len = DATA_BYTES;
    q->buf = take_memory(q->buf_len);
    return q->buf ? 0 : -ENOMEM;
}

void data_close(struct blk_queue *q)
{
    give_memory(q->buf, q->buf_len);
    q->buf = NULL;
}

int data_prepare(struct blk_queue *q, uint32_t slots, const struct blk_connect *c)
{
    uint32_t bytes = MAX(DATA_BYTES / c->queues, DATA_BYTES_MIN);

    pool_init(&q->pool, bytes / BLKIF_PAGE);
    persist_init(&q->persist, &q->grant, q->id.domid, c->persistent, PERSIST_MAX);
    q->nseg = slots * REQ_SEGS_MAX;
    q->segs = take_memory(q->nseg * sizeof(*q->segs));
    q->indirects = take_memory(q->nseg * sizeof(*q->indirects));
    if (!q->segs || !q->indirects || grant_batch_init(&q->batch, q->id.domid, BATCH_SEGS)) {
        data_finish(q);
        return -ENOMEM;
    }
    return 0;
}

void data_finish(struct blk_queue *q)
{
    persist_fini(&q->persist);
    grant_batch_fini(&q->batch);
    give_memory(q->segs, q->nseg * sizeof(*q->segs));
    give_memory(q->indirects, q->nseg * sizeof(*q->indirects));
    q->segs = NULL;
    q->indirects = NULL;
    disk_rest_buffer(&q->disk, q->buf, q->buf_len);
}
