/*
 * What cannot be done at once because a device has to appear first: drivers probe in the
 * background while PID 1 goes on.  Each entry is tried when the kernel reports a device, and
 * complained about once when its time is over; a device that comes later still gets its due.
 */
#ifndef DRVDOM_INIT_TODO_H
#define DRVDOM_INIT_TODO_H

#include <stdbool.h>
#include <stdint.h>

#include "driver-domain/image/conf.h"

/* Fills the list from the configuration; `now_ns` starts the clocks. *c must stay. */
void todo_init(const struct conf *c, uint64_t now_ns);

/* Tries everything that is still open. */
void todo_try(uint64_t now_ns);

/* Is a `wait` line still open and in its time?  drvdomd is not started before it is not. */
bool todo_waiting(void);

/* Milliseconds to the next deadline, -1: none. */
int todo_timeout_ms(uint64_t now_ns);

#endif
