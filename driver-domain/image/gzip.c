/* The initramfs's compression; declared in build.h.  PURE. */
#include "driver-domain/image/build.h"

#include <errno.h>
#include <zlib.h>

#include "driver-domain/image/unpack.h"

/* 16 on top of the window size: zlib writes a gzip header, and leaves its time stamp 0. */
enum { GZIP_WINDOW = 16 + MAX_WBITS, MEM_LEVEL = 9, UNPACKED_MAX_BYTES = 256 << 20 };

int image_gzip(const struct bytes *in, int level, struct bytes *out)
{
    z_stream z = {.next_in = in->data, .avail_in = (uInt)in->len};
    int rc;

    if (in->len > UNPACKED_MAX_BYTES)
        return -EFBIG;
    if (deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    rc = bytes_reserve(out, out->len + deflateBound(&z, in->len));
    if (rc == 0) {
        z.next_out = out->data + out->len;
        z.avail_out = (uInt)(out->cap - out->len);
        rc = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
        out->len += z.total_out;
    }
    deflateEnd(&z);
    return rc;
}

int image_gunzip(const struct bytes *in, struct bytes *out)
{
    return unpack(in->data, in->len, UNPACKED_MAX_BYTES, out);
}
