/*
 * Asks drvdom-guard for what the blackboxes of its driver domains hold.  Blocks for at most some
 * seconds.
 */
#ifndef DRVDOM_GUARD_CLIENT_H
#define DRVDOM_GUARD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/stats.h"

#define GUARD_SOCKET "/run/drvdom/guard.sock"

enum { GUARD_MAGIC = 0x47565244, GUARD_VERSION = 2, GUARD_TEXT_MAX = 256 * 1024 };
enum guard_ask { GUARD_STATS = 1, GUARD_WORDS };

/* One question per connection, then the answer: a head and `count` records. */
struct guard_question {
    uint32_t magic, version, ask, domid;
};
struct guard_answer {
    uint32_t magic, version, count, size; /* records, and bytes of each */
};

struct guard_device {
    uint32_t dd; /* the driver domain */
    uint32_t guest, devid;
    uint32_t connected;
    char kind[8];
    char dd_name[64];
    struct dev_stats stats;
};

/* Every device of every guarded driver domain: how many; *out is the caller's to free().
 * -ENOENT or -ECONNREFUSED: no guard runs. */
int guard_stats(const char *path, struct guard_device **out) must_check;

/* The last log lines of driver domain `domid`, living or dead: text, the caller's to free(), of
 * printable ASCII and newlines.  -ENOENT also when the guard knows no such domain. */
int guard_words(const char *path, uint32_t domid, char **out) must_check;

#endif
