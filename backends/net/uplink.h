/*
 * The outside of a bridge: is there a link?  A bridge's uplinks are its ports that are no TAPs.
 */
#ifndef DRVDOM_NET_UPLINK_H
#define DRVDOM_NET_UPLINK_H

#include <stdbool.h>

#include "transport/base/arith.h"

/* A descriptor that becomes readable when a link of this domain has changed, or -errno. */
int uplink_watch(void) must_check;
/* Forgets what it has told; afterwards look. */
void uplink_drain(int fd);

/* False: the bridge has uplinks and none of them has a link.  A bridge without any is a network of
 * its own, which is up. */
bool uplink_is_up(const char *bridge);

#endif
