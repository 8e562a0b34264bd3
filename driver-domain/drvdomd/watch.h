/*
 * What happens in xenstore below our `backend` directory and in the frontends' `state`: one dirty
 * bit per device, whatever the number of events (S8), and a full scan at start and after any stall.
 */
#ifndef DRVDOM_DRVDOMD_WATCH_H
#define DRVDOM_DRVDOMD_WATCH_H

#include "driver-domain/drvdomd/table.h"

/* Sets the watch on `backend` and scans.  -errno when xenstore refuses. */
int watch_start(struct drvdomd *d) must_check;

/* Finds every device directory there is; unknown ones become devices, all get a look. */
void watch_scan(struct drvdomd *d);

/* Looks whether targets have changed, or can be had now. */
void watch_targets(struct drvdomd *d);

/* Number `i` of CLASSES. */
const struct backend_class *watch_class(unsigned i);

/* All devices that are still marked get another look, `ns` from now or earlier. */
void watch_look_again(struct drvdomd *d, uint64_t ns);

/* Looks whether the directory of a device that was dropped is there (again). */
void watch_recheck(struct drvdomd *d, const struct backend_class *class, const struct dev_id *id);

/* Watches (or no longer watches) the frontend's state of dev. */
int watch_front(struct device *dev) must_check;
void watch_front_off(struct device *dev);

#endif
