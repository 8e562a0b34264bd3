/*
 * The event channels that a worker has bound, held a second time.
 *
 * A dead worker's io_uring is taken apart by the kernel some time after its death, 50 ms and more
 * (Linux, io_ring_exit_work()), and until then nobody else can bind the guest's event channels. Who
 * has their device open as well can let go of them at once.
 */
#ifndef DRVDOM_DRVDOMD_PORTS_H
#define DRVDOM_DRVDOMD_PORTS_H

#include "driver-domain/drvdomd/table.h"

/* The worker's WORKER_PORT: takes ownership of the descriptors, and believes nothing of them. */
void ports_hold(struct device *dev, const struct worker_msg *m, const int *fds, int nfds);

/* The worker is dead, or has let go of its rings: unbinds what is bound, holds nothing any more. */
void ports_let_go(struct device *dev);

#endif
