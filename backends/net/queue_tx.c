/*
 * Guest to port.  One sweep: take whole packets off the ring, copy all of them with one grant
 * batch, hand them to the port, answer every slot in order, publish once, notify once.
 */
#include "backends/net/queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backends/net/port.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"
#include "transport/xen/teststep.h"

/* 1: a whole packet in p, 0: nothing waits, -errno: stopped. */
static int take_packet(struct net_queue *q, struct tx_packet *p)
{
    uint8_t raw[NETIF_TX_SLOT];
    int more = 1, rc = ring_back_take(&q->tx, raw);

    if (rc == 0)
        return 0;
    tx_begin(p);
    while (rc > 0 && (more = tx_feed(p, raw)) > 0)
        rc = ring_back_take(&q->tx, raw);
    if (more == 0)
        return 1;
    if (more < 0)
        net_queue_fault(q, more, p->reason);
    else if (rc < 0)
        net_queue_fault(q, rc, "tx ring: impossible producer index");
    else
        net_queue_fault(q, -EPROTO, "a packet that goes on beyond the producer index");
    return -EPROTO;
}

/* Bytes of the frame that shall stand before a page boundary of ours.  A copy costs one operation
 * per page it touches on either side, and most of a large packet is whole pages of the guest: the
 * first of them shall meet a page here, then the others do too. */
static size_t lead(const struct tx_packet *p)
{
    size_t n = 0;

    for (unsigned i = 0; i < p->nsegs; i++) {
        if (p->seg[i].len == NETIF_PAGE)
            return n;
        n += p->seg[i].len;
    }
    return p->seg[0].len;
}

/* Finds room for a frame behind `at`, with the port's header in front. */
static uint8_t *place_frame(uint8_t *at, const struct tx_packet *p)
{
    uintptr_t page = NETIF_PAGE, f = ((uintptr_t)at + PORT_HEADER + 63) & ~(uintptr_t)63;

    if (p->nsegs > 1) {
        size_t n = lead(p);

        f = (((uintptr_t)at + PORT_HEADER + n + page - 1) & ~(page - 1)) - n;
    } else if ((f & (page - 1)) + p->len > page) {
        f = (f + page - 1) & ~(page - 1);
    }
    return (uint8_t *)f;
}

static void add_copies(struct net_queue *q, struct tx_work *t)
{
    uint8_t *to = t->frame;

    t->first_copy = q->batch.count;
    for (unsigned i = 0; i < t->packet.nsegs; i++) {
        const struct tx_seg *s = &t->packet.seg[i];

        (void)grant_batch_from_peer(&q->batch, to, s->gref, s->off, s->len);
        to += s->len;
    }
    assert(to == t->frame + t->packet.len);
}

static bool copied(const struct net_queue *q, const struct tx_work *t)
{
    for (unsigned i = 0; i < t->packet.nsegs; i++) {
        if (!grant_batch_ok(&q->batch, t->first_copy + i))
            return false;
    }
    return true;
}

/* Takes what waits, as far as batch and arena reach.  Number of packets in q->tx_work. */
static unsigned gather(struct net_queue *q)
{
    uint64_t wait_ns;
    int64_t allowed = shared_allowance(q->shared, SHARED_TX, &wait_ns), bytes = 0;
    uint8_t *at = q->tx_area;
    uint8_t *end = q->tx_area + TX_ARENA - (TX_FRAME_MAX + 2 * NETIF_PAGE);
    unsigned n = 0;

    q->tx_limited = allowed <= 0;
    if (q->tx_limited)
        q->wait_ns = MIN(q->wait_ns, wait_ns);
    grant_batch_reset(&q->batch);
    while (n < TX_BATCH && at < end && bytes < allowed &&
           q->batch.count + TX_SEGS_MAX <= q->batch.capacity) {
        struct tx_work *t = &q->tx_work[n];

        if (take_packet(q, &t->packet) <= 0)
            break;
        t->verdict = tx_check(&t->packet, &q->tx_rules);
        if (t->verdict == TX_FATAL) {
            net_queue_fault(q, -EPROTO, t->packet.reason);
            break;
        }
        if (t->verdict == TX_SEND) {
            t->frame = place_frame(at, &t->packet);
            at = t->frame + t->packet.len;
            add_copies(q, t);
            bytes += t->packet.len;
        }
        n++;
    }
    shared_settle(q->shared, SHARED_TX, (uint64_t)bytes);
    return n;
}

static void write_frame(struct net_queue *q, struct tx_work *t, const struct virtio_net_hdr *h)
{
    struct io_uring_sqe *sqe = reactor_sqe(&q->reactor);
    uint8_t *start = t->frame - PORT_HEADER;

    memcpy(start, h, PORT_HEADER);
    io_uring_prep_write(sqe, REACTOR_FILE_DEVICE, start, PORT_HEADER + (unsigned)t->packet.len, 0);
    reactor_tag(&q->reactor, sqe, NET_TAG_WRITE, true);
    q->tx_writing++;
    q->count.ops[STAT_WRITE]++;
    q->count.bytes[STAT_WRITE] += t->packet.len;
}

static int change_list(struct net_queue *q, const struct tx_packet *p)
{
    if (p->mcast_type == NETIF_EXTRA_MCAST_ADD)
        return filter_mcast_add(&q->shared->filter, p->mcast);
    filter_mcast_del(&q->shared->filter, p->mcast);
    return 0;
}

