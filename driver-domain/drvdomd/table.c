/* See table.h. */
#include "driver-domain/drvdomd/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/base/log.h"

struct device *table_find(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                          uint32_t devid)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        struct device *dev = d->dev[i];

        if (dev && dev->class == class && dev->id.domid == domid && dev->id.devid == devid)
            return dev;
    }
    return NULL;
}

static struct device *fresh(struct drvdomd *d, const struct backend_class *class,
                            const struct dev_id *id, bool adopted)
{
    struct device *dev = calloc(1, sizeof(*dev));

    if (!dev)
        return NULL;
    dev->d = d;
    dev->class = class;
    dev->id = *id;
    dev->sock.fd = dev->pidfd.fd = -1;
    snprintf(dev->name, sizeof(dev->name), "%s %u/%u", class->kind, id->domid, id->devid);
    if (box_take(&d->box, id->slot, !adopted, &dev->box, &dev->box_fd)) {
        free(dev);
        return NULL;
    }
    if (adopted) {
        dev->payload_len = box_payload(&d->box, id->slot, dev->payload);
        xenbus_adopt(&dev->xenbus, class->connect_at_initialised);
    } else {
        box_note(&d->box, id->slot, class->kind, id, NULL, 0);
        xenbus_init(&dev->xenbus, class->connect_at_initialised);
    }
    return dev;
}

/* Not one that a predecessor's device, which may come later, has in use. */
static bool is_free(const struct drvdomd *d, unsigned slot)
{
    return !d->dev[slot] && !(d->adopting && box_is_claimed(&d->box, slot));
}

struct device *table_add(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                         uint32_t devid, int adopt)
{
    for (unsigned i = adopt < 0 ? 0 : (unsigned)adopt; i < TABLE_MAX; i++) {
        struct dev_id id = {.domid = domid, .devid = devid, .slot = i};

        if (adopt < 0 && !is_free(d, i))
            continue;
        assert(!d->dev[i]);
        d->dev[i] = fresh(d, class, &id, adopt >= 0);
        if (!d->dev[i])
            log_error("%s %u/%u: out of memory", class->kind, domid, devid);
        return d->dev[i];
    }
    log_error("%s %u/%u: refused: %d devices are served already, which is the limit", class->kind,
              domid, devid, TABLE_MAX);
    return NULL;
}

void table_drop(struct device *dev)
{
    assert(dev->pid == 0 && !dev->target && !dev->front_watched);
    box_give(&dev->d->box, dev->id.slot, dev->box, dev->box_fd);
    if (dev->d->dev[dev->id.slot] == dev)
        dev->d->dev[dev->id.slot] = NULL;
    free(dev);
}
