/* See control.h. */
#include "backends/net/control.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "transport/base/log.h"

enum {
    STORM_GRACE = 4, /* as queue.c's, for a channel that is hardly used */
    TURN_MAX = 32,   /* requests until others are looked after */
};
static const uint64_t STORM_FIRST_NS = 100000, STORM_MAX_NS = 1000000000;
/* drvdomd, which serves other guests too, loads a program each time it is told. */
static const uint64_t TELL_NS = 100000000;

static void on_event(void *arg, uint32_t events);
static void on_unmask(void *arg);
static void on_tell(void *arg);

int control_init(struct net_control *c, struct worker *w, struct net_shared *shared,
                 void (*fault)(struct worker *w, int err, const char *text))
{
    int rc;

    c->w = w;
    c->shared = shared;
    c->fault = fault;
    rc = evtchn_open(&c->ev);
    if (!rc)
        rc = evtchn_restrict(&c->ev, w->id.domid);
    if (!rc)
        rc = grant_batch_init(&c->batch, w->id.domid, 1);
    if (rc)
        return rc;
    c->data = mmap(NULL, NETIF_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->data == MAP_FAILED)
        return -ENOMEM;
    c->unmask = (struct loop_timer){.fn = on_unmask, .arg = c};
    c->tell = (struct loop_timer){.fn = on_tell, .arg = c};
    c->watch = (struct loop_fd){.fd = evtchn_fd(&c->ev), .fn = on_event, .arg = c};
    return loop_add(&w->loop, &c->watch, EPOLLIN);
}

static void fault(struct net_control *c, int err, const char *text)
{
    control_stop(c);
    c->fault(c->w, err, text);
}

/* ---- drvdomd steers ---- */

static void on_tell(void *arg)
{
    struct net_control *c = arg;

    c->untold = false;
    c->told_ns = clock_ns();
    worker_note(c->w, &c->hash, sizeof(c->hash));
}

static void changed(struct net_control *c)
{
    uint64_t passed = clock_ns() - c->told_ns;

    shared_set_hash(c->shared, &c->hash);
    if (c->untold)
        return;
    c->untold = true;
    loop_timer_set(&c->w->loop, &c->tell, passed < TELL_NS ? TELL_NS - passed : 0);
}

/* ---- requests ---- */

/* What a request points to: bytes of the guest's page, copied once.  NULL: not to be had. */
static const void *fetch(struct net_control *c, const struct ctrl_plan *p)
{
    uint32_t i;

    if (p->bytes == 0)
        return NULL;
    grant_batch_reset(&c->batch);
    i = grant_batch_from_peer(&c->batch, c->data, p->gref, 0, (uint16_t)p->bytes);
    return grant_batch_run(&c->w->grant, &c->batch) == 0 && grant_batch_ok(&c->batch, i) ? c->data
                                                                                         : NULL;
}

/* Each answer is shown before the next request is taken: should this worker die in between, its
 * successor carries out a request once more, which changes nothing. */
static void serve_one(struct net_control *c, const void *raw)
{
    struct netif_ctrl_rsp rsp;
    struct ctrl_plan p;

    ctrl_plan(&c->hash, raw, &p);
    if (ctrl_apply(&c->hash, c->queues, &p, fetch(c, &p)))
        changed(c);
    rsp = ctrl_response(&p);
    ring_back_put(&c->ring, &rsp, sizeof(rsp));
    if (ring_back_push(&c->ring) && evtchn_notify(&c->ev, c->port))
        fault(c, -EPIPE, "the guest has closed its control ring's event channel");
}

/* Takes what waits; true: there may be more. */
static bool serve(struct net_control *c)
{
    uint8_t raw[NETIF_CTRL_SLOT];
    int rc = 0;

    for (unsigned i = 0; i < TURN_MAX && c->port; i++) {
        rc = ring_back_take(&c->ring, raw);
        if (rc == 0)
            rc = ring_back_rest(&c->ring) > 0 ? ring_back_take(&c->ring, raw) : 0;
        if (rc <= 0)
            break;
        c->idle_wakes = 0;
        serve_one(c, raw);
    }
    if (rc < 0)
        fault(c, rc, "control ring: impossible producer index");
    return rc > 0;
}

/* An event without work is acknowledged later and later (R8). */
static void on_event(void *arg, uint32_t events)
{
    struct net_control *c = arg;
    unsigned step;
    int port = evtchn_pending(&c->ev);
    bool more;

    (void)events;
    if (port <= 0 || (uint32_t)port != c->port)
        return;
    c->idle_wakes++;
    more = serve(c);
    if (!c->port)
        return;
    step = MIN(c->idle_wakes > STORM_GRACE ? c->idle_wakes - STORM_GRACE : 0, 14u);
    if (step == 0 && !more)
        on_unmask(c);
    else
        loop_timer_set(&c->w->loop, &c->unmask,
                       more ? 0 : MIN(STORM_FIRST_NS << step, STORM_MAX_NS));
}

static void on_unmask(void *arg)
{
    struct net_control *c = arg;

    if (c->port && serve(c))
        loop_timer_set(&c->w->loop, &c->unmask, 0);
    else if (c->port && evtchn_unmask(&c->ev, c->port))
        log_error("control ring: its event channel cannot be unmasked");
}

/* ---- life ---- */

static int attach(struct net_control *c, const struct net_connect *n, struct why *why)
{
    int rc;

    c->page = grant_map(&c->w->grant, c->w->id.domid, &n->ctrl_ref, 1);
    if (!c->page)
        return why_set(why, -errno, "cannot map the control ring, grant %u: %s", n->ctrl_ref,
                       strerror(errno));
    rc = ring_back_attach(&c->ring, c->page, NETIF_PAGE, NETIF_CTRL_SLOT);
    if (rc)
        return why_set(why, rc, "the control ring's indices are impossible");
    rc = c->w->resume ? evtchn_rebind(&c->ev, c->w->id.domid, n->ctrl_port)
                      : evtchn_bind(&c->ev, c->w->id.domid, n->ctrl_port);
    if (rc < 0)
        return why_set(why, rc, "cannot bind the control ring's event channel %u: %s", n->ctrl_port,
                       strerror(-rc));
    c->port = (uint32_t)rc;
    return 0;
}

int control_connect(struct net_control *c, const struct net_connect *n, struct why *why)
{
    int rc;

    c->hash = n->hash;
    c->queues = n->queues;
    c->idle_wakes = 0;
    c->untold = false;
    shared_set_hash(c->shared, &c->hash);
    if (!n->ctrl_port)
        return 0;
    rc = attach(c, n, why);
    if (rc)
        control_disconnect(c);
    else /* what was put before we were bound sent no event */
        loop_timer_set(&c->w->loop, &c->unmask, 0);
    return rc;
}

void control_stop(struct net_control *c)
{
    int rc = c->port ? evtchn_unbind(&c->ev, c->port) : 0;

    if (rc)
        log_error("control ring: unbinding: %s", strerror(-rc));
    c->port = 0;
    loop_timer_cancel(&c->w->loop, &c->unmask);
    loop_timer_cancel(&c->w->loop, &c->tell);
}

void control_disconnect(struct net_control *c)
{
    int rc;

    control_stop(c);
    rc = c->page ? grant_unmap(&c->w->grant, c->page, 1) : 0;
    if (rc)
        log_error("control ring: unmapping: %s", strerror(-rc));
    c->page = NULL;
}
