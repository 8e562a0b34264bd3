/* See xenbus.h. */
#include "transport/xen/xenbus.h"

#include <stddef.h>

const char *xenbus_state_name(unsigned state)
{
    static const char *const names[] = {
        "Unknown", "Initialising", "InitWait",      "Initialised",  "Connected",
        "Closing", "Closed",       "Reconfiguring", "Reconfigured",
    };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "invalid";
}

void xenbus_init(struct xenbus_dev *d, bool connect_at_initialised)
{
    *d = (struct xenbus_dev){.phase = XB_NEW, .connect_at_initialised = connect_at_initialised};
}

void xenbus_adopt(struct xenbus_dev *d, bool connect_at_initialised)
{
    xenbus_init(d, connect_at_initialised);
    d->resume = d->announced = true;
}

static bool front_wants_connection(const struct xenbus_dev *d, const struct xenbus_view *v)
{
    return v->front == XENBUS_CONNECTED ||
           (v->front == XENBUS_INITIALISED && d->connect_at_initialised);
}

/* The frontend has let go of rings and pages: it says so, or it exists no more. */
static bool front_is_off(const struct xenbus_view *v)
{
    return v->front == XENBUS_CLOSED || v->front == XENBUS_UNKNOWN ||
           v->front == XENBUS_INITIALISING;
}

static unsigned release(struct xenbus_dev *d)
{
    d->phase = XB_GONE;
    return XB_ACT_RELEASE;
}

/* Removal: libxl waits for exactly 6, then for the directory to disappear. */
static unsigned remove_self(struct xenbus_dev *d, const struct xenbus_view *v)
{
    return (v->exists ? XB_ACT_REMOVE : 0u) | release(d);
}

/* In state 6: stay, go away, or start over. */
static unsigned closed(struct xenbus_dev *d, const struct xenbus_view *v)
{
    d->phase = XB_CLOSED;
    if (d->held)
        return 0; /* 5 -> 6 -> 2 in one burst would coalesce in the frontend's watch */
    if (v->exists && !v->online && !d->lingered) {
        /* A slow toolstack looks for 6 some time after it has asked us to go. */
        d->lingered = d->held = true;
        return XB_ACT_DWELL;
    }
    if (!v->exists || !v->online)
        return remove_self(d, v);
    d->lingered = false;
    if (v->front != XENBUS_INITIALISING)
        return 0;
    if (d->dead) { /* the worker was lost on the way: a new one first */
        d->dead = false;
        d->phase = XB_OPENING;
        return XB_ACT_OPEN;
    }
    d->phase = XB_WAITING;
    return XB_ACT_INIT_WAIT;
}

/* In state 5: 6 when the worker has drained and the frontend is off. */
static unsigned closing(struct xenbus_dev *d, const struct xenbus_view *v)
{
    if (!d->drained || d->held)
        return 0;
    if (v->exists && !front_is_off(v))
        return 0;
    d->phase = XB_CLOSED;
    if (!v->exists)
        return closed(d, v);
    d->held = true;
    return XB_ACT_CLOSED | XB_ACT_GAP;
}

static unsigned start_closing(struct xenbus_dev *d, const struct xenbus_view *v,
                              bool worker_has_rings)
{
    unsigned act = v->exists ? XB_ACT_CLOSING | XB_ACT_GAP : 0u;

    d->phase = XB_CLOSING;
    d->held = v->exists;
    d->drained = !worker_has_rings;
    if (worker_has_rings)
        act |= XB_ACT_DISCONNECT;
    return act;
}

/* The worker is lost and nobody has heard: a new one.  Whatever the store says meanwhile is looked
 * at when it is there. */
static unsigned open_again(struct xenbus_dev *d, bool resume)
{
    d->phase = XB_OPENING;
    d->resume = resume;
    d->redo = !resume;
    return XB_ACT_OPEN;
}

static unsigned in_waiting(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v)
{
    if (ev == XB_FAULT)
        d->dead = true;
    if (ev == XB_WORKER_LOST)
        return open_again(d, false);
    if (!v->exists || !v->online || d->dead) {
        /* Never connected in this round: nobody has to let go of anything. */
        return start_closing(d, v, false);
    }
    /* Some frontends close first and start after (xenvif, iPXE): follow them down and up. */
    if (v->front == XENBUS_CLOSING || v->front == XENBUS_CLOSED)
        return start_closing(d, v, false);
    if (front_wants_connection(d, v)) {
        d->phase = XB_CONNECTING;
        return XB_ACT_CONNECT;
    }
    return 0;
}

