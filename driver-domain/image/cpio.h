/*
 * The "newc" cpio archive, as the kernel's initramfs unpacker reads it
 * (Linux Documentation/driver-api/early-userspace/buffer-format.rst).  PURE.
 *
 * Output depends on the calls alone: inodes count from 1, owner is root, every time stamp is 0.
 */
#ifndef DRVDOM_IMAGE_CPIO_H
#define DRVDOM_IMAGE_CPIO_H

#include "driver-domain/image/bytes.h"

struct cpio {
    struct bytes *out; /* the caller's; its failed flag tells of lack of memory */
    uint32_t ino;
};

/* Paths have no leading slash; a directory must be added before what is in it (the kernel does not
 * make parents).  mode: permission bits only. */
void cpio_dir(struct cpio *c, const char *path, uint32_t mode);
void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t len);
void cpio_link(struct cpio *c, const char *path, const char *target);
void cpio_char_node(struct cpio *c, const char *path, uint32_t mode, uint32_t major,
                    uint32_t minor);

/* Writes the trailer; the archive is complete. */
void cpio_end(struct cpio *c);

struct cpio_entry {
    const char *path; /* both point into the archive */
    const uint8_t *data;
    size_t size;
    uint32_t mode; /* with the file type bits of stat.h */
};

/* Reads the entry at *pos and moves *pos behind it.  1: an entry; 0: the trailer or the end;
 * -EINVAL: not a newc archive here, or cut short. */
must_check int cpio_next(const uint8_t *archive, size_t len, size_t *pos, struct cpio_entry *e);

#endif
