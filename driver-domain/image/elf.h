/*
 * What the image builder needs to know of an ELF file: which libraries it wants, how much of it
 * the loader reads, and (for a kernel) its Xen notes.  64-bit little-endian x86 only.  PURE.
 *
 * The files are the administrator's own, but one that is cut short must give an error and not a
 * read past the end, so every offset is checked.
 */
#ifndef DRVDOM_IMAGE_ELF_H
#define DRVDOM_IMAGE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { ELF_NEEDED_MAX = 64 };

struct elf_deps {
    const char *interp;                 /* PT_INTERP or NULL; strings point into the file */
    const char *runpath;                /* DT_RUNPATH or DT_RPATH, or NULL */
    const char *needed[ELF_NEEDED_MAX]; /* DT_NEEDED */
    unsigned needed_count;
};

/* Is this an x86-64 ELF file at all? */
bool elf_is(const uint8_t *file, size_t len);

/* Fills *deps from program headers and dynamic section.  0; -ENOEXEC: not such a file;
 * -EINVAL: broken; -E2BIG: more libraries than ELF_NEEDED_MAX. */
must_check int elf_deps(const uint8_t *file, size_t len, struct elf_deps *deps);

/* Where the last byte that the kernel or ld.so maps ends: what is behind it (sections for a
 * debugger, a kernel's relocations) can be left out.  0 when the file is broken. */
size_t elf_loaded_len(const uint8_t *file, size_t len);

/* Cuts the file (in place) to what is loaded and takes the section table out of its header.
 * Returns the new length; the file is unchanged when it is not ELF or broken. */
size_t elf_trim(uint8_t *file, size_t len);

/* The length of a kernel module without the signature that its build appended; `len` when it has
 * none. */
size_t elf_module_unsigned_len(const uint8_t *file, size_t len);

/* Does the file carry an ELF note of Xen's (a kernel that a PV domain builder can boot)? */
bool elf_has_xen_note(const uint8_t *file, size_t len);

#endif
