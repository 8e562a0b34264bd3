/*
 * ARP and ICMP echo (RFC 826, RFC 792) with a network stack that is none of ours: what a peer that
 * never heard of drvdom makes of our frames.
 */
#ifndef DRVDOM_NETFRONT_PING_H
#define DRVDOM_NETFRONT_PING_H

#include "frontends/net/traffic.h"

/* Asks for `address` (IPv4, a.b.c.d) from the same /16's 10.0.x.y of our MAC's last two bytes, then
 * sends echo requests of growing size up to o->mtu and compares the answers.  0 or -errno, and
 * c->f.why. */
int ping(struct nf_conn *c, const char *address, const struct traffic_options *o) must_check;

#endif
