/*
 * drvdomd and who keeps it running: drvdom-init, over the socket that it handed us
 * (transport/base/keeper.h).  Without one nothing is said to it.
 */
#ifndef DRVDOM_DRVDOMD_KEEPER_H
#define DRVDOM_DRVDOMD_KEEPER_H

#include "driver-domain/drvdomd/table.h"

/* Hears what init says from now on. */
int keeper_open(struct drvdomd *d) must_check;

/* Are we a new version beside an old one?  Ends that one; its workers serve on.  Blocks until it is
 * gone, two seconds at most. */
void keeper_end_predecessor(void);

/* Says that we serve as soon as every adopted device does: to init, and to dom0 (key adopted). */
void keeper_say_ready(struct drvdomd *d);

/* Asks for the programs in dir to be used instead of ours.  0 or -errno. */
int keeper_ask(struct drvdomd *d, const char *dir) must_check;

#endif
