/*
 * Workers that are started already and wait for a device: loading and linking one takes longer than
 * all that is left to do when a guest waits for the successor of one that died.
 *
 * Of each class that has devices, SPARES are kept.  They know nothing of any guest yet and end when
 * drvdomd does.
 */
#ifndef DRVDOM_DRVDOMD_SPARE_H
#define DRVDOM_DRVDOMD_SPARE_H

#include "driver-domain/drvdomd/table.h"

/* Starts what is missing, one after the other, from `ns` on and when no guest waits for a
 * successor; ends those of a class that has no device any more. */
void spare_refill(struct drvdomd *d, uint64_t ns);
/* Of every class, at once: before devices are taken over whose workers serve on meanwhile. */
void spare_fill(struct drvdomd *d);

/* A started `program`: its process and our end of its socket are the caller's now.  False: there is
 * none. */
bool spare_take(struct drvdomd *d, const char *program, pid_t *pid, int *sock);

/* Has one of this class said that it waits?  Also true when none is about to come. */
bool spare_is_waiting(struct drvdomd *d, const struct backend_class *class);

/* How many there are; each has one descriptor of ours. */
unsigned spare_count(const struct drvdomd *d);

/* Ends all. */
void spare_end(struct drvdomd *d);

#endif
