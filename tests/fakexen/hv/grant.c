/*
 * fakexen's broker: grant tables.  gnt: mappings of others' pages (gntdev); shr: own pages given
 * out (gntalloc).  Copies do not come here: the library checks the shared table itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <stdint.h>
#include <xen/xen.h>

#include "tests/fakexen/hv/hv.h"

struct pin {
    struct dom *dom;
    uint32_t ref, frame;
};

/* One map call or one share call: what is undone together. */
struct batch {
    struct hv_list link;
    uint32_t id;
    uint32_t n;
    uint32_t notify_off, notify_port; /* FX_NONE: none */
    struct pin pin[];
};

/* An open gntdev or gntalloc. */
struct handle {
    struct hv_list link;
    uint32_t id;
    bool shares; /* a gntalloc */
    struct hv_list batches;
};

static uint32_t next_id = 1;

int gnt_open(struct conn *c, bool shares, uint32_t *id)
{
    struct handle *h = calloc(1, sizeof(*h));

    if (!h)
        return -ENOMEM;
    h->id = next_id++;
    h->shares = shares;
    hv_list_init(&h->batches);
    hv_list_add(&c->grants, &h->link);
    *id = h->id;
    return 0;
}

static struct handle *handle_find(struct conn *c, uint32_t id)
{
    for (struct hv_list *l = c->grants.next; l != &c->grants; l = l->next)
        if (hv_entry(l, struct handle, link)->id == id)
            return hv_entry(l, struct handle, link);
    return NULL;
}

static struct batch *batch_find(struct handle *h, uint32_t id)
{
    for (struct hv_list *l = h ? h->batches.next : NULL; h && l != &h->batches; l = l->next)
        if (hv_entry(l, struct batch, link)->id == id)
            return hv_entry(l, struct batch, link);
    return NULL;
}

static void ref_free(struct dom *d, uint32_t ref, uint32_t frame)
{
    atomic_store(&d->tab->grant[ref], 0);
    d->gent[ref] = (struct gent){0};
    frame_free(d, frame);
    d->ref_free[d->ref_top++] = ref;
}

static uint32_t ref_alloc(struct dom *d)
{
    uint32_t ref;

    if (d->ref_top)
        return d->ref_free[--d->ref_top];
    if (d->next_ref == FX_GRANTS)
        return FX_NONE;
    ref = d->next_ref++;
    if (ref >= d->tab->grant_entries)
        d->tab->grant_entries += FX_GRANTS_PER_FRAME; /* Linux adds a frame when it needs one */
    return ref;
}

/* Xen's checks of map_grant_ref; which one failed is lost in gntdev's EINVAL. */
static int pin_one(struct conn *c, uint32_t domid, uint32_t ref, bool writable, struct pin *out)
{
    struct dom *d = dom_find(domid == DOMID_SELF ? c->dom->id : domid);
    uint64_t g;

    if (!d || ref >= d->tab->grant_entries || c->dom->nmaps >= c->dom->limit[FX_LIM_MAPS])
        return -EINVAL;
    g = atomic_load(&d->tab->grant[ref]);
    if (!(g & FX_GTF_PERMIT) || fx_grant_dom(g) != c->dom->id || (writable && g & FX_GTF_READONLY))
        return -EINVAL;
    *out = (struct pin){.dom = d, .ref = ref, .frame = fx_grant_frame(g)};
    d->gent[ref].pins++;
    d->pins++;
    c->dom->nmaps++;
    return 0;
}

static void unpin_one(struct conn *c, const struct pin *p)
{
    struct gent *g = &p->dom->gent[p->ref];

    c->dom->nmaps--;
    if (--g->pins == 0 && g->deferred)
        ref_free(p->dom, p->ref, p->frame);
    dom_unpin(p->dom, 1);
}

static struct batch *batch_new(uint32_t n)
{
    struct batch *b = calloc(1, sizeof(*b) + n * sizeof(struct pin));

    if (!b)
        return NULL;
    b->id = next_id++;
    b->notify_off = b->notify_port = FX_NONE;
    return b;
}

/* An unmap or death notification: the byte, then the event. */
static void batch_notify(struct conn *c, const struct batch *b)
{
    if (b->notify_off != FX_NONE && b->n)
        b->pin[0].dom->mem[(size_t)b->pin[0].frame * FX_PAGE + b->notify_off] = 0;
    if (b->notify_port != FX_NONE)
        port_release(c->dom, b->notify_port);
}

static int batch_set_notify(struct conn *c, struct batch *b, uint32_t off, uint32_t port)
{
    if (off != FX_NONE && off >= FX_PAGE)
        return -EINVAL;
    if (port != FX_NONE && port_hold(c->dom, port) < 0)
        return -EINVAL;
    b->notify_off = off;
    b->notify_port = port;
    return 0;
}

static void unmap_batch(struct conn *c, struct batch *b)
{
    batch_notify(c, b);
    for (uint32_t i = 0; i < b->n; i++)
        unpin_one(c, &b->pin[i]);
    free(b);
}

