/* See bench.h. */
#include "frontends/blk/bench.h"

#include <errno.h>
#include <stdlib.h>

#include "frontends/blk/pattern.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

struct bench {
    const struct bench_options *o;
    struct bench_result *r;
    struct load load;
    uint64_t random, blocks, at, end_ns;
};

/* Pages are laid out once: what is measured is the way, not our own preparations. */
static enum load_next next(struct load *l, struct bf_io *io)
{
    struct bench *b = l->arg;
    uint64_t whole_pages = 0;

    if (clock_ns() >= b->end_ns)
        return LOAD_END;
    if (io->nr_segs == 0 &&
        bf_io_lay(l->c, io, b->o->bytes / BF_SECTOR, &whole_pages) != b->o->bytes / BF_SECTOR) {
        bf_io_unlay(l->c, io);
        return LOAD_LATER;
    }
    io->op =
        pattern_random(&b->random) % 100 < b->o->write_percent ? BLKIF_OP_WRITE : BLKIF_OP_READ;
    io->sector = b->o->in_order ? b->at++ % b->blocks : pattern_random(&b->random) % b->blocks;
    io->sector = b->o->from + io->sector * (b->o->bytes / BF_SECTOR);
    return LOAD_GO;
}

static int answered(struct load *l, struct bf_io *io)
{
    struct bench *b = l->arg;

    b->r->errors += io->status != BLKIF_RSP_OKAY;
    return 0;
}

int bench_run(struct bf_conn *c, const struct bench_options *o, struct bench_result *r)
{
    struct bench *b = calloc(1, sizeof(*b));
    uint64_t left = c->offer.sectors > o->from ? c->offer.sectors - o->from : 0;
    uint64_t sectors = o->sectors && o->sectors < left ? o->sectors : left;
    int rc;

    if (!b)
        return front_fail(&c->f, -ENOMEM, "no memory");
    ticks_calibrate();
    ticks_calibrate();
    hist_reset(&c->returned);
    b->o = o;
    b->r = r;
    b->random = 1;
    b->blocks = o->bytes >= BF_SECTOR ? sectors / (o->bytes / BF_SECTOR) : 0;
    b->end_ns = clock_ns() + (uint64_t)o->seconds * 1000000000;
    b->load =
        (struct load){.c = c, .depth = o->depth, .next = next, .answered = answered, .arg = b};
    if (b->blocks == 0 || o->bytes % BF_SECTOR || o->bytes > c->indirect * BF_PAGE)
        rc = front_fail(&c->f, -EINVAL,
                        "requests of %u bytes do not fit (disk %llu sectors, %u segments)",
                        o->bytes, (unsigned long long)left, c->indirect);
    else
        rc = load_run(&b->load);
    r->hist = b->load.hist;
    r->ops = b->load.ops;
    r->bytes = b->load.bytes;
    r->ns = b->load.ended_ns - b->load.began_ns;
    if (!rc && r->ops == 0)
        rc = front_fail(&c->f, -EIO, "not one request was answered");
    free(b);
    return rc;
}
