/*
 * Compressed data as distributions ship kernels and modules: xz, gzip, zstd.  PURE.
 */
#ifndef DRVDOM_IMAGE_UNPACK_H
#define DRVDOM_IMAGE_UNPACK_H

#include "driver-domain/image/bytes.h"

/* The name of the compression that the first bytes tell ("xz", "lz4", ...), or NULL: none known. */
const char *unpack_name(const uint8_t *in, size_t len);

/*
 * Appends what one stream at the start of `in` unpacks to; bytes behind its end do not matter.
 * 0; -ENOTSUP: no stream, or one that unpack_name() can name and nobody here can read;
 * -EINVAL: damaged or cut short; -EFBIG: more than max_bytes; -ENOMEM.
 */
must_check int unpack(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out);

#endif
