/* What a device's worker says, and its end.  See device.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver-domain/drvdomd/device.h"
#include "driver-domain/drvdomd/device_priv.h"
#include "driver-domain/drvdomd/keys.h"
#include "driver-domain/drvdomd/ports.h"
#include "driver-domain/drvdomd/spawn.h"
#include "driver-domain/drvdomd/testkill.h"
#include "transport/base/log.h"

enum {
    /* A worker that dies again and again without having answered anything: after the second time
     * the next one comes 10 ms later, then 20, 40 ..., and at last none any more.  Once is no loop:
     * its guest may not have asked for anything yet, and must not wait for that. */
    RESPAWN_MS = 10,
    RESPAWN_MAX_SHIFT = 7,
    LOSSES_MAX = 12,
};
/* One that has served so long is not part of such a row, even if its guest asked for nothing. */
static const uint64_t GOOD_LIFE_NS = UINT64_C(200000000);
/* After a guest that waited is served again. */
static const uint64_t RECHECK_NS = UINT64_C(300000000);

void device_serving_ended(struct device *dev, const char *text)
{
    log_warn("%s: %s", dev->name, text);
    keys_write_error(dev, text);
    device_step(dev, XB_FAULT);
}

/* A successor is told what the worker has noted. */
static void take_note(struct device *dev, const struct worker_msg *m)
{
    uint8_t payload[BB_PAYLOAD_MAX];
    size_t len = dev->payload_len;

    if (!dev->class->note || len == 0)
        return;
    memcpy(payload, dev->payload, len);
    if (dev->class->note(dev->target, m->payload, m->payload_len, payload, len))
        device_claim(dev, payload, len);
}

static void served(struct device *dev)
{
    bool again = dev->xenbus.resume;

    dev->lost_ns = 0;
    dev->served_ns = clock_ns();
    dev->d->spares_lost = 0;
    device_step(dev, XB_CONNECTED);
    if (again)
        loop_timer_set(&dev->d->loop, &dev->recheck, RECHECK_NS);
    if (!again || dev->exchanged) {
        device_refresh(dev, true);
        medium_tell(dev);
    }
    keys_tell_replaced(dev->d);
}

static void tell_ready(const struct device *dev)
{
    uint64_t now = clock_ns();
    char since[48] = "";

    if (dev->lost_ns && dev->xenbus.resume)
        snprintf(since, sizeof(since), ", %llu us after the loss",
                 (unsigned long long)(now - dev->lost_ns) / 1000);
    log_info("%s: ready after %llu us%s", dev->name,
             (unsigned long long)(now - dev->started_ns) / 1000, since);
}

void device_message(struct device *dev, const struct worker_msg *m)
{
    switch (m->type) {
    case WORKER_READY:
        tell_ready(dev);
        dev->published = false; /* what is behind it may not be what it was */
        device_step(dev, dev->class->ready && dev->class->ready(dev->target, m->payload,
                                                                m->payload_len, &dev->why)
                             ? XB_OPEN_FAILED
                             : XB_OPENED);
        medium_tell(dev);
        break;
    case WORKER_CONNECTED:
        if (dev->lost_ns && dev->xenbus.resume)
            log_info("%s: served again %llu us after the loss", dev->name,
                     (unsigned long long)(clock_ns() - dev->lost_ns) / 1000);
        served(dev);
        testkill_serves(dev);
        break;
    case WORKER_DISCONNECTED:
        ports_let_go(dev);
        if (dev->exchanging && dev->xenbus.phase == XB_SERVING) {
            medium_exchange(dev);
            break;
        }
        dev->exchanging = false; /* it closes before it got there */
        device_step(dev, XB_DISCONNECTED);
        break;
    case WORKER_ADAPTED:
        device_step(dev, XB_ADAPTED);
        break;
    case WORKER_NOTE:
        take_note(dev, m);
        break;
    case WORKER_WAITING: /* for what it was sent already */
        break;
    case WORKER_FAILED:
        snprintf(dev->why.text, sizeof(dev->why.text), "%s", m->text);
        if (dev->xenbus.phase == XB_OPENING) {
            device_open_failed(dev);
        } else {
            keys_write_error(dev, m->text);
            device_step(dev, XB_CONNECT_FAILED);
        }
        break;
    case WORKER_FAULT:
        /* While closing, its answer to DISCONNECT is still to come: it has stopped, it is not lost,
         * and must not get a successor beside it. */
        if (dev->xenbus.phase == XB_CLOSING)
            log_warn("%s: %s", dev->name, m->text);
        else
            device_serving_ended(dev, m->text);
        break;
    default:
        log_error("%s: worker sent message %u, which drvdomd does not know", dev->name, m->type);
    }
}

void device_respawn(void *arg)
{
    struct device *dev = arg;

    if (dev->pid == 0)
        device_step(dev, XB_WORKER_LOST);
}

/* A worker died that others depend on: its successor comes, at once or later; false: enough. */
static bool replace(struct device *dev, const char *text)
{
    bool good = device_answered(dev) != dev->answered_before ||
                (dev->served_ns && clock_ns() - dev->served_ns >= GOOD_LIFE_NS);

    dev->losses = good ? 0 : dev->losses + 1;
    if (dev->losses > LOSSES_MAX)
        return false;
    if (!dev->lost_ns)
        dev->lost_ns = clock_ns();
    log_peer("%s: %s: replaced", dev->name, text);
    dev->d->workers_replaced++;
    if (dev->losses <= 1) {
        device_respawn(dev);
        return true;
    }
    loop_timer_set(&dev->d->loop, &dev->respawn,
                   ((uint64_t)RESPAWN_MS << MIN(dev->losses - 2, (unsigned)RESPAWN_MAX_SHIFT)) *
                       UINT64_C(1000000));
    keys_tell_replaced(dev->d);
    return true;
}

static bool replaceable(const struct device *dev)
{
    const struct xenbus_dev *x = &dev->xenbus;

    return x->phase == XB_WAITING || x->phase == XB_CONNECTING || x->phase == XB_SERVING ||
           (x->phase == XB_OPENING && (x->resume || x->redo));
}

void device_worker_ended(struct device *dev, const char *text)
{
    if (device_is_gone(dev) || dev->xenbus.phase == XB_FAILED)
        return;
    dev->exchanging = false; /* the next look begins again */
    if (replaceable(dev) && replace(dev, text))
        return;
    if (dev->xenbus.phase == XB_OPENING) {
        if (!dev->why.text[0])
            snprintf(dev->why.text, sizeof(dev->why.text), "%s", text);
        device_open_failed(dev);
        return;
    }
    /* First the loss, so that closing does not wait for a DISCONNECTED that nobody will send. */
    device_serving_ended(dev, text);
    if (!device_is_gone(dev) && dev->xenbus.phase == XB_CLOSING)
        device_step(dev, XB_FAULT);
}