/* The packet's fate, as the guest hears it. */
static int16_t finish(struct net_queue *q, struct tx_work *t)
{
    struct virtio_net_hdr h;

    if (t->verdict == TX_SEND && !filter_tx_ok(&q->shared->filter, t->frame)) {
        t->verdict = TX_DROP;
        t->packet.reason = "a source address that is not the guest's";
    }
    if (t->verdict == TX_SEND)
        t->verdict = tx_header(&t->packet, &q->tx_rules, t->frame, &h);
    if (t->verdict == TX_SEND) {
        write_frame(q, t, &h);
        return NETIF_STATUS_OKAY;
    }
    if (t->verdict == TX_CONTROL && change_list(q, &t->packet) == 0)
        return NETIF_STATUS_OKAY;
    if (t->verdict == TX_DROP)
        log_peer("queue %u: packet dropped: %s", q->index, t->packet.reason);
    q->count.errors[STAT_WRITE]++;
    return NETIF_STATUS_ERROR;
}

static void answer(struct net_queue *q, const struct tx_packet *p, int16_t status)
{
    for (unsigned i = 0; i < p->nslots; i++) {
        struct netif_tx_rsp rsp = tx_response(p, i, status);

        answers_note(q->tx_answers, q->tx.prod + i, &rsp, sizeof(rsp));
    }
    net_queue_put(&q->tx, q->tx_answers, q->tx.prod + p->nslots, sizeof(struct netif_tx_rsp));
}

/* Takes packets and copies them; false: there are none. */
static bool take_batch(struct net_queue *q, uint64_t *began, uint64_t *copied_at)
{
    int rc;

    q->tx_next = 0;
    q->tx_taken = gather(q);
    if (q->fault)
        q->tx_taken = 0;
    if (q->tx_taken == 0)
        return false;
    teststep(STEP_TAKEN);
    *began = net_queue_stamp(q);
    rc = grant_batch_run(&q->w->grant, &q->batch);
    if (rc)
        log_peer("queue %u: grant copy: %s", q->index, strerror(-rc));
    teststep(STEP_COPIED);
    *copied_at = *began ? ticks_ns() : 0;
    for (unsigned i = 0; i < q->tx_taken; i++) {
        struct tx_work *t = &q->tx_work[i];

        if (t->verdict == TX_SEND && !copied(q, t)) {
            t->verdict = TX_DROP;
            t->packet.reason = "a grant that cannot be read";
        }
    }
    return true;
}

/* A frame to everybody, when the guest has sent enough of them: it waits, and all behind it; or it
 * is dropped, when there were too many for long. */
static bool held_back(struct net_queue *q, struct tx_work *t)
{
    enum group_verdict v;
    uint64_t wait_ns;

    if (t->verdict != TX_SEND || !filter_to_group(t->frame))
        return false;
    v = shared_group(q->shared, &wait_ns);
    if (v == GROUP_DROP) {
        t->verdict = TX_DROP;
        t->packet.reason = "too many frames to groups or to all (drvdomd --group-rate)";
    }
    if (v != GROUP_WAIT)
        return false;
    q->tx_limited = true;
    q->wait_ns = MIN(q->wait_ns, wait_ns);
    return true;
}

bool net_queue_tx_sweep(struct net_queue *q)
{
    uint64_t began = 0, copied_at = 0;
    unsigned first;

    if (q->tx_writing > 0) /* the arena is still being read */
        return false;
    if (q->tx_next == q->tx_taken && !take_batch(q, &began, &copied_at))
        return false;
    q->tx_limited = false;
    for (first = q->tx_next; q->tx_next < q->tx_taken; q->tx_next++) {
        struct tx_work *t = &q->tx_work[q->tx_next];

        if (held_back(q, t))
            break;
        answer(q, &t->packet, finish(q, t));
        teststep(STEP_ANSWERED);
    }
    if (ring_back_push(&q->tx))
        q->tx_owed = true;
    net_queue_sample(q, STAT_WRITE, q->tx_next - first, began, copied_at);
    return q->tx_next > first;
}

bool net_queue_tx_rest(struct net_queue *q)
{
    int rc;

    if (q->tx_limited) /* what waits is not looked at before its time */
        return false;
    rc = ring_back_rest(&q->tx);
    if (rc < 0)
        net_queue_fault(q, rc, "tx ring: impossible producer index");
    return rc > 0;
}

void net_queue_tx_pay(struct net_queue *q)
{
    /* Not put off any longer: a timer costs more than the event (docs/measuring.md). */
    if (!q->tx_owed)
        return;
    q->tx_owed = false;
    if (!ring_back_owes(&q->tx))
        return;
    teststep(STEP_BEFORE_NOTIFY);
    net_queue_notify(q, &q->port[0]);
    teststep(STEP_AFTER_NOTIFY);
}

void net_queue_tx_done(struct net_queue *q, uint32_t tag, int res)
{
    (void)tag;
    assert(q->tx_writing > 0);
    q->tx_writing--;
    teststep(STEP_SUBMITTED);
    if (res < 0) {
        q->count.errors[STAT_WRITE]++;
        log_peer("queue %u: the port refused a frame: %s", q->index, strerror(-res));
    }
}
