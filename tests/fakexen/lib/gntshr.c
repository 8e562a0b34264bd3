/*
 * fakexen: libxengnttab, giving own pages to another domain (gntalloc).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakexen/lib/gnttab.h"

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    return gnt_handle_open(FX_SHR_OPEN, FX_SHR_CLOSE);
}

int xengntshr_close(xengntshr_handle *xgs)
{
    return gnt_handle_close(xgs);
}

int xengntshr_fd(xengntshr_handle *xgs)
{
    return xgs->fd;
}

static void *share(xengntshr_handle *h, uint32_t domid, uint32_t count, uint32_t *refs,
                   int writable, uint32_t off, uint32_t port)
{
    uint32_t *pairs = calloc(count, 2 * sizeof(*pairs));
    struct fx_call c = {
        .req = {.op = FX_SHR_SHARE, .h = h->id, .a = {domid, count, !!writable, off, port}},
        .out = pairs,
        .cap = 2 * count,
        .fd_in = -1};
    struct fx_dom *self = fx_self();
    uint8_t *addr = NULL;
    int rc = pairs && self ? fx_rpc(&c) : -ENOMEM;

    if (rc == 0) {
        addr = gnt_pages_map(&self, true, pairs + 1, 2, count, PROT_READ | PROT_WRITE);
        rc = addr ? gnt_map_add(h, addr, count, c.a[0]) : -errno;
        if (rc < 0)
            fx_simple(FX_SHR_UNSHARE, h->id, c.a[0], 0, NULL);
    }
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        refs[i] = pairs[2 * i];
    free(pairs);
    return fx_errno(rc) < 0 ? NULL : addr;
}

static void *share_checked(xengntshr_handle *h, uint32_t domid, int count, uint32_t *refs,
                           int writable, uint32_t off, uint32_t port)
{
    if (h->restricted) {
        errno = ENOTTY;
        return NULL;
    }
    if (count <= 0 || count > FX_REFS_PER_MSG) {
        errno = EINVAL;
        return NULL;
    }
    if (fx_fail(FX_F_SHARE))
        return NULL;
    return share(h, domid, (uint32_t)count, refs, writable, off, port);
}

void *xengntshr_share_pages(xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs,
                            int writable)
{
    return share_checked(xgs, domid, count, refs, writable, FX_NONE, FX_NONE);
}

void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid, uint32_t *ref,
                                  int writable, uint32_t notify_offset, evtchn_port_t notify_port)
{
    return share_checked(xgs, domid, 1, ref, writable, notify_offset, notify_port);
}

int xengntshr_unshare(xengntshr_handle *xgs, void *start_address, uint32_t count)
{
    int64_t id = gnt_map_take(xgs, start_address, count);

    if (id < 0)
        return fx_errno(-EINVAL);
    munmap(start_address, (size_t)count * FX_PAGE);
    return fx_errno(fx_simple(FX_SHR_UNSHARE, xgs->id, (uint32_t)id, 0, NULL));
}
