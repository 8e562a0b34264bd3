/* See disk.h.  #syscalls io_uring_register */
#include "backends/blk/disk.h"

#include <assert.h>
#include <string.h>
#include <sys/uio.h>

#include "transport/base/log.h"

void disk_init(struct disk *d, struct wait *wait, bool dsync, bool volatile_cache)
{
    memset(d, 0, sizeof(*d));
    d->wait = wait;
    d->dsync = dsync;
    d->volatile_cache = volatile_cache;
}

void disk_use_buffer(struct disk *d, uint8_t *buf, size_t len)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    int rc = io_uring_register_buffers(&d->wait->ring, &iov, 1);

    if (rc) {
        log_debug("registering %zu bytes of buffer: %s", len, strerror(-rc));
        return;
    }
    d->fixed = buf;
    d->fixed_len = len;
}

void disk_drop_buffer(struct disk *d)
{
    if (d->fixed)
        io_uring_unregister_buffers(&d->wait->ring);
    d->fixed = NULL;
}

static bool is_fixed(const struct disk *d, const uint8_t *buf, uint32_t len)
{
    return d->fixed && buf >= d->fixed && buf + len <= d->fixed + d->fixed_len;
}

void disk_read(struct disk *d, uint32_t index, uint8_t *buf, uint32_t len, uint64_t off)
{
    struct io_uring_sqe *sqe = wait_disk_sqe(d->wait);

    assert(len > 0);
    if (is_fixed(d, buf, len))
        io_uring_prep_read_fixed(sqe, WAIT_FILE_DISK, buf, len, off, 0);
    else
        io_uring_prep_read(sqe, WAIT_FILE_DISK, buf, len, off);
    wait_disk_tag(sqe, index);
}

void disk_write(struct disk *d, uint32_t index, const uint8_t *buf, uint32_t len, uint64_t off)
{
    struct io_uring_sqe *sqe = wait_disk_sqe(d->wait);

    assert(len > 0);
    if (is_fixed(d, buf, len))
        io_uring_prep_write_fixed(sqe, WAIT_FILE_DISK, buf, len, off, 0);
    else
        io_uring_prep_write(sqe, WAIT_FILE_DISK, buf, len, off);
    if (d->dsync)
        sqe->rw_flags = RWF_DSYNC;
    wait_disk_tag(sqe, index);
}

bool disk_flush(struct disk *d, uint32_t index)
{
    struct io_uring_sqe *sqe;

    if (!d->volatile_cache)
        return false;
    sqe = wait_disk_sqe(d->wait);
    io_uring_prep_fsync(sqe, WAIT_FILE_DISK, IORING_FSYNC_DATASYNC);
    wait_disk_tag(sqe, index);
    return true;
}
