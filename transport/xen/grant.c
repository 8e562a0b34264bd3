/* See grant.h. */
#include "transport/xen/grant.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EAGAIN_TRIES = 5, GNTST_OKAY = 0, GNTST_GENERAL = -1, GNTST_EAGAIN = -12 };

int grant_open(struct grant *g)
{
    g->h = xengnttab_open(NULL, 0);
    return g->h ? 0 : -(errno ? errno : ENODEV);
}

void grant_close(struct grant *g)
{
    if (g->h)
        xengnttab_close(g->h);
    g->h = NULL;
}

static void *map(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count, int prot)
{
    /* The library wants a mutable array though it only reads it. */
    return xengnttab_map_domain_grant_refs(g->h, count, domid, (uint32_t *)(uintptr_t)refs, prot);
}

void *grant_map(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    return map(g, domid, refs, count, PROT_READ | PROT_WRITE);
}

void *grant_map_ro(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    return map(g, domid, refs, count, PROT_READ);
}

int grant_unmap(struct grant *g, void *addr, uint32_t count)
{
    return xengnttab_unmap(g->h, addr, count) ? -errno : 0;
}

int grant_batch_init(struct grant_batch *b, unsigned domid, uint32_t capacity)
{
    b->domid = domid;
    b->count = 0;
    b->capacity = capacity;
    b->seg = calloc(capacity, sizeof(*b->seg));
    return b->seg ? 0 : -ENOMEM;
}

void grant_batch_fini(struct grant_batch *b)
{
    free(b->seg);
    b->seg = NULL;
    b->capacity = b->count = 0;
}

static xengnttab_grant_copy_segment_t *next(struct grant_batch *b, uint16_t off, uint16_t len)
{
    xengnttab_grant_copy_segment_t *s;

    assert(b->count < b->capacity);
    assert(len > 0 && off < GRANT_PAGE && len <= GRANT_PAGE - off);
    s = &b->seg[b->count++];
    memset(s, 0, sizeof(*s));
    s->len = len;
    s->status = GNTST_GENERAL;
    return s;
}

uint32_t grant_batch_from_peer(struct grant_batch *b, void *local, uint32_t ref, uint16_t off,
                               uint16_t len)
{
    xengnttab_grant_copy_segment_t *s = next(b, off, len);

    s->flags = GNTCOPY_source_gref;
    s->source.foreign.ref = ref;
    s->source.foreign.offset = off;
    s->source.foreign.domid = (uint16_t)b->domid;
    s->dest.virt = local;
    return b->count - 1;
}

uint32_t grant_batch_to_peer(struct grant_batch *b, const void *local, uint32_t ref, uint16_t off,
                             uint16_t len)
{
    xengnttab_grant_copy_segment_t *s = next(b, off, len);

    s->flags = GNTCOPY_dest_gref;
    s->dest.foreign.ref = ref;
    s->dest.foreign.offset = off;
    s->dest.foreign.domid = (uint16_t)b->domid;
    s->source.virt = (void *)(uintptr_t)local;
    return b->count - 1;
}

/* Moves the segments that Xen asked to repeat into `again`; returns how many. */
static uint32_t retry_busy(struct grant *g, struct grant_batch *b)
{
    uint32_t busy = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        if (b->seg[i].status != GNTST_EAGAIN)
            continue;
        busy++;
        if (xengnttab_grant_copy(g->h, 1, &b->seg[i]))
            b->seg[i].status = GNTST_GENERAL;
    }
    return busy;
}

int grant_batch_run(struct grant *g, struct grant_batch *b)
{
    if (b->count == 0)
        return 0;
    if (xengnttab_grant_copy(g->h, b->count, b->seg)) {
        int err = errno ? errno : EIO;

        /* gntdev stores "okay" into segments it queued and never ran (R18). */
        for (uint32_t i = 0; i < b->count; i++)
            b->seg[i].status = GNTST_GENERAL;
        return -err;
    }
    /* A page that the hypervisor has paged out answers "again": rare, so one by one and bounded. */
    for (int tries = 0; tries < EAGAIN_TRIES && retry_busy(g, b) > 0; tries++)
        usleep(100);
    return 0;
}
