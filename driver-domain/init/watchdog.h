/*
 * Xen's watchdog of this domain: a kernel or a PID 1 that hangs ends the domain, with a reason that
 * drvdom-guard takes for a crash (linux/watchdog.h; the module is xen_wdt).
 */
#ifndef DRVDOM_INIT_WATCHDOG_H
#define DRVDOM_INIT_WATCHDOG_H

#include <stdint.h>

/* Starts it: from now on watchdog_tick() must come in time.  0 seconds: there shall be none. */
void watchdog_start(unsigned seconds, uint64_t now_ns);
/* Tells it that all is well, when that is due. */
void watchdog_tick(uint64_t now_ns);
/* Milliseconds until it is, -1: never. */
int watchdog_timeout_ms(uint64_t now_ns);

#endif
