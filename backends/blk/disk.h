/*
 * The disk, as io.c sees it: start an operation, be told its result.  One per queue.  Offsets and
 * lengths are bytes, multiples of 512, inside the disk: req.c has seen to that.
 *
 * Two implementations, each linked into a worker program of its own: disk_uring.c for block devices
 * and raw files (drvdom-blkback), backends/nbd/disk_nbd.c for NBD (drvdom-nbdback).
 *
 * Completions arrive as WAIT_DISK events of the queue's `struct wait`, with the index given here,
 * or by disk_next().
 */
#ifndef DRVDOM_BLK_DISK_H
#define DRVDOM_BLK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/blk/conn.h"
#include "backends/blk/wait.h"
#include "transport/xen/backend.h"

/* What can be registered of the buffer, from its front, where small requests live (pool.h).  The
 * first part always is; the others when they are first used, because what is registered no other
 * worker can use.  In a PV domain it saves some 450 instructions a page, as each page table entry
 * is translated. */
enum { DISK_PART_BYTES = 512 * 1024, DISK_PARTS_MAX = 3 };

struct disk {
    struct wait *wait;
    int fd;          /* WAIT_FILE_DISK */
    struct nbd *nbd; /* disk_nbd.c's own */
    uint8_t *fixed;  /* the buffer whose parts are registered, or NULL */
    size_t fixed_len;
    bool part_fixed[DISK_PARTS_MAX];
    const struct blk_setup *setup;
    int alive_fd;     /* tells whether the disk is there; -1: it cannot go */
    int discard_mode; /* for fallocate(2); the block layer's own discard as long as it works */
};

/* Before the sandbox: the descriptor that becomes WAIT_FILE_DISK, out of those that came with SETUP
 * or a connection that is made here (which blocks, for seconds at most).  -errno and why. */
int disk_attach(const struct blk_setup *setup, const int *fds, int nfds,
                struct why *why) must_check;
void disk_init(struct disk *d, struct wait *wait, const struct blk_setup *setup);
/* In the sandbox, before the disk is served: what only the disk itself can tell goes into *setup.
 * True: something did.  -errno and why.  Blocks for seconds at most. */
int disk_meet(struct disk *d, struct blk_setup *setup, struct why *why) must_check;

/* Called before each sleep of the queue's thread: false when it must not sleep now. */
bool disk_may_sleep(struct disk *d);
/* A WAIT_DISK event whose index is no request's. */
void disk_event(struct disk *d, uint32_t index, int res);
/* Takes a completion that came by another way than WAIT_DISK. */
bool disk_next(struct disk *d, uint32_t *index, int *res);

/*
 * Tells the kernel of the first part of the buffer all data goes through, which saves it looking up
 * the pages for each request, and pins them; disk_read() and disk_write() add the others.  Once
 * each, by the queue's thread, and never taken back: Linux 6.1 would wait for every operation that
 * uses a registered file, and the event channel's read has no end.  When the kernel refuses, data
 * goes the plain way.
 */
void disk_use_buffer(struct disk *d, uint8_t *buf, size_t len);
/* Gives back the memory of what is not registered: nothing is under way. */
void disk_rest_buffer(struct disk *d, uint8_t *buf, size_t len);

void disk_read(struct disk *d, uint32_t index, uint8_t *buf, uint32_t len, uint64_t off);
void disk_write(struct disk *d, uint32_t index, const uint8_t *buf, uint32_t len, uint64_t off);
/* Makes every write answered so far durable.  False: nothing needs to be done, no completion will
 * come (the target keeps nothing volatile). */
bool disk_flush(struct disk *d, uint32_t index);
/* Gives [off, off + len) back, as far as it consists of whole units.  False: there is none. */
bool disk_discard(struct disk *d, uint32_t index, uint64_t off, uint64_t len);
/* A discard has failed with `err`: true when it is worth one more try, which then goes the other
 * way (several that are under way may fail for the same reason). */
bool disk_discard_otherwise(struct disk *d, int err);

/* A secure discard: nothing of [off, off + len) can be had from the device afterwards.  0 or
 * -errno. Blocks this queue for as long as the device takes. */
int disk_erase(struct disk *d, uint64_t off, uint64_t len) must_check;

/* Was the disk taken away (unplugged)?  Not: does it fail. */
bool disk_is_gone(const struct disk *d);

#endif
