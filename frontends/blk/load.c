/* See load.h. */
#include "frontends/blk/load.h"

#include <errno.h>
#include <stdlib.h>

#include "transport/base/log.h"

static void on_done(struct bf_io *io, void *arg)
{
    struct load *l = arg;
    int rc;

    hist_add(&l->hist, io->end_ns - io->start_ns);
    l->ops++;
    if (io->op != BLKIF_OP_DISCARD)
        l->bytes += (uint64_t)io->nr_sectors * BF_SECTOR;
    rc = l->answered ? l->answered(l, io) : 0;
    if (rc && !l->rc)
        l->rc = rc;
}

static int push_all(struct bf_conn *c)
{
    int rc = 0;

    for (unsigned i = 0; i < c->nr_queues && !rc; i++)
        rc = bf_push(c, &c->queue[i]);
    return rc;
}

static bool is_early(const struct load *l)
{
    return l->every_ns && clock_ns() < l->due_ns;
}

/* Gives every idle request something to do.  END when nothing will come any more. */
static enum load_next fill(struct load *l, int *rc)
{
    enum load_next n = LOAD_GO;

    l->early = false;
    for (unsigned i = 0; i < l->depth && n == LOAD_GO && !*rc; i++) {
        struct bf_io *io = &l->io[i];

        if (io->waiting)
            continue;
        l->early = is_early(l);
        if (l->early)
            return LOAD_LATER;
        n = l->next(l, io);
        if (n != LOAD_GO)
            continue;
        l->due_ns = MAX(l->due_ns + l->every_ns, clock_ns());
        io->done = on_done;
        io->arg = l;
        *rc = bf_submit(l->c, &l->c->queue[i % l->c->nr_queues], io);
        if (*rc == -EAGAIN)
            *rc = front_fail(&l->c->f, -ENOSPC, "depth %u is more than the rings and pages hold",
                             l->depth);
    }
    return n;
}

static unsigned in_flight(const struct load *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->c->nr_queues; i++)
        n += l->c->queue[i].in_flight;
    return n;
}

/* Until the next answer, or until it is time for the next request. */
static int wait_paced(struct load *l)
{
    uint64_t now = clock_ns();
    unsigned ms = l->due_ns > now ? (unsigned)((l->due_ns - now) / 1000000) + 1 : 0;
    int rc;

    if (in_flight(l) > 0) {
        rc = bf_poll(l->c, ms);
        return rc < 0 ? rc : 0;
    }
    (void)front_sleep(&l->c->f, ms);
    return 0;
}

static int turn(struct load *l)
{
    bool ending = false;
    int rc = 0;

    while (!rc && !l->rc) {
        if (!ending)
            ending = fill(l, &rc) == LOAD_END;
        if (!rc)
            rc = push_all(l->c);
        if (!rc && !ending && l->early) {
            rc = wait_paced(l);
            continue;
        }
        if (!rc && in_flight(l) == 0 && !ending)
            return front_fail(&l->c->f, -ENOBUFS, "not one request fits: too few data pages");
        if (rc || in_flight(l) == 0)
            break;
        rc = bf_poll(l->c, LOAD_STALL_MS);
        if (rc == 0)
            return front_fail(&l->c->f, -ETIMEDOUT, "no answer for %u s, %u requests out",
                              LOAD_STALL_MS / 1000, in_flight(l));
        if (rc > 0)
            rc = 0;
    }
    return rc ? rc : l->rc;
}

int load_run(struct load *l)
{
    unsigned room = l->c->nr_queues * l->c->queue[0].nr_slots;
    int rc;

    l->depth = MIN(MAX(l->depth, 1u), MIN(room, (unsigned)LOAD_DEPTH_MAX));
    hist_reset(&l->hist);
    l->io = calloc(l->depth, sizeof(*l->io));
    if (!l->io)
        return -ENOMEM;
    l->began_ns = clock_ns();
    rc = turn(l);
    l->ended_ns = clock_ns();
    /* Answers that are still to come would mean requests that are no more. */
    if (in_flight(l) > 0)
        l->c->broken = true;
    for (unsigned i = 0; i < l->depth && !l->c->broken; i++)
        bf_io_unlay(l->c, &l->io[i]);
    free(l->io);
    l->io = NULL;
    return rc;
}
