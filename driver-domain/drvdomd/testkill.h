/*
 * Deaths on request, for the recovery tests: only with --allow-test-kill.  The key
 * ~/data/drvdom/test-kill can be written by this domain and by dom0, never by a guest.
 */
#ifndef DRVDOM_DRVDOMD_TESTKILL_H
#define DRVDOM_DRVDOMD_TESTKILL_H

#include "driver-domain/drvdomd/table.h"

/* The token of its watch. */
#define TESTKILL_TOKEN "kill-on-request"

int testkill_start(struct drvdomd *d) must_check;
/* The key may have changed. */
void testkill_look(struct drvdomd *d);
/* A worker serves: it may be the next one that shall die at a step. */
void testkill_serves(struct device *dev);

#endif
