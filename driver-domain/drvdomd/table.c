/* See table.h. */
#include "driver-domain/drvdomd/table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* Statistics live in a memfd so that they outlive the worker that writes them. */
static int make_stats(struct device *dev)
{
    void *mem;

    dev->stats_fd = memfd_create("drvdom-stats", MFD_CLOEXEC);
    if (dev->stats_fd < 0)
        return -errno;
    if (ftruncate(dev->stats_fd, sizeof(*dev->stats)))
        return -errno;
    mem = mmap(NULL, sizeof(*dev->stats), PROT_READ, MAP_SHARED, dev->stats_fd, 0);
    if (mem == MAP_FAILED)
        return -errno;
    dev->stats = mem;
    return 0;
}

static struct device *fresh(struct drvdomd *d, const struct backend_class *class,
                            const struct dev_id *id)
{
    struct device *dev = calloc(1, sizeof(*dev));

    if (!dev)
        return NULL;
    dev->d = d;
    dev->class = class;
    dev->id = *id;
    dev->sock.fd = dev->pidfd.fd = -1;
    snprintf(dev->name, sizeof(dev->name), "%s %u/%u", class->kind, id->domid, id->devid);
    xenbus_init(&dev->xenbus, class->connect_at_initialised);
    if (make_stats(dev)) {
        table_drop(dev);
        return NULL;
    }
    return dev;
}

struct device *table_add(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                         uint32_t devid)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        struct dev_id id = {.domid = domid, .devid = devid, .slot = i};

        if (d->dev[i])
            continue;
        d->dev[i] = fresh(d, class, &id);
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
    if (dev->stats)
        munmap(dev->stats, sizeof(*dev->stats));
    if (dev->stats_fd >= 0)
        close(dev->stats_fd);
    if (dev->d->dev[dev->id.slot] == dev)
        dev->d->dev[dev->id.slot] = NULL;
    free(dev);
}
