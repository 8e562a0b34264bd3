/*
 * Maptrack frames: what a driver domain needs to map its guests' grants.  Xen has no call for their
 * number; it prints them, with all its grant tables, into its console ring.
 */
#ifndef DRVDOM_TOOLS_MAPTRACK_H
#define DRVDOM_TOOLS_MAPTRACK_H

#include <stdint.h>
#include <xenctrl.h>

#include "transport/base/arith.h"

/* Finds domain `domid` in what Xen printed.  PURE.  0, or -ENOENT. */
int maptrack_find(const char *text, unsigned domid, uint64_t *used, uint64_t *limit) must_check;

/* Makes Xen print (debug key g) and returns the new text, the caller's to free(); waits up to 2 s
 * for its end.  NULL with errno. */
char *maptrack_print(xc_interface *xc) must_check;

#endif
