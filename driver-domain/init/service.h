/*
 * drvdomd, kept running.  A driver domain lives as long as its PID 1; drvdomd may die and must be
 * back at once, for it is what starts a dead worker again.
 */
#ifndef DRVDOM_INIT_SERVICE_H
#define DRVDOM_INIT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver-domain/image/conf.h"

/* Starts dir/drvdomd with the configuration's arguments; new versions of it will come to
 * directories below `upgrades` (transport/base/keeper.h).  env, NULL at its end, is its environment
 * besides.  All of it must stay. */
void service_start(const struct conf *c, const char *dir, const char *upgrades, char *const *env,
                   uint64_t now_ns);

/* What to poll for input besides; -1: nothing.  Then service_hear(). */
void service_fds(int fds[2]);
/* Hears what drvdomd says.  A new version is started beside it, and taken when it says that it
 * serves; one that ends before, or takes longer than five seconds, is not, and the old one goes on
 * or is started again.  One that dies within ten seconds after is given up as well. */
void service_hear(uint64_t now_ns);

/* A child has ended; true when it was the drvdomd that serves.  It is then started again when its
 * back-off is over (first at once, then 100 ms doubling up to 5 s; ten good seconds forgive
 * everything). */
bool service_reap(pid_t pid, int status, uint64_t now_ns);

/* Starts it again when that is due. */
void service_tick(uint64_t now_ns);

/* Milliseconds until service_tick has something to do, -1: nothing. */
int service_timeout_ms(uint64_t now_ns);

/* Asks drvdomd to end, and not to be started again.  False when it does not run. */
bool service_stop(void);

#endif
