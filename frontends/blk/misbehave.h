/*
 * The catalogue of hostile block frontends (threat model: R rings, grants and events; B requests;
 * S xenstore), one function each with the reaction that the backend owes built in: the device is
 * closed, a request is answered with a certain status, or nothing happens.  After every one the
 * same device must connect again and pass a verified write and read.
 */
#ifndef DRVDOM_BLKFRONT_MISBEHAVE_H
#define DRVDOM_BLKFRONT_MISBEHAVE_H

#include "frontends/blk/conn.h"

/* Prints names and texts; 0. */
int misbehave_list(void);

/* Runs the named ones (or "all", or a chapter's letter), a line of result each.  hook: a shell
 * command that makes and ends (argument "begin", "end"; DRVDOM_ROW names the row) the conditions
 * that a guest cannot; NULL: rows that need it are skipped.  0: all as they should be; 1 not; 2 no
 * such name; 3: asked for rows were skipped, the others fine.  json: lines of JSON. */
int misbehave(struct bf_conn *c, const struct bf_want *want, const char *hook, bool json,
              char **names);

/* Goes to a state ("initialised", "connected", "busy": requests in flight; "closing") and stays
 * until killed.  Only returns -errno. */
int misbehave_hold(struct bf_conn *c, const struct bf_want *want, const char *state);

#endif
