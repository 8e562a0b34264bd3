/* See queue.h. */
#include "backends/net/queue.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/net/port.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

enum {
    /* Events without work that are simply acknowledged: a frontend's kick often crosses with our
     * having taken the work already. */
    STORM_GRACE = 16,
};
static const uint64_t STORM_FIRST_NS = 10000, STORM_MAX_NS = 1000000000;

/* ---- life ---- */

static uint8_t *take_memory(size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return m == MAP_FAILED ? NULL : m;
}

int net_queue_init(struct net_queue *q, struct worker *w, struct net_shared *shared, unsigned index,
                   int port_fd, int command_fd)
{
    struct reactor_config c = {
        .ev = &q->ev, .device_fd = port_fd, .command_fd = command_fd, .depth = QUEUE_OPS};
    int rc;

    q->w = w;
    q->shared = shared;
    q->index = index;
    q->port_fd = port_fd;
    q->command_fd = command_fd;
    q->tx_answers =
        w->box ? (struct answers *)(void *)w->box->journal + 2 * index : q->spare_answers;
    q->rx_answers = q->tx_answers + 1;
    rc = evtchn_open(&q->ev);
    if (!rc)
        rc = evtchn_restrict(&q->ev, w->id.domid);
    if (!rc)
        rc = reactor_open(&q->reactor, &c);
    if (!rc)
        rc = grant_batch_init(&q->batch, w->id.domid, BATCH_SEGS);
    if (rc)
        return rc;
    q->tx_area = take_memory(TX_ARENA);
    q->rx_area = take_memory((size_t)RX_FRAMES * RX_STRIDE);
    return q->tx_area && q->rx_area ? 0 : -ENOMEM;
}

void net_queue_fini(struct net_queue *q)
{
    reactor_close(&q->reactor);
    evtchn_close(&q->ev);
    grant_batch_fini(&q->batch);
    munmap(q->tx_area, TX_ARENA);
    munmap(q->rx_area, (size_t)RX_FRAMES * RX_STRIDE);
}

void net_queue_put(struct ring *r, struct answers *a, uint32_t upto, size_t size)
{
    uint64_t rsp;

    /* From here on they count: the first put may destroy a request. */
    answers_commit(a, upto);
    while (r->prod != upto) {
        rsp = answers_get(a, r->prod);
        ring_back_put(r, &rsp, size);
    }
}

/* A dead worker's answers may lie on the ring, unpushed, where requests were: they are put again.
 * Frames behind them that it had taken are taken again: sent twice rather than lost. */
static int take_up(struct ring *r, struct answers *a, void *page, uint32_t slot_size,
                   size_t rsp_size)
{
    uint32_t from = ring_back_answered(page), n = answers_pending(a, from);
    int rc = ring_back_resume(r, page, NETIF_PAGE, slot_size, n);

    if (rc)
        return rc;
    net_queue_put(r, a, from + n, rsp_size);
    (void)!ring_back_push(r); /* both channels are kicked when all is connected */
    return 0;
}

static int map_ring(struct net_queue *q, struct ring *r, void **page, uint32_t ref,
                    uint32_t slot_size, const char *which, struct why *why)
{
    struct answers *a = r == &q->tx ? q->tx_answers : q->rx_answers;
    int rc;

    *page = grant_map(&q->w->grant, q->w->id.domid, &ref, 1);
    if (!*page)
        return why_set(why, -errno, "queue %u: cannot map the %s ring, grant %u: %s", q->index,
                       which, ref, strerror(errno));
    if (q->w->resume) {
        rc = take_up(r, a, *page, slot_size,
                     r == &q->tx ? sizeof(struct netif_tx_rsp) : NETIF_RX_SLOT);
    } else {
        rc = ring_back_attach(r, *page, NETIF_PAGE, slot_size);
        answers_start(a, r->prod);
    }
    return rc ? why_set(why, rc, "queue %u: the %s ring's indices are impossible", q->index, which)
              : 0;
}

static int bind_port(struct net_queue *q, struct net_port *p, uint32_t remote, struct why *why)
{
    int rc = q->w->lost_ns ? evtchn_rebind(&q->ev, q->w->id.domid, remote)
                           : evtchn_bind(&q->ev, q->w->id.domid, remote);

    if (rc < 0)
        return why_set(why, rc, "queue %u: cannot bind event channel %u: %s", q->index, remote,
                       strerror(-rc));
    *p = (struct net_port){.local = (uint32_t)rc};
    return 0;
}

