/* Between device.c, hear.c and medium.c, which are one thing. */
#ifndef DRVDOM_DRVDOMD_DEVICE_PRIV_H
#define DRVDOM_DRVDOMD_DEVICE_PRIV_H

#include "driver-domain/drvdomd/table.h"

/* ---- device.c ---- */

/* Steps the xenbus machine and does what it asks for; the device may be released by that. */
void device_step(struct device *dev, enum xenbus_event ev);
/* It waits only to be dropped. */
bool device_is_gone(const struct device *dev);
/* Requests of this device, by all its workers. */
uint64_t device_answered(const struct device *dev);
/* The claim on the slot: from now on a successor of ours finds the device with this payload of
 * CONNECT. */
void device_claim(struct device *dev, const uint8_t *payload, size_t len);
/* With all keys, where that is due.  0 or -errno, told already, and tried again later. */
int device_write_state(struct device *dev, enum xenbus_state state);
/* dev->why says why its disk, port or worker cannot be had. */
void device_open_failed(struct device *dev);
/* Limits or the size may have changed; all: the worker is told whatever it is. */
void device_refresh(struct device *dev, bool all);

/* ---- hear.c ---- */

/* The device closes, with this reason. */
void device_serving_ended(struct device *dev, const char *text);
/* The timer's: another worker, if there is none. */
void device_respawn(void *arg);

/* ---- medium.c ---- */

/* Does the toolstack name another one?  Then the exchange begins. */
void medium_look(struct device *dev);
/* The worker has let go. */
void medium_exchange(struct device *dev);
/* The frontend is told of the new one's size. */
void medium_tell(struct device *dev);

#endif
