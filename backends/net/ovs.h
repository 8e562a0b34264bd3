/*
 * Open vSwitch bridges: done by its own tool, ovs-vsctl(8), where the driver domain has one.
 */
#ifndef DRVDOM_NET_OVS_H
#define DRVDOM_NET_OVS_H

#include <stdbool.h>

#include "transport/base/arith.h"
#include "transport/xen/backend.h"

bool ovs_is_there(void);

/* The interface becomes a port of `bridge`, in these VLANs (vlan.h; "": all).  Blocks until the
 * switch has done it, 5 s at most.  0, or -errno and why. */
int ovs_join(const char *bridge, const char *port, const char *vlan, struct why *why) must_check;
void ovs_leave(const char *port);

#endif
