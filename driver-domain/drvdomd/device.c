/* See device.h and device_priv.h. */
#include "driver-domain/drvdomd/device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver-domain/drvdomd/device_priv.h"
#include "driver-domain/drvdomd/keys.h"
#include "driver-domain/drvdomd/spare.h"
#include "driver-domain/drvdomd/spawn.h"
#include "driver-domain/drvdomd/watch.h"
#include "transport/base/log.h"

enum {
    /* libxl reads our state some time after its watch fires and accepts only "2": hot attach would
     * lose against a fast guest if we went on at once. */
    DWELL_MS = 100,
    /* Between 5, 6 and what follows: watches coalesce, and some frontends must see each. */
    GAP_MS = 20,
    REWRITE_MS = 200,
};
/* When devices are taken over: how often the next one asks for its turn, and when it does not wait
 * any more for one that does not get ready. */
static const uint64_t TURN_NS = UINT64_C(1000000);
static const uint64_t TAKE_OVER_NS = UINT64_C(300000000);
/* After xenstore has failed to tell. */
static const uint64_t LOOK_AGAIN_NS = UINT64_C(100000000);
/* The last device of a class may go just to come again. */
static const uint64_t DROP_NS = UINT64_C(20000000);

bool device_is_gone(const struct device *dev)
{
    return dev->xenbus.phase == XB_GONE;
}

/* Requests of this device, by all its workers. */
uint64_t device_answered(const struct device *dev)
{
    const uint64_t *ops = dev->box->stats.ops;

    return ops[STAT_READ] + ops[STAT_WRITE] + ops[STAT_OTHER];
}

/* ---- actions ---- */

static void on_drop(void *arg)
{
    struct device *dev = arg;
    struct drvdomd *d = dev->d;
    const struct backend_class *class = dev->class;
    struct dev_id id = dev->id;

    table_drop(dev);
    spare_refill(d, DROP_NS);
    /* The toolstack may have made the same directory again meanwhile: that is a new device. */
    watch_recheck(d, class, &id);
    watch_targets(d); /* somebody may wait for its disk */
}

/* No worker, and the target free for others. */
static void stop(struct device *dev)
{
    spawn_reap(dev);
    if (dev->target)
        dev->class->close(dev->target);
    dev->target = NULL;
}

/* Callers up the stack still hold dev: it is freed from the loop, not from here. */
static void act_release(struct device *dev)
{
    loop_timer_cancel(&dev->d->loop, &dev->respawn);
    loop_timer_cancel(&dev->d->loop, &dev->rewrite);
    loop_timer_cancel(&dev->d->loop, &dev->recheck);
    stop(dev); /* drained already, or its guest is gone */
    watch_front_off(dev);
    log_info("%s: released", dev->name);
    dev->timer.fn = on_drop;
    loop_timer_set(&dev->d->loop, &dev->timer, 0);
}

/* Until now a worker of the drvdomd before us has served the guest; it holds the disk or port. */
static void take_over(void *arg)
{
    struct device *dev = arg;

    if (spawn_end_stray(dev->d, dev->id.slot))
        dev->lost_ns = clock_ns();
}

static int open_target(struct device *dev)
{
    const struct backend_open at = {.s = dev->d->store,
                                    .dir = dev->dir,
                                    .id = &dev->id,
                                    .take_over = take_over,
                                    .arg = dev,
                                    .predecessor = dev->d->stray[dev->id.slot]};
    int rc = keys_check_frontend(dev);

    if (!rc)
        rc = watch_front(dev);
    if (!rc)
        rc = dev->class->open(&at, &dev->target, &dev->why);
    take_over(dev); /* also where that did not get so far */
    return rc;
}

/* Opens the target before the frontend or libxl hears anything: afterwards a failure reaches
 * nobody. */
static int act_open(struct device *dev)
{
    int rc = 0;

    /* It could be served, and yet dom0's tools would say otherwise and our errors reach nobody. */
    if (!dev->d->driver_domain)
        return why_set(&dev->why, -EPERM, "%s", keys_no_driver_domain);
    dev->started_ns = clock_ns();
    dev->served_ns = 0;
    dev->answered_before = device_answered(dev);
    if (!dev->target)
        rc = open_target(dev);
    if (!rc)
        rc = spawn_worker(dev);
    return rc; /* XB_OPENED comes with the worker's READY */
}

