/*
 * Rows of the handshake machine's tests: an event, the frontend's state, the actions and the phase
 * that must come of it.  Included by one test program each.
 */
#ifndef DRVDOM_TESTS_XENBUS_ROWS_H
#define DRVDOM_TESTS_XENBUS_ROWS_H

#include <check.h>

#include "transport/base/arith.h"
#include "transport/xen/xenbus.h"

enum { GONE = -1, OFFLINE = 16 }; /* front values of a row: state, state + OFFLINE, or GONE */

struct row {
    enum xenbus_event ev;
    int front;
    unsigned want; /* actions */
    enum xenbus_phase phase;
};

static inline struct xenbus_view view(int front)
{
    struct xenbus_view v = {.exists = front != GONE, .online = true};

    if (front == GONE)
        return v;
    v.online = !(front & OFFLINE);
    v.front = (unsigned)front & 15;
    return v;
}

static inline void run(bool block, const struct row *rows, size_t n)
{
    struct xenbus_dev d;

    xenbus_init(&d, block);
    for (size_t i = 0; i < n; i++) {
        struct xenbus_view v = view(rows[i].front);
        unsigned got = xenbus_step(&d, rows[i].ev, &v);

        ck_assert_msg(got == rows[i].want, "row %zu: actions %#x, wanted %#x", i, got,
                      rows[i].want);
        ck_assert_msg(d.phase == rows[i].phase, "row %zu: phase %d, wanted %d", i, (int)d.phase,
                      (int)rows[i].phase);
    }
}

#define CLOSE_UP  (XB_ACT_CLOSING | XB_ACT_GAP | XB_ACT_DISCONNECT)
#define TO_CLOSED (XB_ACT_CLOSED | XB_ACT_GAP)
/* 6 stands for a while after the toolstack has asked: it looks for that late. */
#define LINGER(front)                                                                              \
    {                                                                                              \
        XB_TIMER, front, XB_ACT_DWELL, XB_CLOSED                                                   \
    }
#define START                                                                                      \
    {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},                                                         \
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},                               \
    {                                                                                              \
        XB_TIMER, 1, 0, XB_WAITING                                                                 \
    }

#endif