static int connect_rings(struct net_queue *q, const struct net_queue_keys *k, struct why *why)
{
    int rc = map_ring(q, &q->tx, &q->tx_page, k->tx_ref, NETIF_TX_SLOT, "tx", why);

    if (!rc)
        rc = map_ring(q, &q->rx, &q->rx_page, k->rx_ref, NETIF_RX_SLOT, "rx", why);
    if (!rc)
        rc = bind_port(q, &q->port[0], k->tx_port, why);
    if (!rc && k->rx_port != k->tx_port)
        rc = bind_port(q, &q->port[1], k->rx_port, why);
    return rc;
}

/* What the kernel has queued since the last connection was meant for that one. */
static void forget_old_frames(struct net_queue *q)
{
    for (unsigned i = 0; i < PORT_QUEUE_FRAMES; i++) {
        if (read(q->port_fd, q->rx_area, RX_STRIDE) <= 0)
            break;
    }
}

int net_queue_connect(struct net_queue *q, const struct net_connect *c, uint32_t mtu,
                      struct why *why)
{
    int rc;

    q->fault = 0;
    q->fault_text = NULL;
    q->idle_wakes = 0;
    q->tx_owed = false;
    q->tx_next = q->tx_taken = 0;
    q->rx_notify = c->rx_notify;
    q->tx_rules = (struct tx_rules){.frame_max = mtu + 14, .gso4 = true, .gso6 = true};
    q->rx_caps = (struct rx_caps){
        .sg = c->sg, .gso4 = c->gso4, .gso6 = c->gso6, .csum4 = c->csum4, .csum6 = c->csum6};
    q->rx_look = 0; /* the shared part is fetched with the first frame */
    q->rx_placed = q->rx_filled = q->rx_armed = 0;
    q->rx_short_since_ns = 0;
    q->rx_need = 1;
    q->rx_stalled = false;
    q->changed = false;
    rc = connect_rings(q, &c->queue[q->index], why);
    if (rc) {
        net_queue_disconnect(q);
        return rc;
    }
    if (!q->w->resume)
        forget_old_frames(q);
    /* What the guest put on the ring before we were bound sent us no event. */
    q->serving = true;
    for (unsigned i = 0; i < ARRAY_SIZE(q->port); i++)
        net_queue_notify(q, &q->port[i]);
    return 0;
}

/* Takes one thing that has happened off the reactor; false when there is none. */
static bool take_event(struct net_queue *q)
{
    struct reactor_event e;

    if (!reactor_next(&q->reactor, &e))
        return false;
    if (e.kind == REACTOR_COMMAND) {
        q->command = true;
    } else if (e.kind == REACTOR_PORT) {
        for (unsigned i = 0; i < ARRAY_SIZE(q->port); i++) {
            if (e.tag && q->port[i].local == e.tag)
                q->port[i].masked = q->woken = true;
        }
        q->count.events += e.tag != 0;
    } else if (e.tag & NET_TAG_WRITE) {
        net_queue_tx_done(q, e.tag, e.res);
    } else {
        net_queue_rx_done(q, e.tag, e.res);
    }
    return true;
}

void net_queue_stop(struct net_queue *q)
{
    q->serving = false;
    /* A write never waits.  Of a chain of reads only the first one waits, and cancelling it lets
     * the next one wait: so once per read. */
    while (q->rx_reading > 0 || q->tx_writing > 0) {
        int rc;

        if (q->rx_reading > 0)
            reactor_cancel_device(&q->reactor);
        rc = reactor_wait(&q->reactor, true, UINT64_MAX);
        assert(rc == 0);
        while (take_event(q))
            ;
    }
}

static void unmap_page(struct net_queue *q, void **page)
{
    int rc = *page ? grant_unmap(&q->w->grant, *page, 1) : 0;

    if (rc)
        log_error("queue %u: unmapping a ring: %s", q->index, strerror(-rc));
    *page = NULL;
}

void net_queue_disconnect(struct net_queue *q)
{
    net_queue_stop(q);
    for (unsigned i = 0; i < ARRAY_SIZE(q->port); i++) {
        int rc = q->port[i].local ? evtchn_unbind(&q->ev, q->port[i].local) : 0;

        if (rc)
            log_error("queue %u: unbinding: %s", q->index, strerror(-rc));
        q->port[i] = (struct net_port){0};
    }
    unmap_page(q, &q->tx_page);
    unmap_page(q, &q->rx_page);
}

void net_queue_fault(struct net_queue *q, int err, const char *text)
{
    if (q->fault)
        return;
    q->fault = err;
    q->fault_text = text;
    q->serving = false;
    q->changed = true;
}

void net_queue_notify(struct net_queue *q, struct net_port *p)
{
    int rc;

    if (!p->local)
        return;
    rc = evtchn_notify(&q->ev, p->local);
    if (p == &q->port[0])
        q->tx_owed = false;
    q->count.notifies++;
    if (rc)
        net_queue_fault(q, rc, "the guest has closed its event channel");
}

