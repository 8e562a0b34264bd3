/*
 * Where an NBD export is, as target= says it, in the notation of the NBD project (doc/uri.md):
 *
 *   nbd://A.B.C.D[:PORT][/EXPORT]      nbd://[IPv6][:PORT][/EXPORT]
 *   nbd+unix:///[EXPORT]?socket=/PATH
 *
 * Addresses are numbers, for a driver domain resolves no names; %XX is not understood.  PURE.
 */
#ifndef DRVDOM_BLK_NBD_ADDR_H
#define DRVDOM_BLK_NBD_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "transport/xen/backend.h"

enum { NBD_EXPORT_MAX = 255 };

struct nbd_addr {
    union {
        struct sockaddr any;
        struct sockaddr_un path;
        struct sockaddr_storage room;
    } sock;
    socklen_t len;
    bool local; /* the server is in this driver domain, and ends with it */
    char export_name[NBD_EXPORT_MAX + 1];
};

/* Does the target name an NBD export at all? */
bool nbd_addr_is(const char *target);
/* 0, or -EINVAL and why. */
int nbd_addr_parse(struct nbd_addr *a, const char *target, struct why *why) must_check;

#endif
