/*
 * fakexen: libxengnttab, grant copy, with gntdev's order of things: segments are checked and split
 * at the local pages into operations, sixteen of which are executed together.  So when a bad
 * segment fails the call, earlier ones of the same sixteen show GNTST_okay and have not been
 * copied.
 *
 * System calls: none (recvmsg once per foreign domain).  Unlike gntdev, a bad local address faults.
 */
#include <errno.h>
#include <string.h>

#include "tests/fakexen/lib/gnttab.h"

enum { COPY_BATCH = 16 }; /* GNTDEV_COPY_BATCH */

struct copy_op {
    const xengnttab_grant_copy_segment_t *seg;
    int16_t *status;
    uint32_t done; /* offset into the segment */
    uint32_t len;
};

struct copy_batch {
    struct copy_op op[COPY_BATCH];
    unsigned n;
};

/* Xen's checks of one end of a copy: a pointer, or NULL with *status. */
static uint8_t *granted(uint32_t domid, uint32_t ref, bool write, int16_t *status)
{
    struct fx_dom *self = fx_self(), *d = fx_dom_get(domid);
    uint64_t g;

    if (!d || !self) {
        *status = GNTST_bad_domain;
        return NULL;
    }
    if (ref >= d->tab->grant_entries) {
        *status = GNTST_bad_gntref;
        return NULL;
    }
    g = atomic_load(&d->tab->grant[ref]);
    if (!(g & FX_GTF_PERMIT) || fx_grant_dom(g) != self->domid || (write && g & FX_GTF_READONLY)) {
        *status = GNTST_general_error;
        return NULL;
    }
    return d->mem + (size_t)fx_grant_frame(g) * FX_PAGE;
}

static uint8_t *end_of(const union xengnttab_copy_ptr *p, bool gref, uint32_t done, bool write,
                       int16_t *status)
{
    uint8_t *page;

    if (!gref)
        return (uint8_t *)p->virt + done;
    page = granted(p->foreign.domid, p->foreign.ref, write, status);
    return page ? page + p->foreign.offset + done : NULL;
}

static int16_t copy_one(const struct copy_op *op)
{
    const xengnttab_grant_copy_segment_t *s = op->seg;
    int16_t status = GNTST_okay;
    bool hit = false;
    int code = fx_fault(FX_F_COPY, &hit);
    uint8_t *from, *to;

    if (hit)
        return (int16_t)(code < 0 ? code : GNTST_general_error);
    from = end_of(&s->source, s->flags & GNTCOPY_source_gref, op->done, false, &status);
    to = from ? end_of(&s->dest, s->flags & GNTCOPY_dest_gref, op->done, true, &status) : NULL;
    if (to)
        memcpy(to, from, op->len);
    return status;
}

static void batch_run(struct copy_batch *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        int16_t st = copy_one(&b->op[i]);

        if (st != GNTST_okay && *b->op[i].status == GNTST_okay)
            *b->op[i].status = st;
    }
    b->n = 0;
}

static uint32_t to_page_end(const void *p)
{
    return FX_PAGE - (uint32_t)((uintptr_t)p % FX_PAGE);
}

static int segment(struct copy_batch *b, xengnttab_grant_copy_segment_t *s)
{
    bool src = s->flags & GNTCOPY_source_gref, dst = s->flags & GNTCOPY_dest_gref;
    uint32_t done = 0, len, room;

    if ((src && s->source.foreign.offset + s->len > FX_PAGE) ||
        (dst && s->dest.foreign.offset + s->len > FX_PAGE))
        return -EINVAL;
    s->status = GNTST_okay;
    while (done < s->len) {
        if (b->n == COPY_BATCH)
            batch_run(b);
        len = (uint32_t)s->len - done;
        room = src ? len : to_page_end((char *)s->source.virt + done);
        len = len < room ? len : room;
        room = dst ? len : to_page_end((char *)s->dest.virt + done);
        len = len < room ? len : room;
        b->op[b->n++] = (struct copy_op){.seg = s, .status = &s->status, .done = done, .len = len};
        done += len;
    }
    return 0;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
                         xengnttab_grant_copy_segment_t *segs)
{
    struct copy_batch b = {.n = 0};

    if (xgt->restricted)
        return fx_errno(-ENOTTY);
    for (uint32_t i = 0; i < count; i++) {
        int rc = segment(&b, &segs[i]);

        if (rc < 0)
            return fx_errno(rc);
    }
    batch_run(&b);
    return 0;
}
