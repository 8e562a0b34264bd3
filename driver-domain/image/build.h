/*
 * `drvdom image build`: a driver domain's kernel and initramfs from a distribution's kernel and our
 * own binaries.  Deterministic: the same input gives the same bytes.
 *
 * The image has no shell, no udev, no modprobe: /init is drvdom-init, /etc/modules.list says what
 * it loads, /etc/drvdom.conf what it brings up, /sbin/drvdomd does the work.
 */
#ifndef DRVDOM_IMAGE_BUILD_H
#define DRVDOM_IMAGE_BUILD_H

#include "driver-domain/image/bytes.h"
#include "driver-domain/image/conf.h"
#include "driver-domain/image/modules.h"
#include "driver-domain/image/pci.h"
#include "driver-domain/image/tree.h"
#include "driver-domain/image/vmlinux.h"

enum { IMAGE_LIST_MAX = 32 };

/* What the user asked for.  All strings are the caller's; NULL means the default. */
struct image_recipe {
    const char *kernel;      /* default: KERNEL_ROOT/boot/vmlinuz-*, or the running kernel's */
    const char *modules_dir; /* default: KERNEL_ROOT/lib/modules/VERSION of that kernel */
    const char *kernel_root; /* an unpacked kernel package */
    const char *bin_dir;     /* default: where the drvdom binary is */
    const char *config;      /* default: an empty one */
    const char *out_dir;
    struct pci_device devices[IMAGE_LIST_MAX];
    unsigned device_count;
    const char *modules[IMAGE_LIST_MAX];
    unsigned module_count;
    const char *lib_dirs[IMAGE_LIST_MAX + 1]; /* NULL-terminated */
    unsigned lib_dir_count;
    int level;            /* zlib's compression level 0..9 */
    bool keep_signatures; /* of the modules */
};

/* Everything that went in; image_manifest turns it into JSON. */
struct image {
    const struct image_recipe *recipe;
    struct conf conf;
    struct bytes conf_text;
    struct bytes kernel;
    struct vmlinux_info kernel_info;
    struct modules modules;
    char *device_drivers[IMAGE_LIST_MAX]; /* "e1000e", per device of the recipe */
    struct tree tree;
    struct bytes archive;   /* cpio */
    struct bytes initramfs; /* compressed */
};

/* Builds everything and writes OUT/vmlinux, initramfs.gz, manifest.json.  Progress to stdout; 0 or
 * -errno, the reason has been logged in one line. */
must_check int image_build(const struct image_recipe *recipe);

/* Appends the manifest. */
void image_manifest(const struct image *image, struct bytes *out);

/* Prints what is in DIR (made by image_build) to stdout, read back from the image itself.
 * 0 or -errno, logged. */
must_check int image_show(const char *dir);

/* zlib's gzip format, without a time stamp.  0 or -errno. */
must_check int image_gzip(const struct bytes *in, int level, struct bytes *out);
must_check int image_gunzip(const struct bytes *in, struct bytes *out);

#endif