static void act_fail(struct device *dev)
{
    log_error("%s: %s", dev->name, dev->why.text);
    stop(dev);
    keys_write_failure(dev);
    /* The toolstack finds no state and then removes the frontend's directory only: ours is left to
     * us.  Without the watch, housekeeping sees it. */
    (void)!watch_front(dev);
}

/* The claim on the slot: from now on a successor of ours finds the device. */
void device_claim(struct device *dev, const uint8_t *payload, size_t len)
{
    dev->payload_len = len <= sizeof(dev->payload) ? len : 0;
    memcpy(dev->payload, payload, dev->payload_len);
    box_note(&dev->d->box, dev->id.slot, dev->class->kind, &dev->id,
             dev->payload_len ? dev->payload : NULL, dev->payload_len);
}

static void give_up_claim(struct device *dev)
{
    dev->payload_len = 0;
    box_note(&dev->d->box, dev->id.slot, dev->class->kind, &dev->id, NULL, 0);
}

/* A worker that has just died need not hear it: its end is about to be noticed, and its successor
 * is told the same. */
static int tell(struct device *dev, enum worker_msg_type type, const void *payload, size_t len)
{
    int rc = spawn_tell(dev, type, payload, len);

    return dev->pid > 0 && (rc == -EPIPE || rc == -ECONNRESET) ? 0 : rc;
}

static void act_connect(struct device *dev)
{
    uint8_t payload[WORKER_PAYLOAD_MAX] = {0};
    /* Without a worker: it has died, and what its successor does first is to look again. */
    int rc = dev->pid ? keys_read_front(dev, payload) : -EAGAIN;

    if (rc == -EAGAIN) {
        /* Some frontends show their state before their keys: look again at the next event. */
        dev->xenbus.phase = XB_WAITING;
        return;
    }
    if (rc >= 0) {
        device_claim(dev, payload, (size_t)rc);
        rc = tell(dev, WORKER_CONNECT, payload, (size_t)rc);
    }
    if (rc < 0) {
        log_peer("%s: frontend refused: %s", dev->name, dev->why.text);
        keys_write_error(dev, dev->why.text);
        device_step(dev, XB_CONNECT_FAILED);
    }
}

static void act_resume(struct device *dev)
{
    int rc = dev->payload_len ? 0 : -ENODATA;

    if (!rc)
        rc = tell(dev, WORKER_RESUME, dev->payload, dev->payload_len);
    if (!rc)
        return;
    why_set(&dev->why, rc, "cannot go on after a crash: %s",
            rc == -ENODATA ? "nothing is known of the connection" : strerror(-rc));
    log_error("%s: %s", dev->name, dev->why.text);
    keys_write_error(dev, dev->why.text);
    device_step(dev, XB_CONNECT_FAILED);
}

static void act_disconnect(struct device *dev)
{
    if (spawn_tell(dev, WORKER_DISCONNECT, NULL, 0))
        device_step(dev, XB_FAULT); /* no worker: it holds nothing */
}

static void start_timer(struct device *dev, unsigned ms)
{
    loop_timer_set(&dev->d->loop, &dev->timer, (uint64_t)ms * 1000000u);
}

int device_write_state(struct device *dev, enum xenbus_state state)
{
    bool publish = state == XENBUS_INIT_WAIT || (state == XENBUS_CONNECTED && !dev->published);
    int rc = keys_write_state(dev, state, publish);

    loop_timer_cancel(&dev->d->loop, &dev->rewrite);
    /* -ENOENT: the toolstack removed the directory; the look that follows sees it. */
    if (rc && rc != -ENOENT) {
        log_peer("%s: cannot write state %s: %s: trying again", dev->name, xenbus_state_name(state),
                 strerror(-rc));
        dev->unwritten = state;
        loop_timer_set(&dev->d->loop, &dev->rewrite, (uint64_t)REWRITE_MS * 1000000u);
    } else {
        log_debug("%s: state %s", dev->name, xenbus_state_name(state));
    }
    if (state == XENBUS_CONNECTED && !rc)
        log_info(
            "%s: connected (resident: worker %u KiB, drvdomd %u KiB with %u descriptors; available "
            "%u KiB)",
            dev->name, spawn_resident_kib(dev->pid), spawn_resident_kib(0),
            spawn_descriptors() - spare_count(dev->d), spawn_available_kib());
    return rc;
}

