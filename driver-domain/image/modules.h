/*
 * Which kernel modules an image needs, and in which order they are loaded.  Asks libkmod about the
 * indexes that depmod makes; the order is decided here, at build time, so that PID 1 only walks a
 * list.
 */
#ifndef DRVDOM_IMAGE_MODULES_H
#define DRVDOM_IMAGE_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/base/arith.h"

struct kmod_ctx;

enum module_flags {
    MODULE_OPTIONAL = 1,   /* a soft dependency: may refuse this CPU (crct10dif-pclmul) */
    MODULE_BACKGROUND = 2, /* loading it waits for another domain (xen-pcifront) */
};

struct module {
    char *name;
    char *path; /* on this machine */
    char *args; /* for the kernel, "" when none */
    unsigned flags;
};

struct modules {
    struct kmod_ctx *kmod;
    char *dir;           /* as given to modules_open, for messages */
    char *temp_dir;      /* indexes made for a kernel that came without them, or NULL */
    struct module *list; /* in load order */
    size_t count, cap;
};

/*
 * Opens DIR, a lib/modules/VERSION.  A kernel package that was only unpacked has no indexes; then
 * they are made in a temporary directory with depmod (kmod package).  0 or -errno, logged with the
 * remedy.  Blocks for the run of depmod (seconds).
 */
must_check int modules_open(struct modules *m, const char *dir);

/* Frees everything and removes the temporary directory.  Accepts {0}. */
void modules_fini(struct modules *m);

/*
 * Appends the module of that name, everything it depends on before it.  `what_for` is for the
 * message when it does not exist.  Being there already is fine: new flags and arguments are added.
 * 0 (also when it is built into the kernel) or -errno, logged.
 */
must_check int modules_add(struct modules *m, const char *name, const char *args, unsigned flags,
                           const char *what_for);

/* Appends every driver that claims this modalias.  Returns how many there are, or -errno, logged.
 */
must_check int modules_add_modalias(struct modules *m, const char *modalias, unsigned flags);

const struct module *modules_find(const struct modules *m, const char *name);

#endif
