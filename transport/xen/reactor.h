/*
 * What a queue's thread sleeps in: one io_uring.  The same io_uring_enter(2) that hands operations
 * to the disk or port also waits for their completion, for the guest's event and for commands, and
 * tells Xen that the next event may come (the unmask is a write to the event channel device, so it
 * rides along as one more submission).
 *
 * The ring is made before the sandbox and restricted (IORING_REGISTER_RESTRICTIONS) to the
 * operations below, on three registered files: the device, the event channel, the command
 * descriptor.
 */
#ifndef DRVDOM_XEN_REACTOR_H
#define DRVDOM_XEN_REACTOR_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/evtchn.h"

enum reactor_kind {
    REACTOR_DEVICE,  /* an operation on the device is done: tag, res */
    REACTOR_PORT,    /* the guest sent an event: tag is our local port, 0 when it was none */
    REACTOR_COMMAND, /* the command descriptor is readable */
    REACTOR_BEAT,    /* private, as the next */
    REACTOR_OTHER,
};

/* Registered files: what an operation names as its descriptor. */
enum { REACTOR_FILE_DEVICE, REACTOR_FILE_PORT, REACTOR_FILE_COMMAND, REACTOR_FILES };

struct reactor {
    struct io_uring ring;
    struct evtchn *ev;
    bool direct; /* the event channel's descriptor is the kernel's device: see reactor.c */
    bool port_armed, command_armed, beat_armed;
    struct __kernel_timespec beat;
    bool unsubmitted; /* operations wait in the submission queue */
    uint32_t soon;    /* of those, how many complete within the submission itself */
    uint32_t port_in;
    uint32_t port_out[2]; /* buffers of unmasking writes: a queue has at most two ports */
    uint32_t port_out_next;
};

struct reactor_event {
    enum reactor_kind kind;
    uint32_t tag;
    int res; /* REACTOR_DEVICE: bytes or -errno */
};

struct reactor_config {
    struct evtchn *ev; /* stays the caller's, as do the descriptors */
    int device_fd, command_fd;
    uint32_t depth; /* device operations in flight at most */
    /* Task work is put off to the next wait: cheapest, but only one thread may ever use the ring,
     * and kernels from 6.12 on then run one operation of a linked chain per wait. */
    bool deferred;
};

/* 0 or -errno with nothing left behind. */
int reactor_open(struct reactor *r, const struct reactor_config *c) must_check;
void reactor_close(struct reactor *r);

/* A submission for the device (file REACTOR_FILE_DEVICE); never NULL.  The caller prepares it, then
 * calls reactor_tag().  `soon`: it never waits, so that a sleep shall include its completion
 * instead of being ended by it. */
struct io_uring_sqe *reactor_sqe(struct reactor *r);
void reactor_tag(struct reactor *r, struct io_uring_sqe *sqe, uint32_t tag, bool soon);

/* Cancels every operation on the device that waits; each still completes, with -ECANCELED. */
void reactor_cancel_device(struct reactor *r);

/* Allows the next event of `port`, with the next reactor_wait(). */
void reactor_unmask(struct reactor *r, uint32_t port);

/* No sleep is longer: an event that was lost costs so much. */
#define REACTOR_BEAT_NS UINT64_C(2000000000)

/* Submits; then, when `block`, sleeps until something happens or timeout_ns has passed.  A time-out
 * of REACTOR_BEAT_NS or more costs nothing: that timer runs on from sleep to sleep, where a shorter
 * one is set and cancelled each time (in a PV domain two hypercalls and several readings of the
 * clock).  0 or -errno (not to be continued). */
int reactor_wait(struct reactor *r, bool block, uint64_t timeout_ns) must_check;

/* Takes one event that has happened; false when there is none. */
bool reactor_next(struct reactor *r, struct reactor_event *out);

#endif
