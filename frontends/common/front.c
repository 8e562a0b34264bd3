/* See front.h. */
#include "frontends/common/front.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/device.h"
#include "transport/base/log.h"

enum {
    USELESS_FREE = 16, /* events that bring nothing before the next one is held back */
    HELD_SHIFT_MAX = 10,
    TXN_TRIES = 20, /* of a transaction that somebody else was faster than */
};

static const char STATE_TOKEN[] = "backend";

int front_fail(struct front *f, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->why, sizeof(f->why), fmt, ap);
    va_end(ap);
    return err;
}

/* ---- states ---- */

unsigned front_state(struct front *f)
{
    uint32_t v;

    return device_back_get_state(f->store, 0, f->back, &v) ? 0 : v;
}

int front_set_state(struct front *f, unsigned state)
{
    int rc = device_front_set_state(f->store, 0, f->dir, state);

    return rc ? front_fail(f, rc, "cannot write state %u: %s", state, strerror(-rc)) : 0;
}

static void drop_store_events(struct front *f)
{
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];

    while (store_next_event(f->store, path, token) > 0)
        ;
}

int front_sleep(struct front *f, unsigned ms)
{
    struct pollfd p[2] = {{.fd = store_fd(f->store), .events = POLLIN},
                          {.fd = evtchn_fd(&f->ev), .events = POLLIN}};
    int n = poll(p, 2, (int)ms);

    if (p[0].revents)
        drop_store_events(f);
    return n;
}

unsigned front_nap_ms(bool held, uint64_t now, uint64_t end)
{
    uint64_t ms = end > now ? (end - now) / 1000000 + 1 : 0;

    return (unsigned)MIN(ms, (uint64_t)(held ? 1 : 200));
}

int front_await(struct front *f, unsigned wait, unsigned fatal, unsigned ms)
{
    uint64_t end = clock_ns() + (uint64_t)ms * 1000000;

    for (;;) {
        unsigned s = front_state(f);
        uint64_t now = clock_ns();

        if (wait >> s & 1)
            return (int)s;
        if (fatal >> s & 1)
            return front_fail(f, -ECONNREFUSED, "the backend went to state %u (%s)", s,
                              xenbus_state_name(s));
        if (now >= end)
            return front_fail(f, -ETIMEDOUT, "the backend stays in state %u (%s)", s,
                              xenbus_state_name(s));
        /* Only the store: events of a ring that is not in use yet would make this spin. */
        struct pollfd p = {.fd = store_fd(f->store), .events = POLLIN};

        if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0)
            drop_store_events(f);
    }
}

int front_walk(struct front *f, const struct front_step *steps)
{
    for (unsigned i = 0; i < FRONT_STEPS; i++) {
        const struct front_step *s = &steps[i];
        int rc = 0;

        if (s->write)
            rc = front_set_state(f, s->write);
        if (!rc && s->wait)
            rc = front_await(f, s->wait, s->fatal, f->timeout_ms);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int front_restart(struct front *f)
{
    static const struct front_step steps[FRONT_STEPS] = {
        {XENBUS_CLOSING, ST(CLOSING) | ST(CLOSED), 0},
        {XENBUS_CLOSED, ST(CLOSED), 0},
        {XENBUS_INITIALISING, ST(INIT_WAIT), 0},
    };

    return front_walk(f, steps);
}

int front_check(struct front *f, unsigned good)
{
    unsigned s = front_state(f);

    if (good >> s & 1)
        return 0;
    return front_fail(f, -ESHUTDOWN, "the backend went to state %u (%s)", s, xenbus_state_name(s));
}

/* ---- keys ---- */

int front_demands(struct front *f, const char *who, const char *const *keys, unsigned nr)
{
    char path[STORE_PATH_MAX];

    for (unsigned i = 0; i < nr && keys[i]; i++) {
        schema_join(path, sizeof(path), f->back, keys[i]);
        if (store_exists(f->store, 0, path) != 1)
            return front_fail(f, -EOPNOTSUPP, "%s wants key %s, which is not there", who, keys[i]);
    }
    return 0;
}

int front_put_keys(struct front *f, int (*put)(void *arg, store_txn t), void *arg)
{
    int rc = -EAGAIN;

    for (int tries = 0; tries < TXN_TRIES && rc == -EAGAIN; tries++) {
        store_txn t;

        rc = store_txn_begin(f->store, &t);
        if (rc)
            break;
        rc = put(arg, t);
        if (rc)
            (void)!store_txn_end(f->store, t, true);
        else
            rc = store_txn_end(f->store, t, false);
    }
    return rc ? front_fail(f, rc, "our keys cannot be written: %s", strerror(-rc)) : 0;
}

/* ---- life ---- */

int front_open(struct front *f, const char *kind, unsigned devid)
{
    char path[STORE_PATH_MAX];
    int rc;

    memset(f, 0, sizeof(*f));
    f->devid = devid;
    f->timeout_ms = 10000;
    device_front_dir_own(f->dir, sizeof(f->dir), kind, devid);
    rc = store_open(&f->store);
    if (rc)
        return front_fail(f, rc, "no xenstore: %s; this runs in a Xen guest", strerror(-rc));
    rc = device_front_get_backend(f->store, 0, f->dir, f->back, sizeof(f->back));
    if (!rc)
        rc = device_front_get_backend_id(f->store, 0, f->dir, &f->back_domid);
    if (rc)
        return front_fail(f, rc, "no %s %u: %s: %s", kind, devid, f->dir, strerror(-rc));
    rc = evtchn_open(&f->ev);
    if (rc)
        return front_fail(f, rc, "/dev/xen/evtchn: %s", strerror(-rc));
    rc = share_open(&f->share);
    if (rc)
        return front_fail(f, rc, "/dev/xen/gntalloc: %s", strerror(-rc));
    schema_join(path, sizeof(path), f->back, DEVICE_BACK_KEY_STATE);
    rc = store_watch(f->store, path, STATE_TOKEN);
    return rc ? front_fail(f, rc, "cannot watch %s: %s", path, strerror(-rc)) : 0;
}

void front_fini(struct front *f)
{
    if (f->share.h)
        share_close(&f->share);
    evtchn_close(&f->ev);
    if (f->store)
        store_close(f->store);
    memset(f, 0, sizeof(*f));
}

/* ---- event channels ---- */

int front_port_open(struct front *f, struct front_port *p)
{
    int port = evtchn_offer(&f->ev, f->back_domid);

    if (port < 0)
        return front_fail(f, port, "no event channel: %s", strerror(-port));
    *p = (struct front_port){.port = (uint32_t)port};
    return 0;
}

void front_port_close(struct front *f, struct front_port *p)
{
    if (p->port)
        (void)evtchn_unbind(&f->ev, p->port);
    *p = (struct front_port){0};
}

void front_port_heard(struct front *f, struct front_port *p, uint64_t now)
{
    if (++p->useless > USELESS_FREE) {
        uint32_t over = MIN(p->useless - USELESS_FREE, (uint32_t)HELD_SHIFT_MAX);

        p->unmask_at_ns = now + (UINT64_C(1) << (20 + over));
        return;
    }
    (void)!evtchn_unmask(&f->ev, p->port);
}

bool front_port_tend(struct front *f, struct front_port *p, uint64_t now)
{
    if (!p->unmask_at_ns)
        return false;
    if (now < p->unmask_at_ns)
        return true;
    p->unmask_at_ns = 0;
    (void)!evtchn_unmask(&f->ev, p->port);
    return false;
}
