/*
 * Interfaces of the driver domain, by the old ioctls: they are few, they need no library, and they
 * are all that drvdom.conf can ask for.  Every function returns 0 or -errno and logs nothing; none
 * waits.  -ENODEV: the interface is not there (yet).
 */
#ifndef DRVDOM_INIT_NET_H
#define DRVDOM_INIT_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"

must_check int net_up(const char *ifname);
/* Gives the interface with this hardware address that name. */
must_check int net_rename(const uint8_t mac[6], const char *ifname);
/* vlans: the bridge filters them. */
must_check int net_bridge(const char *name, bool vlans);
/* Sets the port up and makes it part of the bridge; being that already is fine.  vlans: it carries
 * all of them, with tags, but for the bridge's default one. */
must_check int net_bridge_port(const char *bridge, const char *port, bool vlans);
must_check int net_mtu(const char *ifname, unsigned mtu);
/* addr in host byte order. */
must_check int net_address(const char *ifname, uint32_t addr, unsigned prefix);
/* -ENETUNREACH: no interface has an address in the gateway's net (yet). */
must_check int net_gateway(uint32_t addr);

/* The names of all interfaces, blank-separated, into buf, for a message.  Returns buf. */
const char *net_names(char *buf, size_t size);

#endif
