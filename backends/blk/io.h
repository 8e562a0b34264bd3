/*
 * What io.c and io_answer.c share: the only two files that move a request from state to state.
 */
#ifndef DRVDOM_BLK_IO_H
#define DRVDOM_BLK_IO_H

#include <assert.h>

#include "backends/blk/queue.h"

static inline struct io_req *list_take(struct io_list *l)
{
    struct io_req *r = l->head;

    if (r) {
        l->head = r->next;
        if (!l->head)
            l->tail = &l->head;
    }
    return r;
}

/* The only place that changes a state.  A wrong edge is our bug: better dead than data lost. */
static inline void set_state(struct io_req *r, enum io_state to)
{
#define TO(s) (1u << IO_##s)
    static const unsigned edges[IO_STATES] = {
        [IO_FREE] = TO(TAKEN),
        [IO_TAKEN] = TO(COPYING) | TO(ON_DISK) | TO(ANSWERED),
        [IO_COPYING] = TO(TAKEN) | TO(ON_DISK) | TO(ANSWERED),
        [IO_ON_DISK] = TO(ON_DISK) | TO(COPYING) | TO(ANSWERED),
        [IO_ANSWERED] = TO(FREE),
    };
#undef TO

    assert(edges[r->state] >> to & 1);
    r->state = to;
}

static inline uint32_t index_of(const struct blk_queue *q, const struct io_req *r)
{
    return (uint32_t)(r - q->reqs);
}

/* The request has its answer, which lies on the ring and is not shown yet. */
void io_answer(struct blk_queue *q, struct io_req *r, int16_t status);
/* Shows all answers at once and kicks the guest once, if it asked for it. */
void io_push(struct blk_queue *q);

#endif
