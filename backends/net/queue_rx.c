/*
 * Port to guest.  Reads wait in the kernel as a chain of linked operations: each frame completes
 * one and lets the next one look, so a burst costs one system call and an idle port none.  Frames
 * that the guest has no slots for are held (RX_FRAMES at most); then nothing more is read, and the
 * kernel's bounded queue drops what it cannot keep.
 */
#include "backends/net/queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backends/net/port.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/teststep.h"

enum { NO_COPY = UINT32_MAX };
/* A guest that has too few slots for this long loses the frames held for it, and after a minute
 * its link (N16, N17; the times are Linux netback's). */
static const uint64_t HOLD_NS = 10000000000u, STALL_NS = 60000000000u;
/* How often slots are looked for when the frontend does not announce them. */
static const uint64_t POLL_NS = 5000000;

/* The frame starts at a page, so that each slot's copy stays within one; its header ends there. */
static uint8_t *frame_data(const struct net_queue *q, uint32_t n)
{
    return q->rx_area + (size_t)(n % RX_FRAMES) * RX_STRIDE + NETIF_PAGE;
}

/* ---- reading ---- */

static void arm_reads(struct net_queue *q, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct io_uring_sqe *sqe = reactor_sqe(&q->reactor);
        uint32_t number = q->rx_armed++;

        io_uring_prep_read(sqe, REACTOR_FILE_DEVICE, frame_data(q, number) - PORT_HEADER,
                           PORT_HEADER + RX_FRAME_MAX, 0);
        /* Hard: every frame is shorter than its buffer, and a short read breaks a soft link. */
        if (i + 1 < n)
            sqe->flags |= IOSQE_IO_HARDLINK;
        reactor_tag(&q->reactor, sqe, number % RX_FRAMES, false);
        q->rx_reading++;
    }
}

void net_queue_rx_done(struct net_queue *q, uint32_t tag, int res)
{
    assert(q->rx_reading > 0);
    q->rx_reading--;
    if (!q->serving) /* cancelled, or too late: nobody will place it */
        return;
    if (res < PORT_HEADER) {
        net_queue_fault(q, res < 0 ? res : -EIO, "the network interface is gone");
        return;
    }
    assert(tag == q->rx_filled % RX_FRAMES); /* a chain completes in order */
    q->rx_frame[tag].len = (uint32_t)res - PORT_HEADER;
    q->rx_frame[tag].planned = false;
    q->rx_filled++;
    teststep(STEP_COMPLETED);
}

/* ---- placing ---- */

/* Takes the frame's slots off the ring and adds its copies.  The slots are there. */
static void place(struct net_queue *q, uint32_t number, uint32_t *nslots)
{
    const struct rx_frame *f = &q->rx_frame[number % RX_FRAMES];

    for (unsigned i = 0; i < f->plan.slots; i++) {
        struct rx_slot *s = &q->rx_slot[(*nslots)++];
        struct netif_rx_req req;
        uint32_t from;
        uint16_t len;

        if (ring_back_take(&q->rx, &req) != 1) { /* it said so a moment ago */
            (*nslots)--;
            net_queue_fault(q, -EPROTO, "rx ring: impossible producer index");
            return;
        }
        *s = (struct rx_slot){.id = req.id, .index = (uint16_t)i, .frame = number, .copy = NO_COPY};
        if (rx_is_extra(&f->plan, i))
            continue;
        rx_share(&f->plan, i, &from, &len);
        s->copy = grant_batch_to_peer(&q->batch, frame_data(q, number) + from, req.gref,
                                      f->plan.headroom, len);
    }
}

static void drop(struct net_queue *q)
{
    q->rx_placed++;
    q->count.errors[STAT_READ]++;
}

/* Makes sure frame `number` has a plan; false: it cannot be given to this guest. */
static bool planned(struct net_queue *q, uint32_t number)
{
    struct rx_frame *f = &q->rx_frame[number % RX_FRAMES];
    uint8_t *data = frame_data(q, number);
    struct virtio_net_hdr h;

    if (f->planned)
        return true;
    memcpy(&h, data - PORT_HEADER, sizeof(h));
    f->planned = rx_plan(&q->rx_caps, data, f->len, &h, &f->plan) == 0 &&
                 filter_rx_ok(&q->shared->filter, data);
    return f->planned;
}

/* Places held frames in order while the guest has slots; number of ring slots used. */
static uint32_t gather(struct net_queue *q)
{
    uint64_t wait_ns;
    int64_t allowed = shared_allowance(q->shared, SHARED_RX, &wait_ns), bytes = 0;
    uint32_t nslots = 0;
    int avail = ring_back_avail(&q->rx);

    q->rx_limited = allowed <= 0;
    if (q->rx_limited)
        q->wait_ns = MIN(q->wait_ns, wait_ns);
    if (avail < 0) {
        net_queue_fault(q, avail, "rx ring: impossible producer index");
        return 0;
    }
    grant_batch_reset(&q->batch);
    shared_look(q->shared, &q->rx_look, &q->rx_caps);
    while (q->rx_placed != q->rx_filled && !q->fault && bytes < allowed) {
        const struct rx_frame *f = &q->rx_frame[q->rx_placed % RX_FRAMES];

        if (!planned(q, q->rx_placed)) {
            drop(q);
            continue;
        }
        if (nslots + f->plan.slots > (uint32_t)avail)
            break;
        place(q, q->rx_placed, &nslots);
        q->count.ops[STAT_READ]++;
        q->count.bytes[STAT_READ] += f->plan.len;
        bytes += f->plan.len;
        q->rx_placed++;
    }
    shared_settle(q->shared, SHARED_RX, (uint64_t)bytes);
    return nslots;
}