/* ---- serving ---- */

/* Acknowledges events, late: an event channel that is not acknowledged sends nothing.  A guest that
 * kicks without giving work is acknowledged later and later (R8). */
static uint64_t acknowledge(struct net_queue *q)
{
    uint64_t now, delay;

    if (!q->port[0].masked && !q->port[1].masked)
        return UINT64_MAX;
    if (q->idle_wakes > STORM_GRACE) {
        unsigned step = MIN(q->idle_wakes - STORM_GRACE, 17u);

        now = clock_ns();
        delay = MIN(STORM_FIRST_NS << step, STORM_MAX_NS);
        if (q->unmask_due_ns == 0)
            q->unmask_due_ns = now + delay;
        if (q->unmask_due_ns > now)
            return q->unmask_due_ns - now;
    }
    q->unmask_due_ns = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(q->port); i++) {
        if (q->port[i].masked)
            reactor_unmask(&q->reactor, q->port[i].local);
        q->port[i].masked = false;
    }
    return UINT64_MAX;
}

uint64_t net_queue_stamp(struct net_queue *q)
{
    return STAGES && q->sample++ % SAMPLE_EVERY == 0 ? ticks_ns() : 0;
}

void net_queue_sample(struct net_queue *q, enum stat_op op, uint32_t n, uint64_t began_ns,
                      uint64_t copied_ns)
{
    struct hist *h = q->w->stats->stage[op];

    q->count.sweeps++;
    if (!began_ns)
        return;
    hist_add_shared(&h[STAGE_GRANT], copied_ns - began_ns, n);
    hist_add_shared(&h[STAGE_TOTAL], ticks_ns() - began_ns, n);
}

static void publish_counts(struct net_queue *q)
{
    struct dev_stats *s = q->w->stats;

    for (unsigned op = 0; op < STAT_OPS; op++) {
        stats_add(&s->ops[op], q->count.ops[op]);
        stats_add(&s->bytes[op], q->count.bytes[op]);
        stats_add(&s->errors[op], q->count.errors[op]);
    }
    stats_add(&s->events, q->count.events);
    stats_add(&s->notifies, q->count.notifies);
    stats_add(&s->sweeps, q->count.sweeps);
    memset(&q->count, 0, sizeof(q->count));
}

/* Both directions once.  0: there may be more at once; else how long to sleep at most. */
static uint64_t serve(struct net_queue *q)
{
    uint64_t sleep_ns;
    bool work, more;

    q->wait_ns = UINT64_MAX;
    work = net_queue_tx_sweep(q);
    work |= net_queue_rx_sweep(q);
    if (work)
        q->idle_wakes = 0;
    else
        q->idle_wakes += q->woken;
    q->woken = false;
    more = q->serving && net_queue_tx_rest(q);
    more |= q->serving && net_queue_rx_rest(q);
    if (q->serving)
        net_queue_tx_pay(q);
    if (more)
        return 0;
    sleep_ns = acknowledge(q);
    return MIN(sleep_ns, q->wait_ns);
}

/* Waking a busy queue's thread shall not interrupt another one: on a busy CPU it then finds a batch
 * of frames instead of the first one, and each pair of them saves two changes of address space.
 * One that is hardly ever awake may interrupt: it waits for no neighbour's batch. */
static void have_manners(struct net_queue *q)
{
    const struct sched_param none = {0};
    bool busy = q->cpu.percent >= BUSY_PERCENT;

    if (busy == q->busy)
        return;
    q->busy = busy;
    if (sched_setscheduler(0, busy ? SCHED_BATCH : SCHED_OTHER, &none))
        log_debug("scheduling policy: %s", strerror(errno));
}

int net_queue_turn(struct net_queue *q, uint64_t timeout_ns)
{
    bool more = false;
    int rc;

    if (q->serving) {
        uint64_t rest_ns = serve(q); /* not as an argument of MIN: that would serve twice */

        more = rest_ns == 0;
        /* No longer than REACTOR_BEAT_NS in any case: a lost event costs so much, and not the
         * device (R9). */
        timeout_ns = MIN(timeout_ns, rest_ns);
    }
    if (q->changed) /* the main thread shall look now: no event may ever come */
        timeout_ns = 0;
    publish_counts(q);
    if (q->turns++ % CPU_TURNS == 0) {
        stats_cpu(q->w->stats, &q->cpu, ticks_ns());
        have_manners(q);
    }
    rc = reactor_wait(&q->reactor, timeout_ns > 0, timeout_ns);
    /* Other workers of this processor run between two batches (busy ones do not interrupt us): the
     * one that takes the frames just sent has a port that keeps PORT_QUEUE_FRAMES of them only. */
    if (more)
        sched_yield();
    while (take_event(q))
        ;
    return rc;
}
