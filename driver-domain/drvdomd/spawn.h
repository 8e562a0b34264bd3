/*
 * Worker processes: start one, talk to it, notice its end.
 */
#ifndef DRVDOM_DRVDOMD_SPAWN_H
#define DRVDOM_DRVDOMD_SPAWN_H

#include "driver-domain/drvdomd/table.h"

/* Starts a worker program with a socket, of which *sock is our end.  Its process, or -errno. */
pid_t spawn_process(struct drvdomd *d, const char *program, int *sock) must_check;

/* Gives dev a worker, one that waits already or a new one, and sends it SETUP.  READY or FAILED
 * arrives later. -errno and dev->why when it cannot be started. */
int spawn_worker(struct device *dev) must_check;

/* Sends a message without descriptors; -errno when the worker is gone or does not read. */
int spawn_tell(struct device *dev, enum worker_msg_type type, const void *payload,
               size_t len) must_check;

/* Forgets the worker: closes its socket and, when it still runs, ends it with SIGKILL and waits for
 * it (bounded: a killed process holds no lock of ours). */
void spawn_reap(struct device *dev);

/* Workers that a drvdomd before us left: they serve on until their slot is taken up.  False: there
 * are none. */
bool spawn_find_strays(struct drvdomd *d);
/* Ends the one of this slot, and waits for its end.  False: there is none. */
bool spawn_end_stray(struct drvdomd *d, unsigned slot);

/* Resident memory of a process (0: ours) in KiB, or 0 when it cannot be read. */
unsigned spawn_resident_kib(pid_t pid);
/* What the kernel thinks it could still give out (MemAvailable), in KiB; 0 when it does not say. */
unsigned spawn_available_kib(void);
/* Open descriptors of our own, one more or less. */
unsigned spawn_descriptors(void);

#endif
