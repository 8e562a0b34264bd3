/*
 * Device-mapper devices of the configuration: dmsetup's work, without dmsetup.
 */
#ifndef DRVDOM_INIT_MAP_H
#define DRVDOM_INIT_MAP_H

#include "driver-domain/image/conf.h"

/* Makes /dev/mapper/NAME.  0; -ENOENT, -ENXIO, -ENODEV: what it lies on is not there so far, and
 * nothing is left of the attempt; another -errno: it will never work.  May block for the devices
 * below. */
int map_make(const struct conf_map *m) must_check;

#endif
