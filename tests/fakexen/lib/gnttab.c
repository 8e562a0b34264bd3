/*
 * fakexen: libxengnttab, mapping other domains' grants.
 *
 * System calls: write and read (the broker counts the map) and mmap; munmap, write and read to undo
 * it. recvmsg once per foreign domain, at the first use of one of its pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakexen/lib/gnttab.h"

/* The real one puts /dev/null in the descriptor's place. */
static int restrict_cb(struct fx_active *ah, domid_t domid)
{
    (void)domid;
    ((xengnttab_handle *)ah)->restricted = true;
    return 0;
}

xengnttab_handle *gnt_handle_open(uint32_t op_open, uint32_t op_close)
{
    xengnttab_handle *h = calloc(1, sizeof(*h));
    int rc;

    if (!h)
        return NULL;
    rc = fx_fail(FX_F_GNTTAB_OPEN) ? -errno : fx_simple(op_open, 0, 0, 0, &h->id);
    h->fd = rc < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    if (rc < 0 || h->fd < 0) {
        free(h);
        fx_errno(rc < 0 ? rc : -errno);
        return NULL;
    }
    h->op_close = op_close;
    pthread_mutex_init(&h->lock, NULL);
    h->active.restrict_callback = restrict_cb;
    xentoolcore__register_active_handle(&h->active);
    return h;
}

int gnt_handle_close(xengnttab_handle *h)
{
    if (!h)
        return 0;
    xentoolcore__deregister_active_handle(&h->active);
    /* The pages stay readable for whoever left them mapped, as memory of a closed gntdev does not:
     * unmap, so that a late access faults here as it would there. */
    while (h->maps) {
        struct gnt_map *m = h->maps;

        h->maps = m->next;
        munmap(m->addr, (size_t)m->count * FX_PAGE);
        free(m);
    }
    fx_simple(h->op_close, h->id, 0, 0, NULL);
    close(h->fd);
    free(h);
    return 0;
}

