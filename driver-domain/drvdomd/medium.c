/*
 * Another medium.  The worker answers what it has taken and lets go of the rings; its successor
 * goes on with them and the new medium, as after a death.  The frontend stays connected and is told
 * of the size.
 */
#include "driver-domain/drvdomd/device_priv.h"
#include "driver-domain/drvdomd/keys.h"
#include "driver-domain/drvdomd/spawn.h"
#include "transport/base/log.h"

void medium_exchange(struct device *dev)
{
    int rc = dev->class->exchange(dev->target, dev->d->store, dev->dir, &dev->why);

    dev->published = false;
    if (rc) {
        log_warn("%s: no medium: %s", dev->name, dev->why.text);
        keys_write_error(dev, dev->why.text);
    }
    dev->exchanging = false;
    dev->exchanged = true;
    dev->lost_ns = clock_ns();
    spawn_reap(dev);
    device_step(dev, XB_WORKER_LOST);
}

void medium_look(struct device *dev)
{
    enum xenbus_phase phase = dev->xenbus.phase;

    if (device_is_gone(dev) || !dev->target || !dev->class->other_target || dev->exchanging ||
        (phase != XB_SERVING && phase != XB_WAITING && phase != XB_CLOSED) ||
        !dev->class->other_target(dev->target, dev->d->store, dev->dir))
        return;
    if (phase != XB_SERVING)
        medium_exchange(dev);
    else
        dev->exchanging = spawn_tell(dev, WORKER_DISCONNECT, NULL, 0) == 0;
}

void medium_tell(struct device *dev)
{
    if (!dev->exchanged || device_is_gone(dev))
        return;
    if (dev->xenbus.phase == XB_SERVING && dev->xenbus.announced)
        (void)device_write_state(dev, XENBUS_CONNECTED);
    else if (dev->xenbus.phase == XB_WAITING)
        (void)device_write_state(dev, XENBUS_INIT_WAIT);
    else
        return;
    dev->exchanged = false;
}
