/*
 * What PID 1 does once, before anything can be waited for: mounts, limits, kernel modules, files.
 * Each step says on the console what failed and goes on: a driver domain that serves half of its
 * devices is better than one that hangs.
 */
#ifndef DRVDOM_INIT_BOOT_H
#define DRVDOM_INIT_BOOT_H

#include <stdbool.h>
#include <sys/types.h>

#include "driver-domain/image/conf.h"

/* /dev, /proc, /sys, /run. */
void boot_mounts(void);

/* Descriptors and locked memory for drvdomd and its workers, no core files. */
void boot_limits(void);

/* Loads what /etc/modules.list names, in its order; what may take long in a child each.  When all
 * are done no module can be loaded any more. */
void boot_modules(void);

/* A child has ended: true when it was one of those. */
bool boot_reap(pid_t pid);

/* Says which of the things a backend needs of Xen is missing. */
void boot_check_xen(void);

/* Reads /etc/drvdom.conf; after a bad line *c holds what came before it. */
void boot_read_conf(struct conf *c);

/* The `file` lines: raw disks on the RAM disk. */
void boot_files(const struct conf *c);

/* Writes a word to a file of /proc/sys.  0 or -errno; logs nothing. */
must_check int boot_sysctl(const char *path, const char *value);

#endif