static void answer(struct net_queue *q, uint32_t nslots)
{
    for (uint32_t i = 0; i < nslots; i++) {
        const struct rx_slot *s = &q->rx_slot[i];
        bool ok = s->copy == NO_COPY || grant_batch_ok(&q->batch, s->copy);
        uint8_t rsp[NETIF_RX_SLOT];

        rx_response(&q->rx_frame[s->frame % RX_FRAMES].plan, s->index, s->id, ok, rsp);
        answers_note(q->rx_answers, q->rx.prod + i, rsp, sizeof(rsp));
        q->count.errors[STAT_READ] += !ok;
    }
    net_queue_put(&q->rx, q->rx_answers, q->rx.prod + nslots, NETIF_RX_SLOT);
}

static void set_stalled(struct net_queue *q, bool stalled)
{
    if (q->rx_stalled == stalled)
        return;
    q->rx_stalled = stalled;
    q->changed = true;
}

/* A frame was placed, or there are slots for the one that had too few: the guest is alive. */
static void has_enough(struct net_queue *q)
{
    q->rx_need = 1;
    q->rx_short_since_ns = 0;
    set_stalled(q, false);
}

bool net_queue_rx_sweep(struct net_queue *q)
{
    uint32_t nslots, first = q->rx_placed;
    uint64_t began, copied_at;
    int rc;

    if (q->rx_placed == q->rx_filled)
        return false;
    nslots = gather(q);
    if (q->fault || nslots == 0)
        return false;
    teststep(STEP_TAKEN);
    began = net_queue_stamp(q);
    rc = grant_batch_run(&q->w->grant, &q->batch);
    if (rc)
        log_peer("queue %u: grant copy: %s", q->index, strerror(-rc));
    teststep(STEP_COPIED);
    copied_at = began ? ticks_ns() : 0;
    answer(q, nslots);
    teststep(STEP_ANSWERED);
    if (ring_back_push(&q->rx)) {
        teststep(STEP_BEFORE_NOTIFY);
        net_queue_notify(q, &q->port[q->port[1].local ? 1 : 0]);
        teststep(STEP_AFTER_NOTIFY);
    }
    has_enough(q);
    net_queue_sample(q, STAT_READ, q->rx_placed - first, began, copied_at);
    return true;
}

/* ---- before sleeping ---- */

/* The guest has fewer slots than it needs: how long already? */
static void grow_impatient(struct net_queue *q)
{
    uint64_t now = clock_ns(), since;

    if (q->rx_short_since_ns == 0)
        q->rx_short_since_ns = now;
    since = now - q->rx_short_since_ns;
    if (since >= HOLD_NS && q->rx_placed != q->rx_filled) {
        log_peer("queue %u: no receive buffers for 10 s: %u frames dropped", q->index,
                 q->rx_filled - q->rx_placed);
        while (q->rx_placed != q->rx_filled)
            drop(q);
    }
    if (since >= STALL_NS)
        set_stalled(q, true);
    else
        q->wait_ns = MIN(q->wait_ns, (since < HOLD_NS ? HOLD_NS : STALL_NS) - since);
    if (!q->rx_notify)
        q->wait_ns = MIN(q->wait_ns, POLL_NS);
}

/* Asks for an event when `slots` receive slots are posted.  True: they are. */
static bool rest_until(struct net_queue *q, uint32_t slots)
{
    int rc = ring_back_rest_until(&q->rx, slots);

    if (rc < 0)
        net_queue_fault(q, rc, "rx ring: impossible producer index");
    if (rc == 0)
        grow_impatient(q);
    return rc > 0;
}

bool net_queue_rx_rest(struct net_queue *q)
{
    int avail;

    if (q->rx_placed != q->rx_filled) {
        const struct rx_frame *f = &q->rx_frame[q->rx_placed % RX_FRAMES];

        if (q->rx_limited)
            return false;
        q->rx_need = f->planned ? f->plan.slots : 1;
        return rest_until(q, q->rx_need);
    }
    avail = ring_back_avail(&q->rx);
    if (avail < 0) {
        net_queue_fault(q, avail, "rx ring: impossible producer index");
        return false;
    }
    if ((uint32_t)avail >= q->rx_need)
        has_enough(q);
    else if (rest_until(q, q->rx_need))
        return true;
    if (q->rx_reading == 0 && avail > 0)
        arm_reads(q, MIN((unsigned)avail, (unsigned)RX_CHAIN));
    return false;
}
