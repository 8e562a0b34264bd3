/* See vmlinux.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/vmlinux.h"

#include <errno.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "driver-domain/image/elf.h"

/* The setup header's fields, by offset in the file (boot.rst). */
enum {
    SETUP_SECTS = 0x1f1,
    SETUP_MAGIC = 0x202, /* "HdrS" */
    SETUP_VERSION = 0x206,
    PAYLOAD_OFFSET = 0x248, /* since protocol 2.08 */
    PAYLOAD_LENGTH = 0x24c,
    SETUP_END = 0x250,
    SECTOR = 512,
};

/* No kernel is larger; a damaged size field must not make us take the machine's memory. */
enum { KERNEL_MAX_BYTES = 512 << 20 };

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static __attribute__((format(printf, 3, 4))) int fail(struct vmlinux_info *info, int rc,
                                                      const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(info->error, sizeof(info->error), fmt, ap);
    va_end(ap);
    return rc;
}

static int unpack_xz(const uint8_t *in, size_t len, struct bytes *out, size_t size)
{
    uint64_t memlimit = UINT64_MAX;
    size_t in_pos = 0, out_pos = out->len;

    /* The kernel's build appends four bytes of size after the stream: LZMA_OK leaves them. */
    if (lzma_stream_buffer_decode(&memlimit, 0, NULL, in, &in_pos, len, out->data, &out_pos,
                                  out->len + size) != LZMA_OK)
        return -EINVAL;
    out->len = out_pos;
    return 0;
}

static int unpack_gzip(const uint8_t *in, size_t len, struct bytes *out, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
                  .avail_in = (uInt)len,
                  .next_out = out->data + out->len,
                  .avail_out = (uInt)size};
    int rc;

    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return -ENOMEM;
    rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (rc != Z_STREAM_END)
        return -EINVAL;
    out->len += size - z.avail_out;
    return 0;
}

static const struct method {
    const char *name;
    const char *magic;
    size_t magic_len;
    int (*unpack)(const uint8_t *in, size_t len, struct bytes *out, size_t size);
} methods[] = {
    {"xz",
     "\xfd"
     "7zXZ",
     6, unpack_xz},
    {"gzip", "\x1f\x8b", 2, unpack_gzip},
    {"zstd", "\x28\xb5\x2f\xfd", 4, NULL},
    {"lz4", "\x02\x21\x4c\x18", 4, NULL},
    {"lzma", "\x5d\x00\x00", 3, NULL},
    {"bzip2", "BZh", 3, NULL},
    {"lzo", "\x89LZO", 4, NULL},
};

/* The payload of a bzImage: a compressed vmlinux, its size in the last four bytes. */
static int unpack(const uint8_t *in, size_t len, struct bytes *out, struct vmlinux_info *info)
{
    const struct method *m = NULL;
    size_t size;
    int rc;

    for (size_t i = 0; i < ARRAY_SIZE(methods) && !m; i++) {
        if (len > methods[i].magic_len + 4 &&
            memcmp(in, methods[i].magic, methods[i].magic_len) == 0)
            m = &methods[i];
    }
    if (!m)
        return fail(info, -ENOTSUP, "its compression is not known");
    info->compression = m->name;
    if (!m->unpack)
        return fail(info, -ENOTSUP,
                    "kernel compressed with %s, not supported: give an uncompressed vmlinux, or a "
                    "kernel compressed with xz or gzip",
                    m->name);
    size = le32(in + len - 4);
    if (size == 0 || size > KERNEL_MAX_BYTES)
        return fail(info, -EINVAL, "its payload claims %zu bytes: the file is damaged", size);
    rc = bytes_reserve(out, out->len + size);
    if (rc < 0)
        return fail(info, rc, "out of memory");
    rc = m->unpack(in, len, out, size);
    return rc < 0 ? fail(info, rc, "its %s payload is damaged: fetch the file again", m->name) : 0;
}

static int payload(const struct bytes *file, const uint8_t **start, size_t *len)
{
    const uint8_t *f = file->data;
    size_t setup_sects, off;

    if (file->len < SETUP_END || memcmp(f + SETUP_MAGIC, "HdrS", 4) != 0 ||
        (f[SETUP_VERSION] | f[SETUP_VERSION + 1] << 8) < 0x208)
        return -ENOEXEC;
    setup_sects = f[SETUP_SECTS] ? f[SETUP_SECTS] : 4; /* 0 means 4, for ever (boot.rst) */
    off = (setup_sects + 1) * SECTOR + le32(f + PAYLOAD_OFFSET);
    *len = le32(f + PAYLOAD_LENGTH);
    if (!in_range(off, *len, file->len))
        return -EINVAL;
    *start = f + off;
    return 0;
}

/* The banner stands once in a kernel as text with "(": other hits are format strings. */
static bool find_release(const uint8_t *elf, size_t len, char release[128])
{
    static const char banner[] = "Linux version ";
    const uint8_t *at = elf;

    while ((at = memmem(at, len - (size_t)(at - elf), banner, sizeof(banner) - 1)) != NULL) {
        size_t left, n = 0;

        at += sizeof(banner) - 1;
        left = len - (size_t)(at - elf);
        while (n < left && n < 127 && at[n] > ' ' && at[n] < 0x7f)
            n++;
        if (n > 0 && n < 127 && n < left && at[n] == ' ' && at[0] >= '0' && at[0] <= '9') {
            memcpy(release, at, n);
            release[n] = '\0';
            return true;
        }
    }
    return false;
}

int vmlinux_extract(const struct bytes *file, struct bytes *out, struct vmlinux_info *info)
{
    size_t start = out->len, loaded;
    const uint8_t *in = NULL;
    size_t in_len = 0;
    int rc;

    *info = (struct vmlinux_info){.compression = "none"};
    if (elf_is(file->data, file->len)) {
        bytes_add(out, file->data, file->len);
        rc = bytes_check(out);
    } else {
        rc = payload(file, &in, &in_len);
        if (rc < 0)
            return fail(info, rc, "not a Linux bzImage or ELF kernel for x86-64");
        rc = unpack(in, in_len, out, info);
    }
    if (rc < 0)
        return info->error[0] ? rc : fail(info, rc, "out of memory");
    loaded = elf_loaded_len(out->data + start, out->len - start);
    if (loaded == 0)
        return fail(info, -EINVAL, "what is inside is not an ELF kernel");
    if (!elf_has_xen_note(out->data + start, loaded))
        return fail(info, -ENOTSUP, "built without Xen guest support (CONFIG_XEN_PV)");
    if (!find_release(out->data + start, loaded, info->release))
        return fail(info, -EINVAL, "it has no \"Linux version\" in it: not a kernel?");
    /* Behind the loaded part a relocatable kernel keeps its relocations: the domain builder does
     * not use them. */
    out->len = start + elf_trim(out->data + start, out->len - start);
    return 0;
}
