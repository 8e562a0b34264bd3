/*
 * libFuzzer: the handshake machine (transport/xen/xenbus.c) between a frontend that does anything,
 * a toolstack that goes at any time, and a worker that fails or dies at any moment.
 *
 * Input: a byte of class, then pairs (what happens, detail).  Around the machine stands a model of
 * what drvdomd does with its actions; it asserts what every frontend and libxl depend on.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "transport/xen/xenbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
    struct xenbus_dev dev;
    struct xenbus_view view;
    unsigned state; /* ours, as the store shows it; 0: removed */
    bool worker, opening, connecting, connected, disconnecting, adapting;
    bool timer;   /* dwell or gap runs */
    bool respawn; /* a successor is to come later */
    bool gap;     /* a state was written that has to be seen before the next one */
    bool adopted; /* was in state 4 from the beginning */
    bool released;
};

static void step(struct model *m, enum xenbus_event ev);

/* ---- what drvdomd does ---- */

static void write_state(struct model *m, unsigned to)
{
    static const unsigned before[] = {
        [2] = 1 << 1 | 1 << 6, [4] = 1 << 2 | 1 << 8, [5] = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8,
        [6] = 1 << 5,          [8] = 1 << 4,
    };

    assert(before[to] >> m->state & 1);
    /* 5, 6 and 2 each long enough to be seen; libxl must have seen 2 of a new device before 4. */
    assert(!m->gap || to == 5);
    m->state = to;
}

static void act_states(struct model *m, unsigned todo)
{
    if (todo & XB_ACT_FAIL) {
        m->worker = m->opening = false;
        m->state = 0;
    }
    if (todo & XB_ACT_CLOSING)
        write_state(m, 5);
    if (todo & XB_ACT_CLOSED) {
        assert(!m->connected && !m->disconnecting);
        write_state(m, 6);
    }
    if (todo & XB_ACT_INIT_WAIT) {
        assert(m->worker || m->respawn);
        write_state(m, 2);
    }
    if (todo & XB_ACT_SERVE) {
        assert(m->connected || m->respawn);
        write_state(m, 4);
    }
    if (todo & XB_ACT_RECONFIGURED) {
        assert(m->connected || m->respawn);
        write_state(m, 8);
    }
    if (todo & (XB_ACT_GAP | XB_ACT_DWELL))
        m->timer = m->gap = true;
    else if (todo & XB_ACT_CLOSING)
        assert(0); /* 5 without a gap */
}

static void act_end(struct model *m, unsigned todo)
{
    if (todo & XB_ACT_REMOVE) {
        assert(m->view.exists && todo & XB_ACT_RELEASE);
        m->view.exists = false;
    }
    if (todo & XB_ACT_RELEASE) {
        assert(!m->released && m->dev.phase == XB_GONE);
        m->released = true;
        m->worker = m->opening = m->connected = m->connecting = m->disconnecting = false;
        m->timer = m->respawn = false;
    }
}

static void act_worker(struct model *m, unsigned todo)
{
    if (todo & XB_ACT_DISCONNECT) {
        if (m->worker)
            m->disconnecting = true;
        else
            step(m, XB_FAULT);
    }
    if (todo & (XB_ACT_CONNECT | XB_ACT_RESUME)) {
        assert(!m->connected && !m->connecting);
        if (m->worker) {
            m->connecting = true;
        } else {
            assert(m->respawn && todo & XB_ACT_CONNECT); /* its successor goes on */
            m->dev.phase = XB_WAITING;
        }
    }
    if (todo & XB_ACT_ADAPT)
        m->adapting = m->worker;
}

static void act(struct model *m, unsigned todo)
{
    assert(!m->released || todo == 0);
    if (todo & XB_ACT_OPEN) {
        assert(!m->worker && !m->opening && !m->connected);
        m->opening = true;
        m->respawn = false;
    }
    act_states(m, todo);
    act_end(m, todo);
    act_worker(m, todo);
}

static void step(struct model *m, enum xenbus_event ev)
{
    enum xenbus_phase before = m->dev.phase;

    if (m->dev.phase == XB_GONE)
        return;
    act(m, xenbus_step(&m->dev, ev, &m->view));
    if (m->dev.phase != XB_GONE && m->dev.phase != before)
        step(m, XB_LOOK);
}

/* ---- what happens ---- */

static void look(struct model *m, uint8_t detail)
{
    if (!m->view.exists)
        return;
    m->view.front = detail & 15;
    m->view.online = m->view.online && !(detail & 16);
    if ((detail & 0xe0) == 0xe0) /* seldom: the directory is gone, for good */
        m->view = (struct xenbus_view){.exists = false};
    step(m, XB_LOOK);
}

static void opened(struct model *m, bool good)
{
    if (!m->opening)
        return;
    m->opening = false;
    m->worker = good;
    step(m, good ? XB_OPENED : XB_OPEN_FAILED);
}

