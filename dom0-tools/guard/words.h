/*
 * The last words of a driver domain: what its blackbox holds, as text for people.  PURE.  The
 * domain may have been compromised: everything is copied before it is looked at, and bounded.
 */
#ifndef DRVDOM_GUARD_WORDS_H
#define DRVDOM_GUARD_WORDS_H

#include "transport/xen/blackbox.h"

/* Requests told of a device at most. */
enum { WORDS_REQUESTS = 32 };

/* Log lines and, per device, what it has done, its worker's log and the requests that were under
 * way. Printable ASCII and newlines, terminated; returns the length, which is less than size. */
size_t words_text(const struct bb_head *head, const struct bb_slot *slot, unsigned slots,
                  char *text, size_t size);

#endif
