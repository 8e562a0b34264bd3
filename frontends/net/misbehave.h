/*
 * The catalogue of hostile network frontends (threat model: R rings, grants and events; N frames;
 * S xenstore), one function each with the reaction that the backend owes built in: the device is
 * closed, a frame is refused slot by slot, or nothing happens.  After every one the same device
 * must connect again and pass verified traffic with a peer that sends back (verb echo).
 */
#ifndef DRVDOM_NETFRONT_MISBEHAVE_H
#define DRVDOM_NETFRONT_MISBEHAVE_H

#include "frontends/net/traffic.h"

/* Prints names and texts; 0. */
int misbehave_list(void);

/* Runs the named ones (or "all", or a chapter's letter), a line of result each.  hook: a shell
 * command that makes and ends (argument "begin", "end"; DRVDOM_ROW names the row) the conditions
 * that a guest cannot; NULL: rows that need it are skipped.  0: all as they should be; 1 not; 2 no
 * such name; 3: asked for rows were skipped, the others fine. */
int misbehave(struct nf_conn *c, const struct nf_want *want, const struct traffic_options *traffic,
              const char *hook, char **names);

/* Goes to a state ("initialised", "connected", "busy": slots never taken back; "closing") and
 * stays until killed.  Only returns -errno. */
int misbehave_hold(struct nf_conn *c, const struct nf_want *want, const char *state);

#endif
