/* See share.h. */
#include "transport/xen/share.h"

#include <errno.h>
#include <string.h>

int share_open(struct share *s)
{
    s->h = xengntshr_open(NULL, 0);
    return s->h ? 0 : -(errno ? errno : ENODEV);
}

void share_close(struct share *s)
{
    if (s->h)
        xengntshr_close(s->h);
    s->h = NULL;
}

void *share_pages(struct share *s, unsigned domid, uint32_t count, uint32_t *refs, bool writable)
{
    void *mem = xengntshr_share_pages(s->h, domid, (int)count, refs, writable);

    /* The kernel's pages are zeroed; one that is not would tell the peer of our past (XSA-403). */
    if (mem)
        memset(mem, 0, (size_t)count * SHARE_PAGE);
    return mem;
}

int share_end(struct share *s, void *mem, uint32_t count)
{
    return xengntshr_unshare(s->h, mem, count) ? -errno : 0;
}
