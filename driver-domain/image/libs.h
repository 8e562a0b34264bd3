/*
 * Programs and the shared libraries they need, into the image.  Libraries are found as ld.so would
 * find them on a Debian system without environment: the file's RUNPATH, extra directories given by
 * the user, Debian's library directories.
 */
#ifndef DRVDOM_IMAGE_LIBS_H
#define DRVDOM_IMAGE_LIBS_H

#include "driver-domain/image/tree.h"

struct libs {
    struct tree *tree;
    const char *const *extra_dirs; /* searched first; NULL-terminated; may be NULL */
};

/*
 * Puts the program at host path `from` into the tree as `to`, trimmed to what is loaded, and with
 * it its interpreter and, recursively, its libraries (in LIBS_DIR).  0 or -errno; an error has been
 * logged: it names the file, and what to do.  Reads files, so it may block.
 */
must_check int libs_add_program(struct libs *l, const char *from, const char *to);

/* Debian's first default directory: ld.so finds it without a cache file. */
#define LIBS_DIR "lib/x86_64-linux-gnu"

#endif
