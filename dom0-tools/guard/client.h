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

enum {
    GUARD_MAGIC = 0x47565244,
    GUARD_VERSION = 3,
    GUARD_TEXT_MAX = 256 * 1024,
    GUARD_PATH_MAX = 512,
    GUARD_OUTCOME_MAX = 256,
};
enum guard_ask { GUARD_STATS = 1, GUARD_WORDS, GUARD_REPLACE, GUARD_OUTCOME };

/* One question per connection, then the answer: a head and `count` records. */
struct guard_question {
    uint32_t magic, version, ask, domid;
    char path[GUARD_PATH_MAX]; /* of REPLACE the image's directory; of WORDS a name */
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

/* The last words of the driver domain of that name: of its last death, or of the living one.  Text,
 * the caller's to free(), of printable ASCII and newlines.  -ENOENT also when the guard knows no
 * such domain. */
int guard_words(const char *path, const char *name, char **out) must_check;

/* Replaces kernel and image of driver domain `domid` by those in directory `image` (absolute),
 * under its guests; does not wait for the end.  0 or -errno; *text, the caller's to free(), says
 * why. */
int guard_replace(const char *path, uint32_t domid, const char *image, char **text) must_check;

/* What became of it: text as above; "under way", "done...", or "failed: WHY". */
int guard_outcome(const char *path, uint32_t domid, char **text) must_check;

#endif
