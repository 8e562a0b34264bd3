/*
 * The schema against the running xenstore: every directory of every device that a driver domain
 * serves.
 */
#ifndef DRVDOM_TOOLS_LINT_LIVE_H
#define DRVDOM_TOOLS_LINT_LIVE_H

#include "dom0-tools/system.h"

struct live_finding {
    const char *dir;  /* of the device, from the root */
    const char *text; /* one line, printable: names the key */
};

/* Returns how many findings there were, each reported; -errno (logged) when xenstore fails.
 * *dirs: how many directories were looked at. */
int lint_live(const struct system *sys, void (*report)(void *arg, const struct live_finding *f),
              void *arg, unsigned *dirs) must_check;

#endif