static void connected(struct model *m, bool good)
{
    if (!m->connecting)
        return;
    m->connecting = false;
    m->connected = good;
    step(m, good ? XB_CONNECTED : XB_CONNECT_FAILED);
}

static void disconnected(struct model *m)
{
    if (!m->disconnecting)
        return;
    m->disconnecting = m->connected = false;
    step(m, XB_DISCONNECTED);
}

static void adapted(struct model *m)
{
    if (!m->adapting)
        return;
    m->adapting = false;
    step(m, XB_ADAPTED);
}

static void timer(struct model *m)
{
    if (!m->timer)
        return;
    m->timer = m->gap = false;
    step(m, XB_TIMER);
}

/* The guest broke the protocol.  While closing drvdomd only notes it. */
static void fault(struct model *m)
{
    if (m->connected && m->dev.phase != XB_CLOSING)
        step(m, XB_FAULT);
}

static bool replaceable(const struct xenbus_dev *x)
{
    return x->phase == XB_WAITING || x->phase == XB_CONNECTING || x->phase == XB_SERVING ||
           (x->phase == XB_OPENING && (x->resume || x->redo));
}

/* It dies; whether a successor comes at once, later or never is drvdomd's patience. */
static void dies(struct model *m, uint8_t detail)
{
    if (!m->worker && !m->opening)
        return;
    m->worker = m->opening = m->connecting = m->connected = m->disconnecting = false;
    m->adapting = false;
    if (m->dev.phase == XB_FAILED)
        return;
    if (replaceable(&m->dev) && detail & 1) {
        m->respawn = detail & 2;
        if (!m->respawn)
            step(m, XB_WORKER_LOST);
    } else if (m->dev.phase == XB_OPENING) {
        step(m, XB_OPEN_FAILED);
    } else {
        step(m, XB_FAULT);
        if (m->dev.phase == XB_CLOSING)
            step(m, XB_FAULT);
    }
}

static void respawn(struct model *m)
{
    if (!m->respawn)
        return;
    m->respawn = false;
    if (!m->worker && !m->opening)
        step(m, XB_WORKER_LOST);
}

static void happens(struct model *m, uint8_t what, uint8_t detail)
{
    switch (what % 8) {
    case 0:
    case 1:
        look(m, detail);
        break;
    case 2:
        opened(m, detail & 3);
        break;
    case 3:
        connected(m, detail & 3);
        break;
    case 4:
        if (detail & 1)
            adapted(m);
        else
            disconnected(m);
        break;
    case 5:
        timer(m);
        break;
    case 6:
        if (detail & 4)
            dies(m, detail);
        else
            fault(m);
        break;
    default:
        respawn(m);
        break;
    }
}

/* Whatever has been: when everybody answers and the directory is there no more, it ends. */
static void must_end(struct model *m)
{
    m->view = (struct xenbus_view){.exists = false};
    for (unsigned i = 0; i < 16 && m->dev.phase != XB_GONE; i++) {
        step(m, XB_LOOK);
        opened(m, true);
        connected(m, true);
        disconnected(m);
        adapted(m);
        respawn(m);
        timer(m);
    }
    assert(m->dev.phase == XB_GONE && m->released);
}

/* The frontend follows the protocol from now on: it must be served in the end, unless the device
 * was given up or is on its way out. */
static void must_serve(struct model *m)
{
    for (unsigned i = 0; i < 32 && m->dev.phase != XB_GONE; i++) {
        if (m->dev.phase == XB_FAILED || !m->view.exists || !m->view.online)
            return;
        if (m->state == 4 && m->connected && m->view.front == XENBUS_CONNECTED)
            return;
        if (m->state == 2 || m->state == 4 || m->state == 8)
            m->view.front = XENBUS_CONNECTED;
        else
            m->view.front = m->state == 5 ? XENBUS_CLOSED : XENBUS_INITIALISING;
        step(m, XB_LOOK);
        opened(m, true);
        connected(m, true);
        disconnected(m);
        adapted(m);
        respawn(m);
        timer(m);
    }
    assert(m->dev.phase == XB_GONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model m = {.view = {.exists = true, .online = true, .front = XENBUS_INITIALISING},
                      .state = 1};

    if (size < 1)
        return 0;
    m.adopted = data[0] & 2;
    if (m.adopted) {
        xenbus_adopt(&m.dev, data[0] & 1);
        m.state = 4;
        m.view.front = XENBUS_CONNECTED;
    } else {
        xenbus_init(&m.dev, data[0] & 1);
    }
    step(&m, XB_LOOK);
    for (size_t i = 1; i + 1 < size; i += 2)
        happens(&m, data[i], data[i + 1]);
    if (data[0] & 4)
        must_serve(&m);
    must_end(&m);
    return 0;
}
