/*
 * VLANs of a port on a bridge that filters them: the vif's key `vlan`, items between slashes, each
 * a number or a range, one number with a p: untagged, and what comes without a tag
 * ("10p/20/30-39").
 */
#ifndef DRVDOM_NET_VLAN_H
#define DRVDOM_NET_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/backend.h"

enum { VLAN_ITEMS_MAX = 32, VLAN_ID_MAX = 4094 };

struct vlan_item {
    uint16_t first, last;
    bool untagged;
};

/* The text's items: how many, or -EINVAL.  PURE. */
int vlan_parse(const char *text, struct vlan_item item[VLAN_ITEMS_MAX]) must_check;

/* The interface, which has just become a port of `bridge`, is in these VLANs and in no other.  0,
 * or -errno and why (the bridge does not filter). */
int vlan_join(const char *bridge, unsigned index, const char *text, struct why *why) must_check;

#endif
