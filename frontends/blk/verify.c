/* See verify.h. */
#include "frontends/blk/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/blk/pattern.h"
#include "transport/base/log.h"

/* What is known of each sector.  0: nothing. */
typedef uint32_t generation;

struct verify {
    const struct verify_options *o;
    struct verify_result *r;
    struct load load;
    uint64_t random, from, sectors, end_ns, next_sector, put, window_ns;
    generation latest, *gen;
    uint8_t *busy; /* being written or read: no other request may touch it */
    bool no_discard;
    bool last; /* check of all: it is of another shape, and not what was to be measured */
};

/* ---- one request ---- */

static void fill_data(struct verify *v, const struct bf_io *io, generation g)
{
    uint32_t seg = 0, at = 0;
    uint8_t *mem;

    for (uint64_t s = io->sector; (mem = bf_io_each(v->load.c, io, &seg, &at)); s++)
        pattern_fill(mem, v->o->seed, s, g);
}

static int check_data(struct verify *v, const struct bf_io *io)
{
    struct bf_conn *c = v->load.c;
    uint32_t seg = 0, at = 0;
    const uint8_t *mem;

    for (uint64_t s = io->sector; (mem = bf_io_each(c, io, &seg, &at)); s++) {
        generation g = v->gen[s - v->from];

        if (g && !pattern_is(mem, v->o->seed, s, g)) {
            pattern_explain(mem, v->o->seed, s, g, c->f.why, sizeof(c->f.why));
            return -EILSEQ;
        }
        v->r->checked += g != 0;
    }
    if (!bf_io_canary_holds(c, io))
        return front_fail(&c->f, -EILSEQ,
                          "the read of sector %llu touched bytes beside its segments",
                          (unsigned long long)io->sector);
    return 0;
}

static void set_range(struct verify *v, const struct bf_io *io, generation g)
{
    for (uint32_t i = 0; i < io->nr_sectors; i++)
        v->gen[io->sector - v->from + i] = g;
}

static bool is_write(const struct bf_io *io)
{
    return io->op == BLKIF_OP_WRITE || (io->op == BLKIF_OP_WRITE_BARRIER && io->nr_segs);
}

/* Known before the answer, so that the data can be made: nobody reads a busy sector. */
static void prepare(struct verify *v, struct bf_io *io)
{
    if (is_write(io)) {
        fill_data(v, io, ++v->latest);
        set_range(v, io, v->latest);
    } else if (io->op == BLKIF_OP_READ) {
        bf_io_canary(v->load.c, io);
    } else if (io->op == BLKIF_OP_DISCARD) {
        set_range(v, io, 0);
    }
    if (io->nr_sectors)
        memset(v->busy + (io->sector - v->from), 1, io->nr_sectors);
}

/* Hands over what was measured since the last time; the sum of all stays what the run returns. */
static void end_window(struct verify *v, uint64_t now)
{
    uint64_t ns = now - v->window_ns;

    if (v->last || !v->o->window || ns < (uint64_t)v->o->window_ms * 1000000)
        return;
    v->o->window(&v->load.hist, ns);
    hist_merge(&v->r->hist, &v->load.hist);
    hist_reset(&v->load.hist);
    v->window_ns = now;
}

static int answered(struct load *l, struct bf_io *io)
{
    struct verify *v = l->arg;
    int rc = 0;

    if (io->nr_sectors)
        memset(v->busy + (io->sector - v->from), 0, io->nr_sectors);
    if (io->op == BLKIF_OP_DISCARD && io->status == BLKIF_RSP_EOPNOTSUPP)
        v->no_discard = true; /* an offer that the target could not keep, but said so */
    else if (io->status != BLKIF_RSP_OKAY)
        rc = front_fail(&l->c->f, -EIO, "operation %u of %u sectors at %llu was answered: %s",
                        io->op, io->nr_sectors, (unsigned long long)io->sector,
                        bf_status_name(io->status));
    else if (io->op == BLKIF_OP_READ)
        rc = check_data(v, io);
    if (io->op == BLKIF_OP_READ)
        v->r->reads++;
    else if (is_write(io))
        v->r->writes++;
    else
        v->r->others++;
    bf_io_unlay(l->c, io);
    end_window(v, io->end_ns);
    return rc;
}

