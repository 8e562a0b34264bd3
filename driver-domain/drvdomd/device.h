/*
 * One device's life: looks at the store, steps the xenbus machine, does the actions it asks for.
 */
#ifndef DRVDOM_DRVDOMD_DEVICE_H
#define DRVDOM_DRVDOMD_DEVICE_H

#include "driver-domain/drvdomd/table.h"

/* Looks at the store afresh and acts.  May end with the device dropped: do not touch dev after. */
void device_look(struct device *dev);

/* Does a guest wait at this moment for the successor of its worker? */
bool device_any_taken_over(const struct drvdomd *d);

/* A message of its worker. */
void device_message(struct device *dev, const struct worker_msg *m);

/* The worker process is gone (already reaped); text says how. */
void device_worker_ended(struct device *dev, const char *text);

/* A new device whose directory was seen; adopted when a predecessor left it connected. NULL when it
 * cannot be served (logged). */
struct device *device_new(struct drvdomd *d, const struct backend_class *class, uint32_t domid,
                          uint32_t devid);

#endif
