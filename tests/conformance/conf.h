/*
 * Conformance: what its files share.
 */
#ifndef DRVDOM_CONFORMANCE_CONF_H
#define DRVDOM_CONFORMANCE_CONF_H

#include <stdint.h>
#include <xengnttab.h>

#include "tests/conformance/peer.h"

extern struct peer front;
extern uint32_t own;
extern const char *self_path;
extern xengnttab_handle *gnt;

/* One result: rc, and errno's name when rc is negative. */
void say(const char *name, long rc);
void say_err(const char *name, long rc, int error);
void say_map(const char *name, const void *p);
uint32_t share1(int writable); /* a page the peer shares with us, filled with 0x40 */

void conf_copy(void);
void conf_evtchn(void);

#endif
