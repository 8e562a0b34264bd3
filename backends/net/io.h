/* The vif worker's operations, for main(). */
#ifndef DRVDOM_NET_IO_H
#define DRVDOM_NET_IO_H

#include "transport/xen/worker_loop.h"

extern const struct worker_ops net_worker_ops;

#endif
