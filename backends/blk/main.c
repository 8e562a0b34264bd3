/* drvdom-blkback: one worker for one virtual block device; started by drvdomd. */
#include "backends/blk/blkback.h"

int main(void)
{
    return worker_run(&blkback_ops);
}
