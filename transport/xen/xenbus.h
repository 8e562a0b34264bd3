/*
 * The backend's half of the xenbus handshake, as a PURE table-driven machine: (phase, event, what
 * the store shows) -> (phase, actions).  It knows no device class, no store and no clock, so every
 * order of events a hostile or merely odd frontend can produce is a unit test.
 *
 * Rules it keeps (shared/reference: every real frontend and libxl depend on one of them):
 *  - all keys before state 2; never writes 3; 5 and 6 are separate writes with a gap between;
 *  - block connects when the frontend shows 3 or 4, network only at 4;
 *  - a new device dwells in 2, so that libxl, which waits for exactly "2", has seen it before 4;
 *  - back to 2 when a frontend starts again (1 after 5 or 6): GRUB -> Linux, kexec, Windows;
 *  - on removal 6 first, then the device's own directory goes;
 *  - a frontend that goes from 4 to 7 is answered with 8 once what it asks for is in force, and
 * with 4 when it is back in 4;
 *  - a worker that is replaced, and a device that is taken over from a dead drvdomd or driver
 *    domain, change no state: a guest in 4 never hears of it.
 */
#ifndef DRVDOM_XEN_XENBUS_H
#define DRVDOM_XEN_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

enum xenbus_state { /* xen/io/xenbus.h */
                    XENBUS_UNKNOWN,
                    XENBUS_INITIALISING,
                    XENBUS_INIT_WAIT,
                    XENBUS_INITIALISED,
                    XENBUS_CONNECTED,
                    XENBUS_CLOSING,
                    XENBUS_CLOSED,
                    XENBUS_RECONFIGURING,
                    XENBUS_RECONFIGURED,
};
const char *xenbus_state_name(unsigned state);

enum xenbus_phase {
    XB_NEW,        /* directory seen, nothing done */
    XB_OPENING,    /* target being opened, worker being started */
    XB_WAITING,    /* state 2: for the frontend */
    XB_CONNECTING, /* the worker maps rings */
    XB_SERVING,    /* the worker serves; state 4 is written as soon as the dwell is over */
    XB_CLOSING,    /* state 5; the worker drains */
    XB_CLOSED,     /* state 6 */
    XB_FAILED,     /* could not be opened; reason is in the store; waits for removal */
    XB_GONE,       /* forget the device */
};

enum xenbus_event {
    XB_LOOK,   /* something in the store may have changed */
    XB_OPENED, /* target open, worker ready */
    XB_OPEN_FAILED,
    XB_CONNECTED,      /* the worker has the rings */
    XB_CONNECT_FAILED, /* or the frontend's keys were refused */
    XB_DISCONNECTED,   /* drained, all unmapped */
    XB_FAULT,          /* the peer broke the protocol, or the device or the worker was lost */
    XB_WORKER_LOST,    /* the worker died, and a successor shall go on where it stopped */
    XB_ADAPTED,        /* XB_ACT_ADAPT is done */
    XB_TIMER,          /* the delay asked for by XB_ACT_DWELL or XB_ACT_GAP is over */
};

/* What the store shows at this moment. */
struct xenbus_view {
    unsigned front; /* the frontend's state; 0 when its directory or state is gone or unreadable */
    bool exists;    /* our own directory is there */
    bool online;    /* our own `online` is not "0" */
};

enum xenbus_action { /* to be done in this order, lowest bit first */
                     XB_ACT_OPEN =
                         1 << 0, /* open target, start worker -> XB_OPENED / XB_OPEN_FAILED */
                     XB_ACT_FAIL =
                         1 << 1, /* write the reason, remove `state`: libxl then fails at once */
                     XB_ACT_CLOSING = 1 << 2,    /* write state 5 */
                     XB_ACT_DISCONNECT = 1 << 3, /* tell the worker -> XB_DISCONNECTED */
                     XB_ACT_CLOSED = 1 << 4,     /* write state 6 */
                     XB_ACT_INIT_WAIT = 1 << 5,  /* publish every key, then write state 2 */
                     XB_ACT_DWELL = 1 << 6,      /* start the dwell timer */
                     XB_ACT_GAP = 1 << 7,        /* start the gap timer */
                     XB_ACT_CONNECT =
                         1 << 8, /* read frontend keys, tell the worker -> XB_CONNECTED / _FAILED */
                     XB_ACT_SERVE = 1 << 9,   /* write size keys again and state 4 */
                     XB_ACT_REMOVE = 1 << 10, /* delete our directory */
                     XB_ACT_RELEASE =
                         1 << 11, /* stop the worker, close the target, forget the device */
                     XB_ACT_RESUME = 1
                                     << 12,  /* tell the worker what the last one was told, to go on
                                                from there -> XB_CONNECTED / XB_CONNECT_FAILED */
                     XB_ACT_ADAPT = 1 << 13, /* the frontend has changed its mind about what may
                                                change live: tell the worker -> XB_ADAPTED */
                     XB_ACT_RECONFIGURED = 1 << 14, /* write state 8 */
};

struct xenbus_dev {
    enum xenbus_phase phase;
    bool connect_at_initialised; /* block: true */
    bool held;                   /* a dwell or gap timer runs */
    bool announced;              /* XB_SERVING: state 4 was written */
    bool adapting;               /* XB_SERVING: ADAPT was asked for, and is not done */
    bool reconfigured;           /* XB_SERVING: state 8 was written */
    bool drained;                /* XB_CLOSING: the worker has let go */
    bool resume;                 /* OPENING, CONNECTING: in state 4, to go on from there */
    bool redo;                   /* OPENING: state 2 stands already */
    bool lingered;               /* XB_CLOSED: offline, and 6 has stood for a dwell */
    bool dead;                   /* the worker was lost: a new one before any way back to 2 */
};

void xenbus_init(struct xenbus_dev *d, bool connect_at_initialised);

/* Begins with a device that a predecessor left connected, in state 4. */
void xenbus_adopt(struct xenbus_dev *d, bool connect_at_initialised);

/* One step; returns a set of enum xenbus_action.  Idempotent for repeated XB_LOOK. */
unsigned xenbus_step(struct xenbus_dev *d, enum xenbus_event ev, const struct xenbus_view *v);

#endif