/* ---- random ---- */

static uint8_t choose_op(struct verify *v)
{
    const struct bf_offer *f = &v->load.c->offer;
    uint64_t r = pattern_random(&v->random) % 100;

    if (v->o->sync_ops && r < 4 && f->flush)
        return BLKIF_OP_FLUSH_DISKCACHE;
    if (v->o->sync_ops && r < 6 && f->barrier)
        return BLKIF_OP_WRITE_BARRIER;
    if (v->o->discard && r >= 6 && r < 10 && f->discard && !v->no_discard)
        return BLKIF_OP_DISCARD;
    return r < 50 ? BLKIF_OP_WRITE : BLKIF_OP_READ;
}

/* Mostly short, sometimes as long as a request may be. */
static uint32_t choose_length(struct verify *v)
{
    uint64_t r = pattern_random(&v->random);
    uint32_t max = v->load.c->indirect * BF_SECTORS_PER_PAGE;

    switch (r & 7) {
    case 0:
        return 1 + (uint32_t)(r >> 8) % max;
    case 1:
    case 2:
        return 1 + (uint32_t)(r >> 8) % 64;
    default:
        return BF_SECTORS_PER_PAGE;
    }
}

/* How many of the wanted sectors from here on are free and inside. */
static uint32_t free_run(const struct verify *v, uint64_t sector, uint32_t want)
{
    uint32_t n = 0;

    while (n < want && sector + n < v->from + v->sectors && !v->busy[sector - v->from + n])
        n++;
    return n;
}

static bool is_over(const struct verify *v)
{
    if (v->o->stop && *v->o->stop)
        return true;
    return v->o->ops ? v->put >= v->o->ops : clock_ns() >= v->end_ns;
}

static enum load_next next_random(struct load *l, struct bf_io *io)
{
    struct verify *v = l->arg;
    uint64_t shape = v->o->plain ? 0 : (v->random | 1);
    uint32_t n;

    if (is_over(v))
        return LOAD_END;
    io->op = choose_op(v);
    io->indirect = false;
    io->flag = 0;
    io->nr_segs = 0;
    io->nr_sectors = 0;
    io->sector = v->from + pattern_random(&v->random) % v->sectors;
    if (io->op == BLKIF_OP_FLUSH_DISKCACHE)
        return LOAD_GO;
    n = free_run(v, io->sector, choose_length(v));
    if (n == 0)
        return LOAD_LATER;
    if (io->op == BLKIF_OP_DISCARD) {
        io->nr_sectors = n;
        if (l->c->offer.secure && pattern_random(&v->random) & 1)
            io->flag = BLKIF_DISCARD_SECURE;
    } else if (bf_io_lay(l->c, io, n, &shape) == 0) {
        return LOAD_LATER;
    } else {
        /* An indirect request may be short, too. */
        io->indirect = l->c->indirect > BF_SEGS_DIRECT && io->op != BLKIF_OP_WRITE_BARRIER &&
                       pattern_random(&v->random) % 4 == 0;
        if (io->op == BLKIF_OP_WRITE_BARRIER && io->nr_segs > BF_SEGS_DIRECT)
            io->op = BLKIF_OP_WRITE; /* a barrier cannot be indirect */
    }
    prepare(v, io);
    v->put++;
    return LOAD_GO;
}

/* ---- in order ---- */

static enum load_next next_in_order(struct load *l, struct bf_io *io, uint8_t op)
{
    struct verify *v = l->arg;
    uint64_t shape = v->o->plain ? 0 : (v->random | 1);
    uint64_t left = v->from + v->sectors - v->next_sector;
    uint32_t n = MIN(l->c->indirect * BF_SECTORS_PER_PAGE, 256u);

    if (left == 0)
        return LOAD_END;
    io->op = op;
    io->indirect = false;
    io->sector = v->next_sector;
    (void)pattern_random(&v->random);
    if (bf_io_lay(l->c, io, left < n ? (uint32_t)left : n, &shape) == 0)
        return LOAD_LATER;
    v->next_sector += io->nr_sectors;
    if (op == BLKIF_OP_READ)
        bf_io_canary(l->c, io);
    else
        fill_data(v, io, v->gen[io->sector - v->from]);
    return LOAD_GO;
}

