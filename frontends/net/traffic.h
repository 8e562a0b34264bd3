/*
 * Traffic over a connection: checked byte by byte against what was sent, measured, sent back, or
 * spoken with the network stack of the other side.
 */
#ifndef DRVDOM_NETFRONT_TRAFFIC_H
#define DRVDOM_NETFRONT_TRAFFIC_H

#include "frontends/net/conn.h"
#include "frontends/net/frame.h"
#include "transport/base/hist.h"

struct traffic_options {
    uint8_t to[6];   /* MAC address of the end that sends back */
    unsigned kinds;  /* bit per enum frame_kind */
    uint64_t frames; /* so many; 0: for `seconds` */
    unsigned seconds;
    uint32_t size; /* of a frame; 0: any */
    uint32_t mtu;
    unsigned depth; /* frames on their way, at most */
    unsigned rate;  /* frames a second, at most; 0: as fast as they come back */
    uint64_t seed;
    bool plain;            /* whole pages, blank checksums, no segmentation */
    bool no_check;         /* bench: the payload is not looked at */
    uint32_t allowed_loss; /* frames */
    bool lossy;            /* any may be lost or come twice; what comes is checked all the same */
};

struct traffic_result {
    uint64_t sent, back, bytes_sent, bytes_back, lost, refused, segmented;
    uint64_t gaps, twice; /* lossy: times that something was missing, and frames seen before */
    uint64_t ns;
    struct hist rtt;
};

/* The flow of traffic_hello()'s frames.  Those sent again may come back later than the first one.
 */
enum { TRAFFIC_HELLO_FLOW = FRAME_FLOWS - 1 };
/* Sends a frame again and again until one comes back: from then on the way is open.  0 or -errno.
 */
int traffic_hello(struct nf_conn *c, const uint8_t to[6]) must_check;

/* Sends, and wants every byte back, in order, once.  0; -EBADMSG: something came back that was not
 * what was sent, or not at all; or as nf_poll().  c->f.why says more. */
int traffic_verify(struct nf_conn *c, const struct traffic_options *o,
                   struct traffic_result *r) must_check;

/* A frame of kind k has a blank checksum although this end did not accept them. */
bool traffic_refused_blank(const struct nf_conn *c, const struct nf_rx *x, enum frame_kind k);

/* Sends back what comes, checked, until told to stop (SIGTERM, SIGINT) or for o->seconds.
 * 0; -EBADMSG: damaged frames came. */
int traffic_echo(struct nf_conn *c, const struct traffic_options *o,
                 struct traffic_result *r) must_check;

/* Counts frames for o->seconds (0: 3) and prints how many came to whom.  0 or as nf_poll(). */
int traffic_listen(struct nf_conn *c, const struct traffic_options *o) must_check;

/* A few frames of every kind that was agreed, there and back, now. */
int traffic_quick(struct nf_conn *c, const uint8_t to[6], uint32_t mtu) must_check;

#endif
