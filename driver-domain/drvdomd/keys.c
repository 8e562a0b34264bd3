/* See keys.h. */
#include "driver-domain/drvdomd/keys.h"

#include <errno.h>
#include <string.h>

#include "schema/device.h"
#include "schema/driver-domain.h"
#include "transport/base/log.h"

/* A guest that writes in a loop must not keep us here, where all guests are served (XSA-206).  What
 * a frontend's own directory is read for no one else writes: it conflicts once or twice, or on
 * purpose. */
enum { WRITE_TRIES = 20, READ_TRIES = 5 };

void keys_paths(struct device *dev)
{
    const char *kind = dev->class->kind;

    (void)device_back_dir(dev->dir, sizeof(dev->dir), kind, dev->id.domid, dev->id.devid);
    (void)device_front_dir(dev->front, sizeof(dev->front), dev->id.domid, kind, dev->id.devid);
}

int keys_check_frontend(struct device *dev)
{
    char front[DEVICE_BACK_SIZE_FRONTEND];
    int rc = device_back_get_frontend(dev->d->store, 0, dev->dir, front, sizeof(front));

    if (rc)
        return why_set(&dev->why, rc, "key %s/%s cannot be read: %s", dev->dir,
                       DEVICE_BACK_KEY_FRONTEND,
                       rc == -EINVAL ? schema_last_error() : strerror(-rc));
    if (strcmp(front, dev->front) != 0)
        return why_set(&dev->why, -EINVAL, "frontend \"%s\" is not \"%s\", which the path says",
                       front, dev->front);
    return 0;
}

/* The toolstack's first state in a directory whose state we have written or removed: it was removed
 * and made again between two looks.  The old device is gone; the new one is found when it is
 * dropped (S11: an object is bound to one introduction). */
static bool made_again(struct device *dev)
{
    uint32_t own = 0;

    return dev->state_written && device_back_get_state(dev->d->store, 0, dev->dir, &own) == 0 &&
           own == XENBUS_INITIALISING;
}

/* An error of xenstore's own is no absence: a served device is not given up for it. */
static bool says_something(int rc)
{
    return rc == 0 || rc == -ENOENT || rc == -EACCES || rc == -EINVAL;
}

bool keys_is_connected(struct store *s, const char *kind, uint32_t domid, uint32_t devid)
{
    char dir[STORE_PATH_MAX];
    uint32_t state = 0;
    int rc;

    (void)device_back_dir(dir, sizeof(dir), kind, domid, devid);
    rc = device_back_get_state(s, 0, dir, &state);
    return !says_something(rc) || state == XENBUS_CONNECTED || state == XENBUS_RECONFIGURED;
}

void keys_tell_replaced(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX];

    if (d->replaced_told == d->workers_replaced)
        return;
    d->replaced_told = d->workers_replaced;
    (void)drvdom_dir(dir, sizeof(dir));
    if (drvdom_set_worker_restarts(d->store, 0, dir, d->workers_replaced))
        log_debug("worker-restarts cannot be written");
}

bool keys_view(struct device *dev, struct xenbus_view *v)
{
    struct store *s = dev->d->store;
    uint32_t state = 0;
    int exists = store_exists(s, 0, dev->dir), rc;

    memset(v, 0, sizeof(*v));
    v->exists = exists != 0 && !made_again(dev);
    if (!v->exists)
        return true;
    rc = device_back_get_online(s, 0, dev->dir, &v->online);
    if (rc)
        v->online = true; /* malformed is no request to go away */
    if (!says_something(rc))
        exists = rc;
    /* Unreadable, absent or malformed: the frontend is gone as far as we are concerned (S2, S6). */
    rc = device_front_get_state(s, 0, dev->front, &state);
    if (says_something(rc))
        dev->front_state = rc ? 0 : state;
    v->front = dev->front_state;
    return exists > 0 && says_something(rc);
}

/* One try of keys_write_state. */
static int write_state_once(struct device *dev, store_txn t, enum xenbus_state state, bool publish)
{
    struct store *s = dev->d->store;
    int rc = store_exists(s, t, dev->dir);

    if (rc <= 0)
        return rc < 0 ? rc : -ENOENT;
    if (publish) {
        rc = dev->class->publish(dev->target, s, t, dev->dir);
        if (!rc)
            rc = device_back_set_hotplug_status(s, t, dev->dir,
                                                DEVICE_BACK_HOTPLUG_STATUS_CONNECTED);
        if (rc)
            return rc;
    }
    return device_back_set_state(s, t, dev->dir, (uint32_t)state);
}

int keys_write_state(struct device *dev, enum xenbus_state state, bool publish)
{
    struct store *s = dev->d->store;
    int rc = -EAGAIN;

    for (int tries = 0; tries < WRITE_TRIES && rc == -EAGAIN; tries++) {
        store_txn t;

        rc = store_txn_begin(s, &t);
        if (rc)
            return rc;
        rc = write_state_once(dev, t, state, publish);
        if (rc) {
            (void)!store_txn_end(s, t, true);
            return rc;
        }
        rc = store_txn_end(s, t, false);
    }
    if (rc)
        return rc;
    dev->state_written = true;
    dev->published |= publish;
    return 0;
}

