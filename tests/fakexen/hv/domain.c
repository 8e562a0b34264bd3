/*
 * fakexen's broker: domains and their memory.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdint.h>
#include <xen/xen.h>

#include "tests/fakexen/hv/hv.h"

enum {
    /* Freed frames wait so that a late reader of a revoked page does not see another grant's bytes.
     */
    QUARANTINE = 1024,
    LIMIT_GRANTS = 1024, /* gntalloc's module parameter `limit` */
    LIMIT_MAPS = 65536,
};

static struct dom *doms[FX_MAX_DOMS];

struct dom *dom_find(uint32_t domid)
{
    if (domid >= FX_MAX_DOMS || !doms[domid] || !doms[domid]->alive)
        return NULL;
    return doms[domid];
}

static int map_new(const char *name, size_t size, int *fd, void *out)
{
    void *p;

    *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0)
        return -errno;
    if (ftruncate(*fd, (off_t)size) < 0)
        return -errno;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *(void **)out = p;
    return 0;
}

static void dom_free(struct dom *d)
{
    if (doms[d->id] == d)
        doms[d->id] = NULL;
    if (d->tab)
        munmap(d->tab, sizeof(*d->tab));
    if (d->mem)
        munmap(d->mem, FX_MEM_SIZE);
    if (d->tabfd >= 0)
        close(d->tabfd);
    if (d->memfd >= 0)
        close(d->memfd);
    free(d);
}

int dom_create(uint32_t domid)
{
    struct dom *d;
    int rc;

    if (domid >= FX_MAX_DOMS)
        return -EINVAL;
    if (doms[domid])
        return -EEXIST; /* also while somebody maps a dead one's pages: Xen's zombie */
    d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->id = (uint16_t)domid;
    d->tabfd = d->memfd = -1;
    rc = map_new("fakexen-table", sizeof(struct fx_tab), &d->tabfd, &d->tab);
    if (rc == 0)
        rc = map_new("fakexen-memory", FX_MEM_SIZE, &d->memfd, &d->mem);
    if (rc < 0) {
        dom_free(d);
        return rc;
    }
    d->alive = true;
    d->next_ref = d->next_frame = FX_GREF_FIRST; /* below: reserved, page n behind reference n */
    d->limit[FX_LIM_PORTS] = FX_PORTS - 1;
    d->limit[FX_LIM_GRANTS] = LIMIT_GRANTS;
    d->limit[FX_LIM_MAPS] = LIMIT_MAPS;
    d->tab->domid = domid;
    d->tab->grant_entries = FX_GRANTS_PER_FRAME;
    d->tab->alive = 1;
    doms[domid] = d;
    /* libxl's part in building a domain: its channels to xenstored and to the console daemon. */
    port_reserve(d, FX_PORT_XENSTORE, 0);
    port_reserve(d, FX_PORT_CONSOLE, 0);
    virq_raise(0, VIRQ_DOM_EXC);
    return 0;
}

static void kill_processes(const struct dom *d)
{
    for (struct hv_list *l = conns.next; l != &conns; l = l->next) {
        const struct conn *c = hv_entry(l, struct conn, link);

        if (c->dom == d && c->pid > 1 && c->pid != getpid())
            kill(c->pid, SIGKILL);
    }
}

int dom_destroy(uint32_t domid)
{
    struct dom *d = dom_find(domid);

    if (!d)
        return -ESRCH;
    d->alive = false;
    atomic_store(&d->tab->alive, 0);
    kill_processes(d);
    port_close_all(d);
    virq_raise(0, VIRQ_DOM_EXC);
    dom_unpin(d, 0);
    return 0;
}

/* The last user of a dead domain takes it away: its processes, its handles and foreign maps. */
void dom_unpin(struct dom *d, uint32_t n)
{
    assert(d->pins >= n);
    d->pins -= n;
    if (d->alive || d->pins)
        return;
    for (struct hv_list *l = conns.next; l != &conns; l = l->next)
        if (hv_entry(l, struct conn, link)->dom == d)
            return;
    for (struct hv_list *l = evts.next; l != &evts; l = l->next)
        if (hv_entry(l, struct evt, link)->dom == d)
            return;
    dom_free(d);
    virq_raise(0, VIRQ_DOM_EXC);
}

uint32_t dom_list(uint32_t *v, uint32_t cap)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < FX_MAX_DOMS && n + 2 <= cap; i++) {
        if (!doms[i])
            continue;
        v[n++] = i;
        v[n++] = doms[i]->alive ? 0 : FX_DOMF_DYING;
    }
    return n;
}

uint32_t frame_alloc(struct dom *d)
{
    uint32_t f;

    if (d->next_frame < FX_FRAMES && d->fq_len < QUARANTINE)
        return d->next_frame++;
    if (!d->fq_len)
        return FX_NONE;
    f = d->fq[d->fq_head];
    d->fq_head = (d->fq_head + 1) % FX_FRAMES;
    d->fq_len--;
    return f;
}

/* Gives the page back to the host, which is also what makes it read as zeroes when it is used
 * again. */
void frame_free(struct dom *d, uint32_t frame)
{
    if (fallocate(d->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)frame * FX_PAGE,
                  FX_PAGE) < 0)
        hv_log("d%u: cannot free frame %u: %m", d->id, frame);
    assert(d->fq_len < FX_FRAMES);
    d->fq[(d->fq_head + d->fq_len++) % FX_FRAMES] = frame;
}
