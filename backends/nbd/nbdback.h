/* What makes drvdom-nbdback of the block worker: disk_nbd.c in place of disk_uring.c.  main.c names
 * something that is defined there, so that the linker takes that one of the two. */
#ifndef DRVDOM_NBD_NBDBACK_H
#define DRVDOM_NBD_NBDBACK_H

extern const char nbdback_name[];

#endif
