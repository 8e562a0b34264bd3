/* See vmlinux.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/vmlinux.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "driver-domain/image/elf.h"
#include "driver-domain/image/unpack.h"

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

/* The payload of a bzImage: a compressed vmlinux, its size in the last four bytes. */
static int unpack_payload(const uint8_t *in, size_t len, struct bytes *out,
                          struct vmlinux_info *info)
{
    const char *name = unpack_name(in, len);
    size_t size, start = out->len;
    int rc;

    if (!name || len < 4)
        return fail(info, -ENOTSUP, "its compression is not known");
    info->compression = name;
    size = le32(in + len - 4);
    if (size == 0 || size > KERNEL_MAX_BYTES)
        return fail(info, -EINVAL, "its payload claims %zu bytes: the file is damaged", size);
    /* With room enough from the start nothing is copied as it grows. */
    rc = bytes_reserve(out, start + size);
    if (rc == 0)
        rc = unpack(in, len, KERNEL_MAX_BYTES, out);
    if (rc == -ENOMEM)
        return fail(info, rc, "out of memory");
    if (rc == -ENOTSUP)
        return fail(info, rc,
                    "kernel compressed with %s, not supported: give an uncompressed vmlinux, or a "
                    "kernel compressed with xz, gzip or zstd",
                    name);
    if (rc < 0 || out->len - start != size)
        return fail(info, -EINVAL, "its %s payload is damaged: fetch the file again", name);
    return 0;
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
        rc = unpack_payload(in, in_len, out, info);
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
