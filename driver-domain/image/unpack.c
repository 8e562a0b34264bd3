/* See unpack.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/unpack.h"

#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK_BYTES = 256 * 1024 };

/* Room for one more chunk at the end of *out, which grows by doubling. */
static int room(struct bytes *out, size_t start, size_t max_bytes)
{
    if (out->len - start > max_bytes)
        return -EFBIG;
    if (out->cap - out->len >= CHUNK_BYTES)
        return 0;
    return bytes_reserve(out, MAX(2 * out->cap, out->len + CHUNK_BYTES));
}

static int unpack_xz(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out)
{
    lzma_stream z = LZMA_STREAM_INIT;
    size_t start = out->len;
    lzma_ret ret = LZMA_OK;
    int rc = 0;

    if (lzma_stream_decoder(&z, UINT64_MAX, 0) != LZMA_OK)
        return -ENOMEM;
    z.next_in = in;
    z.avail_in = len;
    while (ret == LZMA_OK && (rc = room(out, start, max_bytes)) == 0) {
        z.next_out = out->data + out->len;
        z.avail_out = out->cap - out->len;
        ret = lzma_code(&z, LZMA_FINISH);
        out->len = out->cap - z.avail_out;
    }
    lzma_end(&z);
    return rc < 0 || ret == LZMA_STREAM_END ? rc : ret == LZMA_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int unpack_gzip(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)len};
    size_t start = out->len;
    int ret = Z_OK, rc = 0;

    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return -ENOMEM;
    while (ret == Z_OK && (rc = room(out, start, max_bytes)) == 0) {
        uInt space = (uInt)MIN(out->cap - out->len, (size_t)CHUNK_BYTES);

        z.next_out = out->data + out->len;
        z.avail_out = space;
        ret = inflate(&z, Z_NO_FLUSH); /* Z_BUF_ERROR when the input is cut short */
        out->len += space - z.avail_out;
    }
    inflateEnd(&z);
    return rc < 0 || ret == Z_STREAM_END ? rc : ret == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int unpack_zstd(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out)
{
    ZSTD_inBuffer i = {in, len, 0};
    ZSTD_DCtx *z = ZSTD_createDCtx();
    size_t start = out->len, ret = 1;
    int rc = 0;

    if (!z)
        return -ENOMEM;
    /* Kernels are packed with a window of 128 MiB; the default refuses that. */
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
    while (ret != 0 && (rc = room(out, start, max_bytes)) == 0) {
        ZSTD_outBuffer o = {out->data + out->len, out->cap - out->len, 0};
        size_t before = i.pos;

        ret = ZSTD_decompressStream(z, &o, &i);
        out->len += o.pos;
        if (ZSTD_isError(ret) || (ret != 0 && o.pos == 0 && i.pos == before)) {
            rc = -EINVAL;
            break;
        }
    }
    ZSTD_freeDCtx(z);
    return rc;
}

static const struct method {
    const char *name;
    const char *magic;
    size_t magic_len;
    int (*unpack)(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out);
} methods[] = {
    {"xz",
     "\xfd"
     "7zXZ",
     6, unpack_xz}, /* the sixth byte is the literal's zero */
    {"gzip", "\x1f\x8b", 2, unpack_gzip},
    {"zstd", "\x28\xb5\x2f\xfd", 4, unpack_zstd},
    {"lz4", "\x02\x21\x4c\x18", 4, NULL},
    {"lzma", "\x5d\x00\x00", 3, NULL},
    {"bzip2", "BZh", 3, NULL},
    {"lzo", "\x89LZO", 4, NULL},
};

static const struct method *method_of(const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (len >= methods[i].magic_len && memcmp(in, methods[i].magic, methods[i].magic_len) == 0)
            return &methods[i];
    }
    return NULL;
}

const char *unpack_name(const uint8_t *in, size_t len)
{
    const struct method *m = method_of(in, len);

    return m ? m->name : NULL;
}

int unpack(const uint8_t *in, size_t len, size_t max_bytes, struct bytes *out)
{
    const struct method *m = method_of(in, len);

    if (!m || !m->unpack)
        return -ENOTSUP;
    return m->unpack(in, len, max_bytes, out);
}
