/*
 * New programs on their way into a driver domain: files, one after the other, in pages that dom0
 * grants, and an index page with their references.  PURE: layout and access.
 *
 * Whoever unpacks copies first and checks the copy: size, checksum, names.  The blackbox's version
 * is part of it: a drvdomd that cannot read what its predecessor left must not replace it.
 */
#ifndef DRVDOM_XEN_BUNDLE_H
#define DRVDOM_XEN_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum {
    BUNDLE_VERSION = 1,
    BUNDLE_PAGE = 4096,
    BUNDLE_PAGES_MAX = 1000, /* 4 MB: their references fill the index page */
    BUNDLE_NAME = 32,
    BUNDLE_FILES_MAX = 8,
};

struct bundle_index {
    uint32_t magic, crc; /* crc32 of all that follows */
    uint32_t version;
    uint32_t blackbox; /* BB_VERSION of the programs */
    uint32_t bytes;    /* of the files with their heads */
    uint32_t bytes_crc;
    uint32_t ref[BUNDLE_PAGES_MAX];
};
_Static_assert(sizeof(struct bundle_index) <= BUNDLE_PAGE, "the index is one page");

/* In front of each file; the next head follows its last byte, rounded up to 8. */
struct bundle_file {
    char name[BUNDLE_NAME]; /* lower case letters and '-', terminated */
    uint32_t bytes;
    uint32_t pad;
};

/* Bytes that a file of that size takes. */
size_t bundle_room(size_t bytes);
/* Pages that so many bytes take. */
uint32_t bundle_pages(size_t bytes);

/* Puts head and data at mem + at; the caller has seen to the room.  Where the next one goes. */
size_t bundle_add(uint8_t *mem, size_t at, const char *name, const void *data, size_t bytes);
/* Completes the index, whose references are there already. */
void bundle_seal(struct bundle_index *x, const uint8_t *mem, size_t bytes);

/* Is it an index, of this layout and this blackbox?  0, -EPROTO, -EBADMSG (checksum) or -ENOTSUP
 * (programs that could not read our blackbox). */
int bundle_check_index(const struct bundle_index *x) must_check;
/* Are these the bytes that the index means?  0 or -EBADMSG. */
int bundle_check(const struct bundle_index *x, const uint8_t *mem) must_check;
/* The file at *at, which moves on: 1, 0 at the end, -EPROTO.  *data points into mem. */
int bundle_next(const uint8_t *mem, size_t bytes, size_t *at, struct bundle_file *f,
                const uint8_t **data) must_check;

#endif
