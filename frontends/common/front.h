/*
 * What every frontend in user space has, whatever its class: the way to its backend, the handshake
 * as data, event channels that are heard later and later when they bring nothing.
 *
 * The backend may be hostile: every wait has an end (hostile-peers F6, F7).
 */
#ifndef DRVDOM_FRONT_FRONT_H
#define DRVDOM_FRONT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/xen/evtchn.h"
#include "transport/xen/share.h"
#include "transport/xen/store.h"
#include "transport/xen/xenbus.h"

/* A set of backend states. */
#define ST(s)      (1u << XENBUS_##s)
#define ST_ANY     ((1u << (XENBUS_RECONFIGURED + 1)) - 1)
#define ST_FROM(s) (ST_ANY & ~(ST(s) - 1))
/* 3 is never written by a backend, 7 and 8 only on request. */
#define ST_NEVER (ST(INITIALISED) | ST(RECONFIGURING) | ST(RECONFIGURED))

/* Write one state (0: none), then wait until the backend is in `wait` (0: do not wait); a backend
 * seen in `fatal` on the way has broken what this frontend relies on. */
struct front_step {
    uint8_t write;
    uint16_t wait, fatal;
};

enum { FRONT_STEPS = 5, FRONT_WHY_MAX = 200 };

struct front {
    struct store *store;
    struct evtchn ev;
    struct share share;
    char dir[STORE_PATH_MAX], back[STORE_PATH_MAX];
    unsigned devid, back_domid;
    unsigned timeout_ms; /* for each step of the handshake */
    char why[FRONT_WHY_MAX];
};

/* Opens xenstore, event channels and grants, and finds the backend of our own device of class
 * `kind`.  0, or -errno and f->why. */
int front_open(struct front *f, const char *kind, unsigned devid) must_check;
void front_fini(struct front *f);

/* Keeps the text in f->why; returns err. */
int front_fail(struct front *f, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The backend's state now; 0: gone or unreadable. */
unsigned front_state(struct front *f);
int front_set_state(struct front *f, unsigned state) must_check;
/* Waits for one of `wait`; returns it, -ECONNREFUSED when one of `fatal` was seen, -ETIMEDOUT. */
int front_await(struct front *f, unsigned wait, unsigned fatal, unsigned ms) must_check;
/* Up to FRONT_STEPS steps; an empty one does nothing. */
int front_walk(struct front *f, const struct front_step *steps) must_check;
/* From whatever state, by the way of a kexec'd kernel, to where a handshake can start. */
int front_restart(struct front *f) must_check;
/* Is the backend in one of the states `good`?  0, or -ESHUTDOWN and f->why. */
int front_check(struct front *f, unsigned good) must_check;
/* Waits until the store or an event channel has something, at most ms: as poll(2). */
int front_sleep(struct front *f, unsigned ms);
/* How long to sleep from `now` towards `end` (ns): in steps, short ones while a port is held back.
 */
unsigned front_nap_ms(bool held, uint64_t now, uint64_t end);

/* Are these keys (nr at most, NULL ends them) in the backend's directory?  -EOPNOTSUPP: not, and
 * f->why says what `who` misses. */
int front_demands(struct front *f, const char *who, const char *const *keys,
                  unsigned nr) must_check;
/* Writes our keys in one transaction: put() does it, and again if somebody else was faster. */
int front_put_keys(struct front *f, int (*put)(void *arg, store_txn t), void *arg) must_check;

/* One event channel of ours. */
struct front_port {
    uint32_t port; /* 0: none */
    uint32_t useless;
    uint64_t unmask_at_ns; /* 0: not held back */
};

/* Makes a port that the backend may bind. */
int front_port_open(struct front *f, struct front_port *p) must_check;
void front_port_close(struct front *f, struct front_port *p);
/* It brought an event: acknowledged at once, or later and later while events bring nothing. */
void front_port_heard(struct front *f, struct front_port *p, uint64_t now);
/* To be called now and then: what is due is acknowledged.  True: it is still held back. */
bool front_port_tend(struct front *f, struct front_port *p, uint64_t now);
static inline void front_port_useful(struct front_port *p)
{
    p->useless = 0;
}

#endif
