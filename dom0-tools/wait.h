/*
 * Waiting for a driver domain to be ready, and for a device to be Connected at both ends.
 */
#ifndef DRVDOM_TOOLS_WAIT_H
#define DRVDOM_TOOLS_WAIT_H

#include "dom0-tools/system.h"

enum { WAIT_DEFAULT_S = 60 };

/* Blocks until the domain of that name is ready, at most until `end_ns` (clock_ns()).  0 and *id;
 * -ETIMEDOUT or -EIO (it failed, or died), said on stderr with the cause. */
int wait_ready(struct store *s, const char *name, uint64_t end_ns, unsigned *id) must_check;

/* Blocks until the device is Connected at both ends.  0; -ETIMEDOUT or -EIO, said on stderr. */
int wait_connected(struct store *s, struct device_info *d, uint64_t end_ns) must_check;

#endif