uint8_t *gnt_pages_map(struct fx_dom *const *dom, bool one, const uint32_t *frame, unsigned stride,
                       uint32_t count, int prot)
{
    uint8_t *base =
        mmap(NULL, (size_t)count * FX_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return NULL;
    for (uint32_t i = 0, run; i < count; i += run) {
        const struct fx_dom *d = dom[one ? 0 : i];
        uint32_t first = frame[(size_t)i * stride];

        for (run = 1; i + run < count && frame[(size_t)(i + run) * stride] == first + run; run++)
            if (!one && dom[i + run] != d)
                break;
        if (mmap(base + (size_t)i * FX_PAGE, (size_t)run * FX_PAGE, prot, MAP_SHARED | MAP_FIXED,
                 d->memfd, (off_t)first * FX_PAGE) == MAP_FAILED) {
            munmap(base, (size_t)count * FX_PAGE);
            return NULL;
        }
    }
    return base;
}

int gnt_map_add(xengnttab_handle *h, uint8_t *addr, uint32_t count, uint32_t id)
{
    struct gnt_map *m = malloc(sizeof(*m));

    if (!m)
        return -ENOMEM;
    *m = (struct gnt_map){.addr = addr, .count = count, .id = id};
    pthread_mutex_lock(&h->lock);
    m->next = h->maps;
    h->maps = m;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

int64_t gnt_map_take(xengnttab_handle *h, void *addr, uint32_t count)
{
    int64_t id = -EINVAL;

    pthread_mutex_lock(&h->lock);
    for (struct gnt_map **p = &h->maps; *p; p = &(*p)->next) {
        struct gnt_map *m = *p;

        if (m->addr != addr || m->count != count)
            continue;
        id = m->id;
        *p = m->next;
        free(m);
        break;
    }
    pthread_mutex_unlock(&h->lock);
    return id;
}

/* The views of the n domains in pairs[0, 2, 4...]; fails with -EINVAL, as every reason does. */
static int views(const uint32_t *pairs, uint32_t n, struct fx_dom **dom)
{
    for (uint32_t i = 0; i < n; i++) {
        dom[i] = i && pairs[2 * i] == pairs[2 * i - 2] ? dom[i - 1] : fx_dom_get(pairs[2 * i]);
        if (!dom[i])
            return -EINVAL;
    }
    return 0;
}

static uint8_t *map_pairs(xengnttab_handle *h, const uint32_t *pairs, uint32_t n, int prot,
                          uint32_t off, uint32_t port)
{
    struct fx_dom **dom = calloc(n, sizeof(struct fx_dom *));
    uint32_t *frame = calloc(n, sizeof(*frame));
    struct fx_call c = {
        .req = {.op = FX_GNT_MAP, .h = h->id, .a = {!!(prot & PROT_WRITE), off, port}, .n = 2 * n},
        .v = pairs,
        .out = frame,
        .cap = n,
        .fd_in = -1};
    uint8_t *addr = NULL;
    int rc = dom && frame ? views(pairs, n, dom) : -ENOMEM;

    if (rc == 0)
        rc = fx_rpc(&c);
    if (rc == 0) {
        addr = gnt_pages_map(dom, false, frame, 1, n, prot);
        rc = addr ? gnt_map_add(h, addr, n, c.a[0]) : -errno;
        if (rc < 0)
            fx_simple(FX_GNT_UNMAP, h->id, c.a[0], 0, NULL);
    }
    free(frame);
    free(dom);
    if (rc < 0 && addr)
        munmap(addr, (size_t)n * FX_PAGE);
    return fx_errno(rc) < 0 ? NULL : addr;
}

static void *map_any(xengnttab_handle *h, uint32_t n, const uint32_t *domids, bool one,
                     const uint32_t *refs, int prot, uint32_t off, uint32_t port)
{
    uint32_t *pairs;
    void *p;

    if (h->restricted) {
        errno = ENOTTY;
        return NULL;
    }
    /* gntdev takes up to 65536 in one call; nobody maps so much at once. */
    if (n == 0 || n > FX_REFS_PER_MSG) {
        errno = EINVAL;
        return NULL;
    }
    if (fx_fail(FX_F_MAP))
        return NULL;
    pairs = calloc(n, 2 * sizeof(*pairs));
    if (!pairs)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        pairs[2 * i] = domids[one ? 0 : i];
        pairs[2 * i + 1] = refs[i];
    }
    p = map_pairs(h, pairs, n, prot, off, port);
    free(pairs);
    return p;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    return gnt_handle_open(FX_GNT_OPEN, FX_GNT_CLOSE);
}

int xengnttab_close(xengnttab_handle *xgt)
{
    return gnt_handle_close(xgt);
}

int xengnttab_fd(xengnttab_handle *xgt)
{
    return xgt->fd;
}

/* Linux has no such limit any more; its library hides that. */
int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
    (void)xgt;
    (void)nr_grants;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    return map_any(xgt, 1, &domid, true, &ref, prot, FX_NONE, FX_NONE);
}

void *xengnttab_map_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t *domids,
                               uint32_t *refs, int prot)
{
    return map_any(xgt, count, domids, false, refs, prot, FX_NONE, FX_NONE);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid,
                                      uint32_t *refs, int prot)
{
    return map_any(xgt, count, &domid, true, refs, prot, FX_NONE, FX_NONE);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot,
                                     uint32_t notify_offset, evtchn_port_t notify_port)
{
    return map_any(xgt, 1, &domid, true, &ref, prot, notify_offset, notify_port);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    int64_t id;

    if (fx_fail(FX_F_UNMAP))
        return -1;
    id = gnt_map_take(xgt, start_address, count);
    if (id < 0)
        return fx_errno(-EINVAL);
    munmap(start_address, (size_t)count * FX_PAGE);
    return fx_errno(fx_simple(FX_GNT_UNMAP, xgt->id, (uint32_t)id, 0, NULL));
}
