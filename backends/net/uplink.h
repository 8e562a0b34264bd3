/*
 * The outside of a bridge: is there a link?  A bridge's uplinks are its ports that are no TAPs.
 */
#ifndef DRVDOM_NET_UPLINK_H
#define DRVDOM_NET_UPLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/base/arith.h"

/* A descriptor that becomes readable when a link of this domain has changed, or -errno. */
int uplink_watch(void) must_check;
/* Takes what it has told.  False: only of TAPs, which are guests' and no uplinks: each attached
 * guest is some of that, and looking is work for each device. */
bool uplink_drain(int fd);
/* Is there anything in these rtnetlink messages (rtnetlink(7); aligned as struct nlmsghdr) but news
 * of TAPs? */
bool uplink_tells(const void *messages, size_t len);

/* False: the bridge has uplinks and none of them has a link.  A bridge without any is a network of
 * its own, which is up. */
bool uplink_is_up(const char *bridge);

#endif
