/*
 * New programs from dom0 (drvdom upgrade): fetched from granted pages, checked, unpacked, and left
 * to drvdom-init to try.  What became of it goes into ~/data/drvdom/upgrade.
 */
#ifndef DRVDOM_DRVDOMD_UPGRADE_H
#define DRVDOM_DRVDOMD_UPGRADE_H

#include "driver-domain/drvdomd/table.h"

#define UPGRADE_TOKEN "upgrade"

int upgrade_start(struct drvdomd *d) must_check;
/* The key may have changed. */
void upgrade_look(struct drvdomd *d);
/* "done", or "failed: WHY". */
void upgrade_ended(struct drvdomd *d, const char *text);

#endif
