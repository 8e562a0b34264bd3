/*
 * The other process of the conformance programs: it holds what the tested side maps and binds, does
 * as it is told over a socketpair, and can be killed.
 */
#ifndef DRVDOM_CONFORMANCE_PEER_H
#define DRVDOM_CONFORMANCE_PEER_H

#include <stdint.h>
#include <sys/types.h>

enum peer_op {
    P_SHARE,   /* domid, count, writable -> refs[]; rc */
    P_UNSHARE, /* ref[0] of the share */
    P_POKE,    /* ref, offset, byte */
    P_PEEK,    /* ref, offset -> rc = byte */
    P_ALLOC,   /* domid -> rc = port */
    P_BIND,    /* domid, port -> rc = port */
    P_NOTIFY,  /* port */
    P_WAIT,    /* ms -> rc = port or -1; unmasks */
    P_ECHO,    /* port, n: answers n events with one each */
    P_MAP,     /* domid, ref: maps it writable and keeps it */
};

struct peer_cmd {
    enum peer_op op;
    uint32_t a, b, c;
};

struct peer_ans {
    int32_t rc;
    int32_t err;
    uint32_t ref[32];
};

struct peer {
    pid_t pid;
    int fd;
    uint32_t domid;
};

/* Starts this program again as a peer.  Other domain than ours: fakexen only (the environment says
 * it). */
struct peer peer_start(const char *self, uint32_t domid);
struct peer_ans peer_do(struct peer *p, enum peer_op op, uint32_t a, uint32_t b, uint32_t c);
void peer_kill(struct peer *p); /* SIGKILL, and gone when it returns */

/* The peer's life: commands from fd until it closes. */
int peer_main(int fd);

#endif
