/*
 * What a virtual disk is served from: a block device or a raw file in this driver domain.  Opened
 * and checked by drvdomd before the backend says InitWait, because after that nobody in dom0 hears
 * of a failure.  The format is never guessed: a target is raw (XSA-258).
 *
 * An answered write must survive this driver domain (docs/recovery), so:
 *   block device   O_DIRECT: the data is in the device, or its cache, which outlives us
 *   file           O_DIRECT and RWF_DSYNC: allocation and size live in our page cache otherwise
 *   no O_DIRECT    (tmpfs) through the page cache, each write RWF_DSYNC
 * Where the disk's own sectors are larger than 512 bytes (4Kn) O_DIRECT moves whole ones: rmw.h.
 */
#ifndef DRVDOM_BLK_TARGET_H
#define DRVDOM_BLK_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/xen/backend.h"

struct target {
    int fd;           /* what the worker gets */
    int claim_fd;     /* keeps others out; -1: not claimed yet */
    int alive_fd;     /* size of the whole disk below, in sysfs; -1: there is none (memory) */
    uint64_t sectors; /* whole ones of 512 bytes */
    uint32_t physical_bytes;
    uint32_t granule;      /* bytes that the size is a multiple of: an odd end of a disk of larger
                              sectors      cannot be reached */
    uint32_t block;        /* what is read and written as a whole, in bytes */
    uint32_t discard_unit; /* what a discard must be aligned to in bytes; 0: no discard */
    uint32_t discard_granularity; /* what is worth discarding, and where it begins */
    uint32_t discard_alignment;
    bool blockdev;
    bool readonly;
    bool secure;         /* the device can erase without leaving a copy (BLKSECDISCARD) */
    bool direct;         /* O_DIRECT is set */
    bool dsync;          /* writes need RWF_DSYNC */
    bool volatile_cache; /* a flush does something */
};

/* Opens `params` as xenstore has it.  A writer excludes every other holder (O_EXCL on a block
 * device, flock on both), readers share.  With `later` a target that somebody holds is opened all
 * the same, and target_claim() must succeed before it is used.  0, or -errno with *why in words for
 * the administrator.  Blocks as open(2) does. */
int target_open(struct target *t, const char *params, bool readonly, bool later,
                struct why *why) must_check;
/* A drive without a medium: no sectors, every request is refused. */
int target_empty(struct target *t, bool readonly, struct why *why) must_check;
/* 0 when the target is ours alone (as far as `readonly` asks for that), else -errno. */
int target_claim(struct target *t, const char *params) must_check;
void target_close(struct target *t);

/* Looks whether the target has become larger or smaller: true and t->sectors is new.  A size of 0
 * (a medium gone, a device failing) is not taken over: requests fail by themselves then. */
bool target_resized(struct target *t);
/* Would it say so? */
bool target_size_differs(const struct target *t);

/* Makes a file larger or smaller; t->sectors stays until target_resized().  0, or -errno and why.
 */
int target_set_size(struct target *t, uint64_t sectors, struct why *why) must_check;

#endif
