/*
 * Frontends that keep the protocol and have no manners: what they do must stay their own problem.
 */
#ifndef DRVDOM_NETFRONT_HOG_H
#define DRVDOM_NETFRONT_HOG_H

#include "frontends/net/conn.h"

/* what: "flood" (frames to everybody as fast as they are taken), "pour" (the same, to the address
 * `to`), "dry" (never posts a receive buffer), "storm" (events without work); until SIGTERM.
 * 0 or -errno and c->f.why. */
int hog(struct nf_conn *c, const struct nf_want *want, const char *what,
        const uint8_t to[6]) must_check;

#endif
