/*
 * Messages with file descriptors over a SOCK_SEQPACKET socket pair (unix(7), SCM_RIGHTS).
 */
#ifndef DRVDOM_BASE_MSG_H
#define DRVDOM_BASE_MSG_H

#include <stddef.h>
#include <sys/types.h>

#include "transport/base/arith.h"

enum { MSG_MAX_FDS = 8, MSG_MAX_BYTES = 16384 };

/* Both ends close-on-exec and non-blocking. */
int msg_pair(int fds[2]) must_check;

/* Sends one message whole, or fails: -EAGAIN (the peer does not read), -EPIPE (it is gone), ... */
int msg_send(int sock, const void *data, size_t len, const int *fds, int nfds) must_check;

/* Receives one message: its length, 0 when the peer closed, -EAGAIN when none waits,
 * -EMSGSIZE when it did not fit.  *nfds: room on entry, received on exit; the caller owns them. */
ssize_t msg_recv(int sock, void *data, size_t size, int *fds, int *nfds) must_check;

#endif
