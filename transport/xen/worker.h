/*
 * What drvdomd and a worker say to each other, over a SOCK_SEQPACKET pair (base/msg.h).
 *
 *   drvdomd -> worker   BOX (first, when the blackbox is granted memory)
 *                       SETUP (once, with descriptors)  CONNECT  DISCONNECT  LIMITS  QUIT
 *                       RESUME (a CONNECT that goes on where a dead worker stopped)
 *                       TEST_STEP (die at a step: teststep.h)
 *   worker -> drvdomd   WAITING (started, as far as one can be without a device)
 *                       READY (sandboxed, may be given a ring)  CONNECTED  DISCONNECTED
 *                       PORT (before CONNECTED: an event channel's descriptor and number, uint32_t)
 *                       ADAPTED (LIMITS are in force)  NOTE (the class's own; also for a successor)
 *                       FAILED (a SETUP or CONNECT did not work)  FAULT (the peer broke the
 * protocol or the device is lost; the rings are stopped, DISCONNECT is awaited)
 *
 * The payload of SETUP, CONNECT, LIMITS and NOTE belongs to the device class (backends/blk/conn.h,
 * backends/net/conn.h).  Both ends are of one build or, across an upgrade, check `version`.
 */
#ifndef DRVDOM_XEN_WORKER_H
#define DRVDOM_XEN_WORKER_H

#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/blackbox.h"

enum {
    WORKER_VERSION = 3,
    WORKER_SOCK_FD = 3, /* a worker finds its socket here */
    WORKER_TEXT_MAX = 192,
    WORKER_PAYLOAD_MAX = 8192,
    WORKER_UID_BASE = 100000, /* a worker runs as this plus its slot in drvdomd's table */
};

#define WORKER_EMPTY_DIR "/run/drvdom/empty" /* a worker's root; made by drvdomd */

enum worker_msg_type {
    WORKER_SETUP = 1,
    WORKER_CONNECT,
    WORKER_DISCONNECT,
    WORKER_LIMITS,
    WORKER_QUIT,
    WORKER_RESUME,
    WORKER_BOX,
    WORKER_TEST_STEP,
    WORKER_READY = 64,
    WORKER_CONNECTED,
    WORKER_DISCONNECTED,
    WORKER_FAILED,
    WORKER_FAULT,
    WORKER_ADAPTED,
    WORKER_NOTE,
    WORKER_WAITING,
    WORKER_PORT,
};

/* The device that a worker serves. */
struct dev_id {
    uint32_t domid; /* the guest */
    uint32_t devid; /* vbd: xenstore's virtual device number; vif: index */
    uint32_t slot;  /* place in drvdomd's table: unique among the living, gives the uid */
};

/* Payload of BOX: the pages of the device's struct bb_slot.  Without it, SETUP's first descriptor
 * is that memory. */
struct worker_box {
    uint32_t domid; /* who granted them */
    uint32_t ref[BB_SLOT_PAGES];
};

struct worker_msg {
    uint32_t type; /* enum worker_msg_type */
    uint32_t version;
    struct dev_id id;
    int32_t err;          /* FAILED, FAULT: -errno, else 0 */
    uint32_t survives;    /* SETUP: the box outlives drvdomd, whose successor will adopt us */
    uint64_t lost_ns;     /* CONNECT, RESUME: clock_ns() when a predecessor was found dead, or 0 */
    uint32_t payload_len; /* bytes used of payload */
    char text[WORKER_TEXT_MAX]; /* FAILED, FAULT: one line for the error node and the log */
    _Alignas(8) uint8_t payload[WORKER_PAYLOAD_MAX];
};

/* Sends the used part of m.  0 or -errno as msg_send. */
int worker_send(int sock, const struct worker_msg *m, const int *fds, int nfds) must_check;

/* Receives and checks one message (length, version, terminated text): 1, 0 when the other end
 * closed, or -errno (-EAGAIN, -EPROTO). */
int worker_recv(int sock, struct worker_msg *m, int *fds, int *nfds) must_check;

#endif