/* The other end waits for it, and nobody would ask us to write it again. */
static void on_rewrite(void *arg)
{
    struct device *dev = arg;

    if (!device_is_gone(dev) && dev->xenbus.phase != XB_FAILED)
        (void)device_write_state(dev, dev->unwritten);
}

/* All keys and state 2.  A new device whose keys do not fit into our quota (S12): the toolstack is
 * told now, or it would wait in vain. */
static void act_publish(struct device *dev, bool is_new)
{
    int rc = device_write_state(dev, XENBUS_INIT_WAIT);

    if (is_new && rc && rc != -ENOENT) {
        why_set(&dev->why, rc, "its keys cannot be written: %s%s", strerror(-rc),
                rc == -ENOSPC ? "; this domain's xenstore quota is used up: raise it in dom0" : "");
        dev->xenbus.phase = XB_FAILED;
        act_fail(dev);
    } else if (is_new) {
        start_timer(dev, DWELL_MS);
    }
}

/* A device that guests use already is closed by that: its reason, which act_fail() tells of a new
 * one, must be told here. */
void device_open_failed(struct device *dev)
{
    if (dev->xenbus.resume || dev->xenbus.redo) {
        log_error("%s: given up: %s", dev->name, dev->why.text);
        keys_write_error(dev, dev->why.text);
    }
    device_step(dev, XB_OPEN_FAILED);
}

static void act(struct device *dev, unsigned todo)
{
    if (todo & XB_ACT_OPEN && act_open(dev))
        device_open_failed(dev);
    if (todo & XB_ACT_FAIL)
        act_fail(dev);
    if (todo & XB_ACT_GAP)
        start_timer(dev, GAP_MS);
    if (todo & XB_ACT_CLOSING) {
        give_up_claim(dev);
        (void)device_write_state(dev, XENBUS_CLOSING);
    }
    if (todo & XB_ACT_CLOSED)
        (void)device_write_state(dev, XENBUS_CLOSED);
    if (todo & XB_ACT_INIT_WAIT)
        act_publish(dev, todo & XB_ACT_DWELL);
    else if (todo & XB_ACT_DWELL)
        start_timer(dev, DWELL_MS);
    if (todo & XB_ACT_SERVE)
        (void)device_write_state(dev, XENBUS_CONNECTED);
    if (todo & XB_ACT_RECONFIGURED)
        (void)device_write_state(dev, XENBUS_RECONFIGURED);
    /* The target is free before the directory is gone: who sees that may attach it again at once.
     */
    if (todo & XB_ACT_RELEASE)
        act_release(dev);
    if (todo & XB_ACT_REMOVE)
        keys_remove(dev);
    /* Those that may step again come last: nothing is done behind a nested step. */
    if (todo & XB_ACT_DISCONNECT)
        act_disconnect(dev);
    if (todo & XB_ACT_CONNECT)
        act_connect(dev);
    if (todo & XB_ACT_RESUME)
        act_resume(dev);
    if (todo & XB_ACT_ADAPT)
        device_refresh(dev, true);
}

/* On the way to a successor nothing depends on what the store says, and a guest waits: looking,
 * some round trips to dom0, is left for when it is served. */
static bool need_not_look(const struct device *dev, enum xenbus_event ev)
{
    return dev->xenbus.resume ? ev == XB_OPENED || ev == XB_CONNECTED
                              : ev == XB_WORKER_LOST && dev->xenbus.phase == XB_SERVING;
}

static void look(struct device *dev)
{
    if (keys_view(dev, &dev->view))
        return;
    dev->dirty = true; /* no event will tell of what could not be read */
    watch_look_again(dev->d, LOOK_AGAIN_NS);
}

void device_step(struct device *dev, enum xenbus_event ev)
{
    enum xenbus_phase before = dev->xenbus.phase;
    bool blind = need_not_look(dev, ev);

    if (device_is_gone(dev))
        return;
    if (!blind)
        look(dev);
    act(dev, xenbus_step(&dev->xenbus, ev, &dev->view));
    /* Entering a phase may at once allow the next step: the frontend does not write twice. */
    if (!device_is_gone(dev) && dev->xenbus.phase != before && !blind)
        device_step(dev, XB_LOOK);
}