static unsigned announce(struct xenbus_dev *d)
{
    if (d->announced || d->held)
        return 0;
    d->announced = true;
    return XB_ACT_SERVE;
}

/* 7 <-> 8: Linux's way to ask for room in front of received data. */
static unsigned reconfigure(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v)
{
    if (!d->announced)
        return 0;
    if (v->front == XENBUS_CONNECTED && d->reconfigured) {
        d->reconfigured = false;
        return XB_ACT_SERVE;
    }
    if (v->front != XENBUS_RECONFIGURING || d->reconfigured)
        return 0;
    if (ev == XB_ADAPTED && d->adapting) {
        d->adapting = false;
        d->reconfigured = true;
        return XB_ACT_RECONFIGURED;
    }
    if (d->adapting)
        return 0;
    d->adapting = true;
    return XB_ACT_ADAPT;
}

static unsigned in_serving(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v)
{
    if (ev == XB_FAULT)
        return start_closing(d, v, true);
    if (ev == XB_WORKER_LOST)
        return open_again(d, true);
    if (!v->exists || front_is_off(v) || v->front == XENBUS_CLOSING)
        return start_closing(d, v, true);
    /* online=0 alone changes nothing: a guest that is busy with the disk keeps it until it lets go.
     */
    return announce(d) | reconfigure(d, ev, v);
}

/* A device that its guest uses cannot be had again: an error the guest sees, and a way back. */
static unsigned give_up(struct xenbus_dev *d, const struct xenbus_view *v)
{
    d->resume = d->redo = false;
    d->dead = true;
    return start_closing(d, v, false);
}

static unsigned in_opening(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v)
{
    switch (ev) {
    case XB_OPENED:
        if (!v->exists)
            return release(d);
        if (d->resume) {
            d->phase = XB_CONNECTING;
            return XB_ACT_RESUME;
        }
        d->phase = XB_WAITING;
        if (d->redo) {
            d->redo = false;
            return 0;
        }
        d->held = true;
        return XB_ACT_INIT_WAIT | XB_ACT_DWELL;
    case XB_OPEN_FAILED:
    case XB_FAULT:
        if (!v->exists)
            return release(d);
        if (d->resume || d->redo)
            return give_up(d, v);
        d->phase = XB_FAILED;
        return XB_ACT_FAIL;
    case XB_WORKER_LOST:
        return XB_ACT_OPEN;
    default:
        return 0;
    }
}

static unsigned in_connecting(struct xenbus_dev *d, enum xenbus_event ev,
                              const struct xenbus_view *v)
{
    switch (ev) {
    case XB_CONNECTED:
        d->phase = XB_SERVING;
        d->announced = d->announced && d->resume;
        d->reconfigured = d->reconfigured && d->resume;
        d->adapting = false;
        d->resume = false;
        return in_serving(d, XB_LOOK, v);
    case XB_CONNECT_FAILED:
        d->resume = false;
        return start_closing(d, v, false);
    case XB_WORKER_LOST:
        return open_again(d, d->resume);
    case XB_FAULT:
        d->resume = false;
        d->dead = true;
        return start_closing(d, v, false);
    default:
        return 0;
    }
}

unsigned xenbus_step(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v)
{
    if (ev == XB_TIMER)
        d->held = false;
    switch (d->phase) {
    case XB_NEW:
        if (!v->exists)
            return release(d);
        d->phase = XB_OPENING;
        return XB_ACT_OPEN;
    case XB_OPENING:
        return in_opening(d, ev, v);
    case XB_WAITING:
        return in_waiting(d, ev, v);
    case XB_CONNECTING:
        return in_connecting(d, ev, v);
    case XB_SERVING:
        return in_serving(d, ev, v);
    case XB_CLOSING:
        if (ev == XB_DISCONNECTED)
            d->drained = true;
        if (ev == XB_FAULT || ev == XB_WORKER_LOST)
            d->drained = d->dead = true; /* a lost worker holds nothing any more */
        return closing(d, v);
    case XB_CLOSED:
        if (ev == XB_FAULT || ev == XB_WORKER_LOST)
            d->dead = true;
        return closed(d, v);
    case XB_FAILED:
        /* The frontend's end is all that a toolstack which gave up leaves us to see. */
        return v->exists && v->online && v->front != XENBUS_UNKNOWN ? 0 : remove_self(d, v);
    case XB_GONE:
        break;
    }
    return 0;
}
