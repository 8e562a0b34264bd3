/*
 * The disk, as io.c sees it: start an operation, be told its result.  One per queue.  Offsets and
 * lengths are bytes, multiples of 512, inside the disk: req.c has seen to that.
 *
 * Implemented by disk_uring.c for block devices and raw files.  Completions arrive as WAIT_DISK
 * events of the queue's `struct wait`, with the index given here.
 */
#ifndef DRVDOM_BLK_DISK_H
#define DRVDOM_BLK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/blk/wait.h"

struct disk {
    struct wait *wait;
    uint8_t *fixed; /* registered buffer, or NULL */
    size_t fixed_len;
    bool dsync;          /* each write must be durable before it is answered (target.h) */
    bool volatile_cache; /* a flush does something */
};

void disk_init(struct disk *d, struct wait *wait, bool dsync, bool volatile_cache);

/* Tells the kernel once of the buffer all data goes through, which saves it looking up the pages
 * for each request.  By the queue's thread.  When the kernel refuses, data goes the plain way. */
void disk_use_buffer(struct disk *d, uint8_t *buf, size_t len);
void disk_drop_buffer(struct disk *d);

void disk_read(struct disk *d, uint32_t index, uint8_t *buf, uint32_t len, uint64_t off);
void disk_write(struct disk *d, uint32_t index, const uint8_t *buf, uint32_t len, uint64_t off);
/* Makes every write answered so far durable.  False: nothing needs to be done, no completion will
 * come (the target keeps nothing volatile). */
bool disk_flush(struct disk *d, uint32_t index);

#endif
