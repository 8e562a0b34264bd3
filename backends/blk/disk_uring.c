/* See disk.h.  #syscalls io_uring_register madvise pread ioctl(BLKSECDISCARD) */
#include "backends/blk/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "transport/base/log.h"

/* Without PUNCH_HOLE's promise of zeros: this is what the kernel calls a discard. */
#ifndef FALLOC_FL_NO_HIDE_STALE
#define FALLOC_FL_NO_HIDE_STALE 0x04
#endif

int disk_attach(const struct blk_setup *setup, const int *fds, int nfds, struct why *why)
{
    (void)setup;
    return nfds >= 1 ? fds[0] : why_set(why, -EPROTO, "SETUP without a disk");
}

int disk_meet(struct disk *d, struct blk_setup *setup, struct why *why)
{
    (void)d;
    (void)setup;
    (void)why;
    return 0;
}

bool disk_may_sleep(struct disk *d)
{
    (void)d;
    return true;
}

void disk_event(struct disk *d, uint32_t index, int res)
{
    (void)d;
    log_error("io_uring: an event %u (%d) that nobody waits for", index, res);
}

bool disk_next(struct disk *d, uint32_t *index, int *res)
{
    (void)d;
    (void)index;
    (void)res;
    return false;
}

void disk_init(struct disk *d, struct wait *wait, const struct blk_setup *setup)
{
    memset(d, 0, sizeof(*d));
    d->wait = wait;
    d->setup = setup;
    d->alive_fd = -1;
    d->discard_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE |
                      (setup->blockdev ? FALLOC_FL_NO_HIDE_STALE : 0);
}

/* True: it is registered now. */
static bool fix_part(struct disk *d, unsigned part)
{
    size_t at = (size_t)part * DISK_PART_BYTES;
    struct iovec iov = {.iov_base = d->fixed + at,
                        .iov_len = MIN(d->fixed_len - at, (size_t)DISK_PART_BYTES)};
    __u64 tag = 0;
    int rc = io_uring_register_buffers_update_tag(&d->wait->ring, part, &iov, &tag, 1);

    if (rc == 1) {
        d->part_fixed[part] = true;
        return true;
    }
    log_debug("registering %zu bytes of buffer: %s", iov.iov_len, strerror(-rc));
    d->fixed_len = at; /* not tried again */
    return false;
}

void disk_use_buffer(struct disk *d, uint8_t *buf, size_t len)
{
    int rc = io_uring_register_buffers_sparse(&d->wait->ring, DISK_PARTS_MAX);

    if (rc) {
        log_debug("no registered buffers: %s", strerror(-rc));
        return;
    }
    d->fixed = buf;
    d->fixed_len = MIN(len, (size_t)DISK_PARTS_MAX * DISK_PART_BYTES);
    (void)fix_part(d, 0);
}

void disk_rest_buffer(struct disk *d, uint8_t *buf, size_t len)
{
    for (size_t at = 0; at < len; at += DISK_PART_BYTES) {
        size_t part = at / DISK_PART_BYTES;

        if (part >= DISK_PARTS_MAX || !d->part_fixed[part])
            (void)madvise(buf + at, MIN(len - at, (size_t)DISK_PART_BYTES), MADV_DONTNEED);
    }
}

/* Number of the registered part that holds it whole; -1: there is none. */
static int fixed_part(struct disk *d, const uint8_t *buf, uint32_t len)
{
    size_t at = (size_t)(buf - d->fixed);
    unsigned part = (unsigned)(at / DISK_PART_BYTES);

    if (!d->fixed || at + len > d->fixed_len || at + len > (part + 1u) * (size_t)DISK_PART_BYTES)
        return -1;
    return d->part_fixed[part] || fix_part(d, part) ? (int)part : -1;
}

void disk_read(struct disk *d, uint32_t index, uint8_t *buf, uint32_t len, uint64_t off)
{
    int part = fixed_part(d, buf, len);
    struct io_uring_sqe *sqe = wait_disk_sqe(d->wait);

    assert(len > 0);
    if (part >= 0)
        io_uring_prep_read_fixed(sqe, WAIT_FILE_DISK, buf, len, off, part);
    else
        io_uring_prep_read(sqe, WAIT_FILE_DISK, buf, len, off);
    wait_disk_tag(sqe, index);
}

void disk_write(struct disk *d, uint32_t index, const uint8_t *buf, uint32_t len, uint64_t off)
{
    int part = fixed_part(d, buf, len);
    struct io_uring_sqe *sqe = wait_disk_sqe(d->wait);

    assert(len > 0);
    if (part >= 0)
        io_uring_prep_write_fixed(sqe, WAIT_FILE_DISK, buf, len, off, part);
    else
        io_uring_prep_write(sqe, WAIT_FILE_DISK, buf, len, off);
    if (d->setup->dsync)
        sqe->rw_flags = RWF_DSYNC;
    wait_disk_tag(sqe, index);
}

bool disk_flush(struct disk *d, uint32_t index)
{
    struct io_uring_sqe *sqe;

    if (!d->setup->volatile_cache)
        return false;
    sqe = wait_disk_sqe(d->wait);
    io_uring_prep_fsync(sqe, WAIT_FILE_DISK, IORING_FSYNC_DATASYNC);
    wait_disk_tag(sqe, index);
    return true;
}

bool disk_discard(struct disk *d, uint32_t index, uint64_t off, uint64_t len)
{
    uint64_t unit = d->setup->discard_unit;
    uint64_t first = round_up(off, unit), end = (off + len) & ~(unit - 1);
    struct io_uring_sqe *sqe;

    if (first >= end)
        return false;
    sqe = wait_disk_sqe(d->wait);
    io_uring_prep_fallocate(sqe, WAIT_FILE_DISK, d->discard_mode, (off_t)first,
                            (off_t)(end - first));
    wait_disk_tag(sqe, index);
    return true;
}

bool disk_discard_otherwise(struct disk *d, int err)
{
    /* Newer kernels have dropped the flag: then zeroing with unmap, which is as good. */
    if (err != -EOPNOTSUPP && err != -EINVAL)
        return false;
    d->discard_mode &= ~FALLOC_FL_NO_HIDE_STALE;
    return d->setup->blockdev;
}

/* io_uring has no operation for it. */
int disk_erase(struct disk *d, uint64_t off, uint64_t len)
{
    uint64_t range[2] = {off, len};

    return ioctl(d->fd, BLKSECDISCARD, range) ? -errno : 0;
}

bool disk_is_gone(const struct disk *d)
{
    char sectors[24] = "";
    ssize_t n;

    if (d->alive_fd < 0)
        return false;
    /* sysfs: while it is removed the size is 0, and then the file is gone under its readers. */
    n = pread(d->alive_fd, sectors, sizeof(sectors) - 1, 0);
    return n < 0 ? errno == ENODEV : strtoull(sectors, NULL, 10) == 0;
}
