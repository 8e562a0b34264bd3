/*
 * What a queue's thread sleeps in: one io_uring.  The same io_uring_enter(2) that hands requests to
 * the disk also waits for their completion, for the guest's event and for drvdomd's commands, and
 * tells Xen that the next event may come (the unmask is a write to the event channel device, so it
 * rides along as one more submission).  A request at queue depth 1 so costs two enters, one grant
 * copy and one notify.
 *
 * The ring is made before the sandbox, disabled; the thread that will use it enables it once.  It
 * is then restricted (IORING_REGISTER_RESTRICTIONS) to the operations below, on registered files
 * only: the disk, the event channel and the command eventfd.
 */
#ifndef DRVDOM_BLK_WAIT_H
#define DRVDOM_BLK_WAIT_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/evtchn.h"

enum wait_kind { WAIT_IGNORE, WAIT_PORT, WAIT_COMMAND, WAIT_DISK };
enum wait_file { WAIT_FILE_DISK, WAIT_FILE_PORT, WAIT_FILE_COMMAND, WAIT_FILES }; /* registered */

struct wait {
    struct io_uring ring;
    struct evtchn *ev;
    int command_fd; /* eventfd, owned */
    bool direct;    /* the event channel's descriptor is the kernel's device: see wait.c */
    bool port_armed, command_armed;
    uint32_t port_in, port_out; /* buffers of the read and of the unmasking write */
    uint64_t command_in;
};

struct wait_event {
    enum wait_kind kind;
    uint32_t index; /* WAIT_DISK: as given to wait_sqe(); WAIT_PORT: the local port */
    int res;        /* WAIT_DISK: bytes or -errno */
};

/* Makes the ring for up to `depth` disk operations at once, with its files.  Before the sandbox.
 * 0 or -errno with nothing left behind.  ev stays the caller's. */
int wait_open(struct wait *w, struct evtchn *ev, int disk_fd, uint32_t depth) must_check;
void wait_close(struct wait *w);

/* Called once by the thread that owns w from then on. */
int wait_enable(struct wait *w) must_check;

/* Wakes the thread; from any other thread. */
void wait_kick(struct wait *w);

/* A submission slot for the disk, tagged with index; never NULL (submits what waits if it must).
 * The caller fills it with an io_uring_prep_*() on file WAIT_FILE_DISK. */
struct io_uring_sqe *wait_disk_sqe(struct wait *w);
void wait_disk_tag(struct io_uring_sqe *sqe, uint32_t index);

/* Allows the next event of `port`, at the next wait_for(). */
void wait_unmask(struct wait *w, uint32_t port);

/* Submits; then, when `block`, sleeps until something completes or timeout_ns has passed
 * (UINT64_MAX: no limit).  0 or -errno (our own bug or a lost device: not to be continued). */
int wait_for(struct wait *w, bool block, uint64_t timeout_ns) must_check;

/* Takes one event that has happened; false when there is none. */
bool wait_next(struct wait *w, struct wait_event *out);

#endif