int keys_read_front(struct device *dev, uint8_t *payload)
{
    struct store *s = dev->d->store;
    int rc, end;

    for (int tries = 0; tries < READ_TRIES; tries++) {
        store_txn t;

        dev->why.text[0] = '\0';
        rc = store_txn_begin(s, &t);
        if (rc)
            return why_set(&dev->why, rc, "no xenstore transaction: %s", strerror(-rc));
        rc = dev->class->read_front(dev->target, s, t, dev->front, payload, &dev->why);
        /* Only a commit proves that all was read at one moment (S3). */
        end = store_txn_end(s, t, false);
        if (end != -EAGAIN)
            return end ? why_set(&dev->why, end, "xenstore transaction: %s", strerror(-end)) : rc;
    }
    return why_set(&dev->why, -EBUSY, "the frontend keeps rewriting its keys");
}

/* With its guest's directory, when nothing else of that guest is kept. */
static void forget_error(struct drvdomd *d, const struct dev_error *old)
{
    bool same_device = false, same_guest = false;
    char dir[STORE_PATH_MAX];

    for (const struct dev_error *e = d->errors; e < d->errors + ERRORS_KEPT; e++) {
        if (e == old || e->class != old->class || e->id.domid != old->id.domid)
            continue;
        same_guest = true;
        same_device |= e->id.devid == old->id.devid;
    }
    if (!old->class || same_device)
        return;
    if (same_guest)
        (void)device_error_dir(dir, sizeof(dir), old->class->kind, old->id.domid, old->id.devid);
    else
        (void)device_errors_of_guest_dir(dir, sizeof(dir), old->class->kind, old->id.domid);
    (void)!store_rm(d->store, 0, dir); /* -ENOENT: it could not be written */
}

/* The device's own directory goes with the guest; this record stays, so that `xl create` that
 * failed can be explained afterwards.  Bounded: a guest that fails in a loop must not fill our
 * quota. */
static void remember_error(struct device *dev, const char *text)
{
    struct drvdomd *d = dev->d;
    struct dev_error *e = &d->errors[d->errors_next++ % ERRORS_KEPT];
    char dir[STORE_PATH_MAX];
    int rc;

    forget_error(d, e);
    *e = (struct dev_error){.class = dev->class, .id = dev->id};
    (void)device_error_dir(dir, sizeof(dir), dev->class->kind, dev->id.domid, dev->id.devid);
    rc = device_error_set_error(d->store, 0, dir, text);
    if (rc)
        log_error("%s: cannot keep its error: %s", dev->name, strerror(-rc));
}

static int write_reason(struct device *dev)
{
    struct store *s = dev->d->store;
    int rc = device_back_set_hotplug_error(s, 0, dev->dir, dev->why.text);

    if (!rc)
        rc = device_back_set_error(s, 0, dev->dir, dev->why.text);
    if (!rc)
        rc = device_back_set_hotplug_status(s, 0, dev->dir, DEVICE_BACK_HOTPLUG_STATUS_ERROR);
    return rc;
}

void keys_write_failure(struct device *dev)
{
    struct store *s = dev->d->store;
    int rc, end;

    remember_error(dev, dev->why.text);
    if (store_exists(s, 0, dev->dir) != 1)
        return;
    rc = write_reason(dev);
    /* Whatever came of that: libxl waits until this is gone. */
    end = device_back_rm_state(s, 0, dev->dir);
    dev->state_written = true;
    /* A full quota may be the very reason; now there is room for one more. */
    if (rc == -ENOSPC)
        rc = write_reason(dev);
    if (!rc)
        rc = end;
    if (rc && rc != -ENOENT)
        log_error("%s: cannot write why it failed: %s", dev->name, strerror(-rc));
}

void keys_write_error(struct device *dev, const char *text)
{
    int rc;

    remember_error(dev, text);
    rc = store_exists(dev->d->store, 0, dev->dir);
    if (rc == 1)
        rc = device_back_set_error(dev->d->store, 0, dev->dir, text);
    if (rc < 0 && rc != -ENOENT)
        log_error("%s: cannot write its error: %s", dev->name, strerror(-rc));
}

void keys_remove(struct device *dev)
{
    int rc = made_again(dev) ? 0 : store_rm(dev->d->store, 0, dev->dir);

    if (rc && rc != -ENOENT)
        log_error("%s: cannot remove %s: %s", dev->name, dev->dir, strerror(-rc));
}

const char keys_no_driver_domain[] = "this domain was not created as a driver domain; add "
                                     "driver_domain=1 to its config and create it again";

bool keys_is_driver_domain(struct store *s)
{
    char dir[STORE_PATH_MAX];

    (void)domain_libxl_dir(dir, sizeof(dir)); /* which libxl makes for those only */
    return store_exists(s, 0, dir) != 0;
}

int keys_write_daemon_state(struct store *s, enum keys_daemon_state state)
{
    static const enum drvdom_state states[] = {
        [KEYS_STARTING] = DRVDOM_STATE_STARTING,
        [KEYS_READY] = DRVDOM_STATE_READY,
        [KEYS_REFUSING] = DRVDOM_STATE_FAILED,
    };
    char dir[STORE_PATH_MAX];
    int rc;

    if (state == KEYS_STARTING && store_rm(s, 0, DEVICE_ERRORS_DIR) == -EACCES)
        log_warn("errors of failed devices cannot be kept: no right to write below our home");
    (void)drvdom_dir(dir, sizeof(dir));
    if (state == KEYS_STARTING) { /* -ENOENT: we have no predecessor */
        (void)!drvdom_rm_adopted(s, 0, dir);
        (void)!drvdom_rm_worker_restarts(s, 0, dir);
    }
    rc = drvdom_set_version(s, 0, dir, DRVDOM_VERSION);
    if (rc)
        return rc;
    if (state == KEYS_REFUSING)
        rc = drvdom_set_error(s, 0, dir, keys_no_driver_domain);
    return rc ? rc : drvdom_set_state(s, 0, dir, states[state]);
}
