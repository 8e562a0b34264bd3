/*
 * fakexen, LD_PRELOADed into xenstored (and QEMU) only: the files by which dom0's kernel tells
 * where its xenstore ring is, and the device Debian's libxendevicemodel insists on opening.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakexen/lib/client.h"

int open64(const char *path, int flags, ...);

static int text_file(const char *text)
{
    int fd = memfd_create("fakexen-proc", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* -2: not one of ours */
static int fake_open(const char *path)
{
    char port[16];
    uint32_t frame;
    struct fx_dom *d;

    if (strcmp(path, "/proc/xen/xsd_port") == 0) {
        snprintf(port, sizeof(port), "%d", FX_PORT_XENSTORE);
        return text_file(port);
    }
    if (strcmp(path, "/proc/xen/xsd_kva") == 0) {
        d = fx_self();
        /* offset 0 of the memory is the page behind reference 0: mmap() must find the ring there */
        if (!d || fx_simple(FX_PAGE_RESERVED, 0, 0, d->domid, &frame) < 0 || frame != 0) {
            errno = EIO;
            return -1;
        }
        return dup(d->memfd);
    }
    if (strcmp(path, "/dev/xen/privcmd") == 0 || strcmp(path, "/proc/xen/privcmd") == 0)
        return text_file("");
    return -2;
}

static int pass(const char *name, const char *path, int flags, mode_t mode)
{
    static int (*real)(const char *, int, ...);
    int fd = fake_open(path);

    if (fd != -2)
        return fd;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return pass("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return pass("open64", path, flags, mode);
}