static enum load_next next_read(struct load *l, struct bf_io *io)
{
    return next_in_order(l, io, BLKIF_OP_READ);
}

static enum load_next next_write(struct load *l, struct bf_io *io)
{
    return next_in_order(l, io, BLKIF_OP_WRITE);
}

/* ---- runs ---- */

static int run(struct verify *v, enum load_next (*next)(struct load *, struct bf_io *))
{
    int rc;

    v->load.next = next;
    v->load.ops = v->load.bytes = 0;
    v->load.rc = 0;
    v->next_sector = v->from;
    rc = load_run(&v->load);
    if (v->last)
        return rc;
    hist_merge(&v->r->hist, &v->load.hist);
    v->r->ns += v->load.ended_ns - v->load.began_ns;
    return rc;
}

static int begin(struct verify *v, struct bf_conn *c, const struct verify_options *o,
                 struct verify_result *r)
{
    uint64_t left;

    memset(v, 0, sizeof(*v));
    memset(r, 0, sizeof(*r));
    v->o = o;
    v->r = r;
    v->load = (struct load){.c = c, .depth = o->depth, .answered = answered, .arg = v};
    v->random = o->seed * 0x9e3779b97f4a7c15 + 1;
    v->from = o->from;
    if (o->from >= c->offer.sectors)
        return front_fail(&c->f, -EINVAL, "the disk has %llu sectors only",
                          (unsigned long long)c->offer.sectors);
    left = c->offer.sectors - o->from;
    v->sectors = o->sectors ? o->sectors : VERIFY_SECTORS;
    if (v->sectors > left)
        v->sectors = left;
    v->gen = calloc(v->sectors, sizeof(*v->gen));
    v->busy = calloc(v->sectors, 1);
    v->window_ns = clock_ns();
    v->end_ns = v->window_ns + (uint64_t)o->seconds * 1000000000;
    return v->gen && v->busy ? 0 : front_fail(&c->f, -ENOMEM, "no memory");
}

static void end(struct verify *v)
{
    free(v->gen);
    free(v->busy);
}

int verify_random(struct bf_conn *c, const struct verify_options *o, struct verify_result *r)
{
    struct verify *v = calloc(1, sizeof(*v));
    int rc = v ? begin(v, c, o, r) : -ENOMEM;

    if (!rc && o->rate)
        v->load.every_ns = UINT64_C(1000000000) / o->rate;
    if (!rc)
        rc = run(v, next_random);
    if (!rc) {
        v->last = true;
        rc = run(v, next_read);
    }
    if (v)
        end(v);
    free(v);
    return rc;
}

static int in_order(struct bf_conn *c, const struct verify_options *o, struct verify_result *r,
                    enum load_next (*next)(struct load *, struct bf_io *))
{
    struct verify *v = calloc(1, sizeof(*v));
    int rc = v ? begin(v, c, o, r) : -ENOMEM;

    for (uint64_t i = 0; !rc && i < v->sectors; i++)
        v->gen[i] = o->generation;
    if (!rc)
        rc = run(v, next);
    if (v)
        end(v);
    free(v);
    return rc;
}

int verify_write(struct bf_conn *c, const struct verify_options *o, struct verify_result *r)
{
    return in_order(c, o, r, next_write);
}

int verify_read(struct bf_conn *c, const struct verify_options *o, struct verify_result *r)
{
    return in_order(c, o, r, next_read);
}

int verify_quick(struct bf_conn *c, uint64_t from, uint64_t sectors)
{
    static struct verify_result r;
    struct verify_options o = {.from = from,
                               .sectors = sectors,
                               .seed = clock_ns(),
                               .depth = 8,
                               .ops = 60,
                               .sync_ops = true};
    int rc = verify_random(c, &o, &r);

    if (!rc && r.checked == 0)
        return front_fail(&c->f, -EILSEQ, "nothing was checked");
    return rc;
}
