/* drvdom-nbdback: the block worker (backends/blk) for one virtual block device behind an NBD
 * server; started by drvdomd.  A program of its own, so that the others carry neither libnbd nor
 * the right to send and receive. */
#include "backends/blk/blkback.h"
#include "backends/nbd/nbdback.h"

int main(void)
{
    static const char *const syscalls[] = {
        "io_uring_enter", "io_uring_register", "poll",  "recvfrom", "sendto",
        "getsockopt",     "setsockopt",        "fcntl", "shutdown", NULL,
    };
    struct worker_ops ops = blkback_ops;

    ops.name = nbdback_name;
    ops.sandbox.syscalls = syscalls;
    ops.sandbox.ioctls = NULL;
    ops.sandbox.needs_network = true;
    return worker_run(&ops);
}
