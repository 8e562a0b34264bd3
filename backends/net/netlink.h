/*
 * rtnetlink(7), as far as a port needs it: small requests, built by hand.
 */
#ifndef DRVDOM_NET_NETLINK_H
#define DRVDOM_NET_NETLINK_H

#include <linux/netlink.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { NETLINK_BODY_MAX = 128 };

struct netlink_request {
    struct nlmsghdr h;
    uint8_t body[NETLINK_BODY_MAX];
};

/* body: the fixed part behind the header, `len` bytes. */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *body,
                   uint32_t len);
/* Adds an attribute; it may be nested: then its end is told.  Room is the caller's promise. */
struct nlattr *netlink_attr(struct netlink_request *r, uint16_t type, const void *data,
                            uint16_t len);
void netlink_end(struct netlink_request *r, struct nlattr *nest);

/* Best effort: what the kernel thinks of it is not waited for; `what` is for the log. */
void netlink_hint(const struct netlink_request *r, const char *what);
/* Does it: 0 or -errno, the kernel's. */
int netlink_do(struct netlink_request *r) must_check;

#endif
