/* See bundle.h. */
#include "transport/xen/bundle.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "transport/xen/blackbox.h"

enum { MAGIC = 0x55565244 /* "DRVU" */, ALIGN = 8 };

size_t bundle_room(size_t bytes)
{
    return sizeof(struct bundle_file) + (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

uint32_t bundle_pages(size_t bytes)
{
    return (uint32_t)((bytes + BUNDLE_PAGE - 1) / BUNDLE_PAGE);
}

size_t bundle_add(uint8_t *mem, size_t at, const char *name, const void *data, size_t bytes)
{
    struct bundle_file f = {.bytes = (uint32_t)bytes};

    assert(strlen(name) < sizeof(f.name));
    memcpy(f.name, name, strlen(name));
    memcpy(mem + at, &f, sizeof(f));
    memcpy(mem + at + sizeof(f), data, bytes);
    return at + bundle_room(bytes);
}

static uint32_t index_sum(const struct bundle_index *x)
{
    const uint8_t *from = (const uint8_t *)&x->version;

    return (uint32_t)crc32(BUNDLE_VERSION, from,
                           (uInt)(sizeof(*x) - offsetof(struct bundle_index, version)));
}

void bundle_seal(struct bundle_index *x, const uint8_t *mem, size_t bytes)
{
    x->magic = MAGIC;
    x->version = BUNDLE_VERSION;
    x->blackbox = BB_VERSION;
    x->bytes = (uint32_t)bytes;
    x->bytes_crc = (uint32_t)crc32(0, mem, (uInt)bytes);
    x->crc = index_sum(x);
}

int bundle_check_index(const struct bundle_index *x)
{
    if (x->magic != MAGIC || x->version != BUNDLE_VERSION)
        return -EPROTO;
    if (x->crc != index_sum(x) || x->bytes == 0 || bundle_pages(x->bytes) > BUNDLE_PAGES_MAX)
        return -EBADMSG;
    return x->blackbox == BB_VERSION ? 0 : -ENOTSUP;
}

int bundle_check(const struct bundle_index *x, const uint8_t *mem)
{
    return (uint32_t)crc32(0, mem, (uInt)x->bytes) == x->bytes_crc ? 0 : -EBADMSG;
}

/* They become files' names. */
static bool name_ok(const char *name)
{
    size_t len = strnlen(name, BUNDLE_NAME);

    return len > 0 && len < BUNDLE_NAME && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == len;
}

int bundle_next(const uint8_t *mem, size_t bytes, size_t *at, struct bundle_file *f,
                const uint8_t **data)
{
    size_t left = bytes - *at;

    if (left == 0)
        return 0;
    if (left < sizeof(*f))
        return -EPROTO;
    memcpy(f, mem + *at, sizeof(*f));
    if (!name_ok(f->name) || f->bytes > left - sizeof(*f) || bundle_room(f->bytes) > left)
        return -EPROTO;
    *data = mem + *at + sizeof(*f);
    *at += bundle_room(f->bytes);
    return 1;
}
