/*
 * From a distribution's bzImage to the ELF kernel inside it.  Xen's domain builder can boot a
 * bzImage, but unpacks it on every `xl create`, and that time is a guest's outage when a driver
 * domain is replaced.  Layout: Linux Documentation/arch/x86/boot.rst.  PURE.
 */
#ifndef DRVDOM_IMAGE_VMLINUX_H
#define DRVDOM_IMAGE_VMLINUX_H

#include "driver-domain/image/bytes.h"

struct vmlinux_info {
    char release[128];       /* "6.1.0-13-amd64", as in the kernel's own banner */
    const char *compression; /* "none", "xz", "gzip", "zstd" */
    char error[160];         /* why, when vmlinux_extract failed */
};

/*
 * Appends to *out the ELF kernel in `file` (a bzImage, or an ELF kernel already), cut to what a
 * domain builder loads.  0; -ENOEXEC: not a kernel; -ENOTSUP: a compression that is not known, or
 * no Xen support; -EINVAL: broken; -ENOMEM.  info->error then says so in words, without the file's
 * name.
 */
must_check int vmlinux_extract(const struct bytes *file, struct bytes *out,
                               struct vmlinux_info *info);

#endif
