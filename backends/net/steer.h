/*
 * Steering by the hash that a guest has set (hash.h), done where frames are queued: a program for
 * the kernel of the driver domain, loaded by drvdomd (bpf(2), TUNSETSTEERINGEBPF), so that a frame
 * is read by the thread whose queue it goes to.
 */
#ifndef DRVDOM_NET_STEER_H
#define DRVDOM_NET_STEER_H

#include <linux/bpf.h>
#include <stddef.h>

#include "backends/net/hash.h"
#include "transport/base/arith.h"

enum { STEER_INSNS_MAX = 4096 };

/* Writes the program for hash `h`, which is valid for `queues`, into `out` (room for
 * STEER_INSNS_MAX); how many instructions.  PURE. */
size_t steer_build(const struct net_hash *h, uint32_t queues, struct bpf_insn *out);

/* Loads it: a descriptor (the caller's), or -errno.  Needs CAP_BPF. */
int steer_load(const struct net_hash *h, uint32_t queues) must_check;

#endif
