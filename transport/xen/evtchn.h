/*
 * Event channels (libxenevtchn, /dev/xen/evtchn).  One handle per queue.
 *
 * The kernel masks a user's port when it delivers an event, until the port number is written back.
 * That write is also the EOI, and from user space it always says "not spurious", so the kernel
 * never throttles a guest that storms us: delaying the unmask is our throttle (hostile-peers R8).
 */
#ifndef DRVDOM_XEN_EVTCHN_H
#define DRVDOM_XEN_EVTCHN_H

#include <stdint.h>
#include <xenevtchn.h>

#include "transport/base/arith.h"

struct evtchn {
    xenevtchn_handle *h;
};

/* Opens the device, non-blocking. */
int evtchn_open(struct evtchn *e) must_check;
void evtchn_close(struct evtchn *e);
/* Limits this handle for good to channels with `domid` (IOCTL_EVTCHN_RESTRICT_DOMID). */
int evtchn_restrict(struct evtchn *e, unsigned domid) must_check;
/* Pollable; readable when an event waits. */
int evtchn_fd(const struct evtchn *e);

/* Binds to the peer's unbound port: our local port (> 0) or -errno (R11: no such port, not for us).
 */
int evtchn_bind(struct evtchn *e, unsigned domid, uint32_t remote_port) must_check;
/* The same for a successor of a worker that died: its io_uring may hold the old end of the channel
 * a little longer than the process lived, so "taken" is asked again for up to a second.  Blocks. */
int evtchn_rebind(struct evtchn *e, unsigned domid, uint32_t remote_port) must_check;
int evtchn_unbind(struct evtchn *e, uint32_t local_port);
/* Front end: makes a port that `domid` may bind to; our local port (> 0) or -errno. */
int evtchn_offer(struct evtchn *e, unsigned domid) must_check;

/* Takes one waiting event: its local port, 0 when none waits, or -errno. */
int evtchn_pending(struct evtchn *e) must_check;
/* EOI: allows the next event of this port. */
int evtchn_unmask(struct evtchn *e, uint32_t local_port) must_check;
/* Kicks the peer.  -errno when the peer has closed its end (R12). */
int evtchn_notify(struct evtchn *e, uint32_t local_port) must_check;

#endif
