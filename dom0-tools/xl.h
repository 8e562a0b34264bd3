/*
 * Acts of xl's that several verbs share.  All block; all log their failure in one line, with what
 * xl said.
 */
#ifndef DRVDOM_TOOLS_XL_H
#define DRVDOM_TOOLS_XL_H

#include "dom0-tools/host.h"

enum { XL_TIMEOUT_S = 60 };

/* Runs xl with these arguments (NULL-terminated, without "xl").  0; -ETIMEDOUT; -EIO: xl failed. */
int xl_run(const char *const args[], uint64_t timeout_ns) must_check;

/* Makes each pci= device of the configuration assignable.  0 or -errno. */
int xl_give_devices(const struct xlcfg *c) must_check;

/* Starts the driver domain of /etc/xen/NAME.cfg and waits until it is ready. 0 or -errno. */
int xl_start(const char *name, uint64_t end_ns) must_check;

/* Asks the domain to shut down and waits until it is gone; force: destroys it when it does not go.
 * 0 or -errno. */
int xl_stop(const char *name, unsigned id, uint64_t timeout_ns, bool force) must_check;

#endif
