/*
 * fakexen: libxenforeignmemory: dom0 (only) maps a domain's pages by number, no grant asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "tests/fakexen/lib/client.h"

struct xenforeignmemory_handle {
    struct fx_dom *self;
};

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger,
                                               unsigned open_flags)
{
    xenforeignmemory_handle *h = calloc(1, sizeof(*h));

    (void)logger;
    (void)open_flags;
    if (!h)
        return NULL;
    h->self = fx_self();
    if (!h->self) {
        free(h);
        return NULL;
    }
    return h;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    free(fmem);
    return 0;
}

/* As privcmd: a bad page is reported in err[] and, if there is no err, fails the call. */
void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
                            int flags, size_t pages, const xen_pfn_t arr[], int err[])
{
    struct fx_dom *d = fmem->self->domid == 0 ? fx_dom_get(dom) : NULL;
    uint8_t *base;

    if (!d) {
        errno = fmem->self->domid == 0 ? ESRCH : EPERM;
        return NULL;
    }
    base = mmap(addr, pages * FX_PAGE, PROT_NONE, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    for (size_t i = 0; i < pages; i++) {
        bool good =
            arr[i] < FX_FRAMES && mmap(base + i * FX_PAGE, FX_PAGE, prot, MAP_SHARED | MAP_FIXED,
                                       d->memfd, (off_t)arr[i] * FX_PAGE) != MAP_FAILED;

        if (err)
            err[i] = good ? 0 : -EINVAL;
        else if (!good) {
            munmap(base, pages * FX_PAGE);
            errno = EINVAL;
            return NULL;
        }
    }
    return base;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[])
{
    return xenforeignmemory_map2(fmem, dom, NULL, prot, 0, pages, arr, err);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    return munmap(addr, pages * FX_PAGE);
}

int xenforeignmemory_restrict(xenforeignmemory_handle *fmem, domid_t domid)
{
    (void)fmem;
    (void)domid;
    errno = EOPNOTSUPP;
    return -1;
}

xenforeignmemory_resource_handle *
xenforeignmemory_map_resource(xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
                              unsigned int id, unsigned long frame, unsigned long nr_frames,
                              void **paddr, int prot, int flags)
{
    (void)fmem, (void)domid, (void)type, (void)id, (void)frame, (void)nr_frames;
    (void)paddr, (void)prot, (void)flags;
    errno = EOPNOTSUPP;
    return NULL;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem,
                                    xenforeignmemory_resource_handle *fres)
{
    (void)fmem, (void)fres;
    errno = EINVAL;
    return -1;
}

int xenforeignmemory_resource_size(xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
                                   unsigned int id, size_t *size)
{
    (void)fmem, (void)domid, (void)type, (void)id, (void)size;
    errno = EOPNOTSUPP;
    return -1;
}
