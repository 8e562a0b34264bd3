/* See cpio.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/cpio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Header: six magic digits, then 13 numbers of eight hex digits. */
enum { MAGIC = 6, FIELD = 8, FIELDS = 13, HEADER = MAGIC + FIELD * FIELDS };
enum { F_INO, F_MODE, F_FILESIZE = 6, F_RMAJOR = 9, F_RMINOR, F_NAMESIZE };

static const char magic[] = "070701";
static const char trailer[] = "TRAILER!!!";

static void pad4(struct bytes *out)
{
    bytes_zero(out, (size_t)(-out->len & 3));
}

static void entry(struct cpio *c, const char *path, uint32_t mode, uint32_t ino, const void *data,
                  size_t len, uint32_t rmajor, uint32_t rminor)
{
    uint32_t nlink = S_ISDIR(mode) ? 2 : 1;

    bytes_printf(c->out, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic, ino, mode,
                 0u, 0u, nlink, 0u, (uint32_t)len, 0u, 0u, rmajor, rminor,
                 (uint32_t)strlen(path) + 1, 0u);
    bytes_add(c->out, path, strlen(path) + 1);
    pad4(c->out);
    bytes_add(c->out, data, len);
    pad4(c->out);
}

void cpio_dir(struct cpio *c, const char *path, uint32_t mode)
{
    entry(c, path, S_IFDIR | mode, ++c->ino, NULL, 0, 0, 0);
}

void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t len)
{
    entry(c, path, S_IFREG | mode, ++c->ino, data, len, 0, 0);
}

void cpio_link(struct cpio *c, const char *path, const char *target)
{
    entry(c, path, S_IFLNK | 0777, ++c->ino, target, strlen(target), 0, 0);
}

void cpio_char_node(struct cpio *c, const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
    entry(c, path, S_IFCHR | mode, ++c->ino, NULL, 0, major, minor);
}

void cpio_end(struct cpio *c)
{
    entry(c, trailer, 0, 0, NULL, 0, 0, 0);
    /* Other tools pad to 512; the kernel does not care, and cpio(1) reads it without a warning. */
    bytes_zero(c->out, (size_t)(-c->out->len & 511));
}

/* Number `index` of the header at h.  False when a digit is none. */
static bool field(const uint8_t *h, int index, uint32_t *out)
{
    char digits[FIELD + 1] = {0};
    char *end;

    memcpy(digits, h + MAGIC + index * FIELD, FIELD);
    if (strspn(digits, "0123456789abcdefABCDEF") != FIELD)
        return false;
    *out = (uint32_t)strtoul(digits, &end, 16);
    return true;
}

int cpio_next(const uint8_t *archive, size_t len, size_t *pos, struct cpio_entry *e)
{
    const uint8_t *h = archive + *pos;
    uint32_t size, namesize;
    size_t data;

    if (*pos >= len)
        return 0;
    if (len - *pos < HEADER || memcmp(h, magic, MAGIC) != 0)
        return -EINVAL;
    if (!field(h, F_MODE, &e->mode) || !field(h, F_FILESIZE, &size) ||
        !field(h, F_NAMESIZE, &namesize) || namesize == 0)
        return -EINVAL;
    /* All sums stay far below 2^64: each part is at most 32 bits. */
    data = (size_t)round_up(*pos + HEADER + namesize, 4);
    if (!in_range(data, size, len) || h[HEADER + namesize - 1] != '\0')
        return -EINVAL;
    e->path = (const char *)h + HEADER;
    e->data = archive + data;
    e->size = size;
    *pos = (size_t)MIN(round_up(data + size, 4), len);
    return strcmp(e->path, trailer) == 0 ? 0 : 1;
}
