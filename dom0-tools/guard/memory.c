/* Blackboxes: pages of dom0's own, granted to one driver domain (libxengnttab, gntalloc). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/guard/guard.h"
#include "transport/base/log.h"

/* The module allows 1024 pages in all until it is told otherwise. */
static void raise_limit(void)
{
    FILE *f = fopen("/sys/module/xen_gntalloc/parameters/limit", "we");

    if (!f)
        return;
    fprintf(f, "%u\n", (unsigned)GUARD_DOMAINS * (BB_REFS + 1) + 1024);
    if (fclose(f))
        log_debug("xen_gntalloc's limit cannot be raised: %s", strerror(errno));
}

int memory_make(struct guard *g, struct domain *d)
{
    struct memory *m = &d->memory;
    struct bb_index index;
    int err;

    raise_limit();
    memset(&index, 0, sizeof(index));
    m->head = xengntshr_share_pages(g->share, d->domid, BB_REFS, index.ref, 1);
    if (!m->head)
        return -errno;
    m->slot = (struct bb_slot *)(m->head + 1);
    m->index = xengntshr_share_pages(g->share, d->domid, 1, &m->index_ref, 0);
    if (!m->index) {
        err = errno;
        xengntshr_unshare(g->share, m->head, BB_REFS);
        m->head = NULL;
        return -err;
    }
    bb_index_seal(&index);
    memcpy(m->index, &index, sizeof(index));
    return 0;
}

void memory_drop(struct guard *g, struct domain *d)
{
    struct memory *m = &d->memory;

    if (m->index)
        xengntshr_unshare(g->share, m->index, 1);
    if (m->head)
        xengntshr_unshare(g->share, m->head, BB_REFS);
    *m = (struct memory){0};
}
