/*
 * A growing byte buffer, and whole files in and out of it.  Used by the image builder only: nothing
 * that serves a guest allocates this way.
 *
 * Appending never reports: when memory runs out the buffer turns "failed", further appends do
 * nothing, and bytes_check() tells once at the end.  Callers stay free of a test after every line.
 */
#ifndef DRVDOM_IMAGE_BYTES_H
#define DRVDOM_IMAGE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

struct bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
};

/* Frees the contents; the buffer is then empty and usable again.  Accepts {0}. */
void bytes_fini(struct bytes *b);

void bytes_add(struct bytes *b, const void *data, size_t len);
void bytes_zero(struct bytes *b, size_t len);
void bytes_printf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for `cap` bytes in all. 0 or -ENOMEM. */
must_check int bytes_reserve(struct bytes *b, size_t cap);

/* 0, or -ENOMEM when an append before this failed. */
must_check int bytes_check(const struct bytes *b);

/* Reads a whole regular file into b (appended).  0 or -errno (-EISDIR, -EFBIG above 1 GiB).
 * May block on the disk. */
must_check int file_read(const char *path, struct bytes *b);

/* The directory that the running program lies in.  0 or -errno. */
must_check int file_own_dir(char *dir, size_t size);

/* Writes dir/name as a whole: to a temporary name, then renamed, so that a reader (xl) never sees
 * half a kernel.  0 or -errno. */
must_check int file_write(const char *dir, const char *name, const void *data, size_t len);

#endif