/* ---- what happens ---- */

static void on_timer(void *arg)
{
    device_step(arg, XB_TIMER);
}

/* Limits or the size of a device may have changed.  Size keys and state go into one transaction:
 * that is how connected frontends are told (peers 3.2, blkif.h), and what others find. */
void device_refresh(struct device *dev, bool all)
{
    const struct backend_look at = {.s = dev->d->store,
                                    .dir = dev->dir,
                                    .front_dir = dev->front,
                                    .all = all,
                                    .asked = dev->xenbus.adapting};
    uint8_t payload[WORKER_PAYLOAD_MAX] = {0};
    enum xenbus_phase phase = dev->xenbus.phase;
    bool idle = phase == XB_WAITING || phase == XB_CLOSED, announce = false;
    int n;

    if (device_is_gone(dev) || !dev->target || !dev->class->refresh ||
        !(phase == XB_SERVING || (idle && dev->class->has_changed)))
        return;
    n = dev->class->refresh(dev->target, &at, payload, &announce, &dev->why);
    if (announce)
        dev->published = false;
    if (idle) { /* the worker hears of it when it is connected */
        if (announce && phase == XB_WAITING)
            (void)device_write_state(dev, XENBUS_INIT_WAIT);
        return;
    }
    if (n < 0) {
        device_serving_ended(dev, dev->why.text);
        return;
    }
    /* The worker first: a frontend that hears of more sectors may use them at once. */
    if (n > 0 && spawn_tell(dev, WORKER_LIMITS, payload, (size_t)n))
        log_warn("%s: its worker cannot be told of new limits", dev->name);
    if (announce && dev->xenbus.announced && !dev->xenbus.reconfigured)
        (void)device_write_state(dev, XENBUS_CONNECTED);
}

/* What was left out on the way to a successor. */
static void on_recheck(void *arg)
{
    struct device *dev = arg;

    device_step(dev, XB_LOOK);
    device_refresh(dev, true); /* it was told what its predecessor was told at first */
    medium_tell(dev);
}

/* A device with a guest that waits for the worker which is just coming. */
static bool is_taken_over(const struct device *dev)
{
    return dev && dev->pid && dev->xenbus.resume &&
           (dev->xenbus.phase == XB_OPENING || dev->xenbus.phase == XB_CONNECTING) &&
           clock_ns() - dev->started_ns < TAKE_OVER_NS;
}

bool device_any_taken_over(const struct drvdomd *d)
{
    for (unsigned i = 0; i < BB_SLOTS; i++) {
        if (is_taken_over(d->dev[i]))
            return true;
    }
    return false;
}

/* One at a time: its old worker serves until it is its turn, so that a guest waits for the start of
 * one worker and not for that of all; and until the new one has been started. */
static bool must_wait(const struct device *dev)
{
    struct drvdomd *d = dev->d;

    if (!dev->xenbus.resume || dev->started_ns)
        return false;
    return device_any_taken_over(d) || (d->stray[dev->id.slot] && !spare_is_waiting(d, dev->class));
}

void device_look(struct device *dev)
{
    if (must_wait(dev)) {
        watch_look_again(dev->d, TURN_NS);
        return;
    }
    dev->dirty = false;
    device_step(dev, XB_LOOK);
    device_refresh(dev, false);
    medium_look(dev);
}

struct device *device_new(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                          uint32_t devid)
{
    int slot = keys_is_connected(d->store, class->kind, domid, devid)
                   ? box_find(&d->box, class->kind, domid, devid)
                   : -1;
    struct device *dev = table_add(d, class, domid, devid, slot);

    if (!dev)
        return NULL;
    dev->timer.fn = on_timer;
    dev->respawn.fn = device_respawn;
    dev->rewrite.fn = on_rewrite;
    dev->recheck.fn = on_recheck;
    dev->timer.arg = dev->respawn.arg = dev->rewrite.arg = dev->recheck.arg = dev;
    keys_paths(dev);
    /* Also one that was not yet connected may have had a worker, which is let go of just now. */
    if (d->adopting)
        dev->lost_ns = clock_ns();
    log_info("%s: %s", dev->name, slot < 0 ? "seen" : "adopted: it was connected before us");
    return dev;
}
