/* Whole files in and out of memory; declared in bytes.h.
 * #syscalls: open fstat read write rename unlink close */
#include "driver-domain/image/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1 << 30 };

static int read_all(int fd, struct bytes *b)
{
    struct stat st;
    int rc;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (st.st_size > FILE_MAX_BYTES)
        return -EFBIG;
    /* One byte more than the size, so that a file of exactly that size needs no second growth to
     * find its end; sysfs files say 4096 and are shorter. */
    rc = bytes_reserve(b, b->len + (size_t)st.st_size + 1);
    while (rc == 0) {
        ssize_t n = read(fd, b->data + b->len, b->cap - b->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        b->len += (size_t)n;
        if (b->len > FILE_MAX_BYTES)
            return -EFBIG;
        if (b->len == b->cap)
            rc = bytes_reserve(b, 2 * b->cap);
    }
    return rc;
}

int file_read(const char *path, struct bytes *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return -errno;
    rc = read_all(fd, b);
    close(fd);
    return rc;
}

int file_own_dir(char *dir, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", dir, size - 1);

    if (n < 0)
        return -errno;
    dir[n] = '\0';
    *strrchr(dir, '/') = '\0';
    return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_write(const char *dir, const char *name, const void *data, size_t len)
{
    char path[4096], temp[4096 + 8];
    int fd, rc;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
        return -ENAMETOOLONG;
    snprintf(temp, sizeof(temp), "%s.new", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    rc = write_all(fd, data, len);
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temp, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temp);
    return rc;
}