int gnt_map(struct conn *c, const struct fx_req *q, struct fx_rep *rep)
{
    struct handle *h = handle_find(c, q->h);
    uint32_t n = q->n / 2;
    struct batch *b;
    int rc = 0;

    if (!h || n == 0)
        return -EINVAL;
    b = batch_new(n);
    if (!b)
        return -ENOMEM;
    while (rc == 0 && b->n < n) {
        rc = pin_one(c, FX_V(q)[2 * b->n], FX_V(q)[2 * b->n + 1], q->a[0], &b->pin[b->n]);
        if (rc == 0)
            b->n++;
    }
    /* a byte to clear needs a writable mapping */
    if (rc == 0 && q->a[1] != FX_NONE && !q->a[0])
        rc = -EINVAL;
    if (rc == 0)
        rc = batch_set_notify(c, b, q->a[1], q->a[2]);
    if (rc < 0) {
        unmap_batch(c, b);
        return rc;
    }
    hv_list_add(&h->batches, &b->link);
    for (uint32_t i = 0; i < n; i++)
        FX_V(rep)[i] = b->pin[i].frame;
    rep->n = n;
    rep->a[0] = b->id;
    return 0;
}

int gnt_unmap(struct conn *c, uint32_t hid, uint32_t map)
{
    struct batch *b = batch_find(handle_find(c, hid), map);

    if (!b)
        return -EINVAL;
    hv_list_del(&b->link);
    unmap_batch(c, b);
    return 0;
}

/* A page still mapped elsewhere stays granted until it is not: Linux retries in the background. */
static void unshare_batch(struct conn *c, struct batch *b)
{
    struct dom *d = c->dom;

    if (d->alive)
        batch_notify(c, b);
    for (uint32_t i = 0; i < b->n; i++) {
        struct gent *g = &d->gent[b->pin[i].ref];

        d->ngrants--;
        if (g->pins)
            g->deferred = true;
        else
            ref_free(d, b->pin[i].ref, b->pin[i].frame);
    }
    free(b);
}

static int share_one(struct dom *d, uint32_t to, uint32_t flags, struct pin *out)
{
    uint32_t frame = frame_alloc(d), ref;

    if (frame == FX_NONE)
        return -ENOMEM;
    ref = ref_alloc(d);
    if (ref == FX_NONE) {
        frame_free(d, frame);
        return -ENOSPC;
    }
    *out = (struct pin){.dom = d, .ref = ref, .frame = frame};
    d->gent[ref].used = true;
    d->ngrants++;
    atomic_store(&d->tab->grant[ref], fx_grant(flags, to, frame));
    return 0;
}

int shr_share(struct conn *c, const struct fx_req *q, struct fx_rep *rep)
{
    struct handle *h = handle_find(c, q->h);
    uint32_t n = q->a[1], flags = FX_GTF_PERMIT | (q->a[2] ? 0 : FX_GTF_READONLY);
    struct batch *b;
    int rc = 0;

    if (!h || n == 0 || n > FX_REFS_PER_MSG)
        return -EINVAL;
    if (n > c->dom->limit[FX_LIM_GRANTS] || c->dom->ngrants > c->dom->limit[FX_LIM_GRANTS] - n)
        return -ENOSPC;
    b = batch_new(n);
    if (!b)
        return -ENOMEM;
    while (rc == 0 && b->n < n) {
        rc = share_one(c->dom, q->a[0], flags, &b->pin[b->n]);
        if (rc == 0)
            b->n++;
    }
    if (rc == 0)
        rc = batch_set_notify(c, b, q->a[3], q->a[4]);
    if (rc < 0) {
        unshare_batch(c, b);
        return rc;
    }
    hv_list_add(&h->batches, &b->link);
    for (uint32_t i = 0; i < n; i++) {
        FX_V(rep)[2 * i] = b->pin[i].ref;
        FX_V(rep)[2 * i + 1] = b->pin[i].frame;
    }
    rep->n = 2 * n;
    rep->a[0] = b->id;
    return 0;
}

int shr_unshare(struct conn *c, uint32_t hid, uint32_t id)
{
    struct batch *b = batch_find(handle_find(c, hid), id);

    if (!b)
        return -EINVAL;
    hv_list_del(&b->link);
    unshare_batch(c, b);
    return 0;
}

static void handle_close(struct conn *c, struct handle *h)
{
    while (h->batches.next != &h->batches) {
        struct batch *b = hv_entry(h->batches.next, struct batch, link);

        hv_list_del(&b->link);
        if (h->shares)
            unshare_batch(c, b);
        else
            unmap_batch(c, b);
    }
    hv_list_del(&h->link);
    free(h);
}

int gnt_close(struct conn *c, uint32_t hid)
{
    struct handle *h = handle_find(c, hid);

    if (!h)
        return -EINVAL;
    handle_close(c, h);
    return 0;
}

void gnt_close_all(struct conn *c)
{
    while (c->grants.next != &c->grants)
        handle_close(c, hv_entry(c->grants.next, struct handle, link));
}

/* The references and pages every domain is born with (xenstore, console). */
int page_reserve(struct dom *d, uint32_t ref, uint32_t to, uint32_t *frame)
{
    if (ref >= FX_GREF_FIRST)
        return -EINVAL;
    *frame = ref;
    atomic_store(&d->tab->grant[ref], fx_grant(FX_GTF_PERMIT, to, ref));
    return 0;
}
