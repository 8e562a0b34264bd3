/* See ctrl.h.  The hash is computed by Xen's own header, not by anything of the backend's. */
#define XEN_NETIF_DEFINE_TOEPLITZ
#include "frontends/net/ctrl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/frame.h"
#include "transport/base/log.h"

enum {
    CTRL_SLOT = sizeof(struct xen_netif_ctrl_request),
    ANSWER_MS = 5000,
    /* A mapping takes effect some time after it was set, and moves flows from queue to queue: what
       is on its way then may be overtaken. */
    SETTLED_MS = 1500,
};

int nf_ctrl_make(struct nf_conn *c)
{
    struct nf_ctrl *k = &c->ctrl;

    k->mem = share_pages(&c->f.share, c->f.back_domid, 1, &k->ref, true);
    k->page = share_pages(&c->f.share, c->f.back_domid, 1, &k->page_ref, false);
    if (!k->mem || !k->page)
        return front_fail(&c->f, -errno, "pages for the control ring: %s", strerror(errno));
    ring_front_init(&k->ring, k->mem, NF_PAGE, CTRL_SLOT);
    return front_port_open(&c->f, &k->port);
}

void nf_ctrl_release(struct nf_conn *c)
{
    struct nf_ctrl *k = &c->ctrl;

    front_port_close(&c->f, &k->port);
    if (k->mem)
        (void)share_end(&c->f.share, k->mem, 1);
    if (k->page)
        (void)share_end(&c->f.share, k->page, 1);
    k->mem = k->page = NULL;
}

int nf_ctrl_call(struct nf_conn *c, uint16_t type, uint32_t a, uint32_t b, uint32_t d,
                 uint32_t *data)
{
    struct nf_ctrl *k = &c->ctrl;
    struct xen_netif_ctrl_request req = {.id = k->next_id++, .type = type, .data = {a, b, d}};
    struct xen_netif_ctrl_response rsp;
    uint8_t raw[CTRL_SLOT];
    int rc = 0;

    ring_front_put(&k->ring, &req, sizeof(req));
    if (ring_front_push(&k->ring))
        rc = evtchn_notify(&c->f.ev, k->port.port);
    for (unsigned ms = 0; !rc && ms < ANSWER_MS; ms++) {
        rc = ring_front_take(&k->ring, raw);
        if (rc == 0)
            usleep(1000);
    }
    if (rc <= 0)
        return front_fail(&c->f, rc ? rc : -ETIMEDOUT, "control request %u: %s", type,
                          rc ? strerror(-rc) : "no answer");
    memcpy(&rsp, raw, sizeof(rsp));
    if (rsp.id != req.id || rsp.type != req.type || rsp.status > 3)
        return front_fail(&c->f, -EPROTO, "control request %u: the answer is of %u", type,
                          rsp.type);
    *data = rsp.data;
    return (int)rsp.status;
}

static int must(struct nf_conn *c, uint16_t type, uint32_t a, uint32_t b, uint32_t d)
{
    uint32_t data;
    int rc = nf_ctrl_call(c, type, a, b, d, &data);

    if (rc > 0)
        return front_fail(&c->f, -EPROTO, "control request %u: status %d", type, rc);
    return rc;
}

int nf_hash_set(struct nf_conn *c)
{
    struct nf_hash *h = &c->hash;
    uint64_t random = clock_ns();
    int rc = must(c, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
                  0, 0);

    h->settled = false;
    for (unsigned i = 0; i < NF_HASH_KEY; i++)
        h->key[i] = (uint8_t)(frame_random(&random) >> 16);
    for (unsigned i = 0; i < NF_HASH_MAPPING; i++)
        h->mapping[i] = (uint32_t)(frame_random(&random) >> 16) % c->nr_queues;
    memcpy(c->ctrl.page, h->key, NF_HASH_KEY);
    if (!rc)
        rc = must(c, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, c->ctrl.page_ref, NF_HASH_KEY, 0);
    memcpy(c->ctrl.page, h->mapping, sizeof(h->mapping));
    if (!rc)
        rc = must(c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, NF_HASH_MAPPING, 0, 0);
    if (!rc)
        rc = must(c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, c->ctrl.page_ref, NF_HASH_MAPPING, 0);
    c->rules.hash = true; /* from the next answer on frames may have one */
    if (!rc)
        rc = must(c, XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 15, 0, 0);
    if (!rc)
        usleep(SETTLED_MS * 1000);
    h->settled = !rc;
    return rc;
}

/* What a frame of ours is hashed over; 0: it is not. */
static unsigned hashed_bytes(const struct nf_rx *x, enum frame_kind k, uint8_t out[36],
                             uint8_t *type)
{
    const uint8_t *ip = x->data + FRAME_ETHER;
    bool v6 = k == FRAME_TCP6 || k == FRAME_UDP6, tcp = k == FRAME_TCP4 || k == FRAME_TCP6;
    unsigned n = v6 ? 32 : 8;

    if (k == FRAME_RAW)
        return 0;
    *type = (uint8_t)((v6 ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6 : _XEN_NETIF_CTRL_HASH_TYPE_IPV4) + tcp);
    memcpy(out, ip + (v6 ? 8 : 12), n);
    if (tcp)
        memcpy(out + n, ip + (v6 ? 40 : 20), 4);
    return n + (tcp ? 4 : 0);
}

bool nf_hash_ok(struct nf_conn *c, const struct nf_queue *q, const struct nf_rx *x,
                const char **why)
{
    bool has = x->seen & 1u << XEN_NETIF_EXTRA_TYPE_HASH;
    struct frame_seen s;
    uint8_t bytes[36], type = 0;
    uint32_t value;
    unsigned n;

    /* Others' frames are not judged, nor those that came before the hash was set. */
    if (!frame_parse(x->data, x->len, x->meta.csum_blank, &s) || !c->hash.settled)
        return true;
    n = hashed_bytes(x, s.kind, bytes, &type);
    *why = n ? "no hash, or of another type" : "a hash of a frame that has none";
    if (has != (n > 0) || (has && x->hash_type != type))
        return false;
    if (!n)
        return true;
    value = xen_netif_toeplitz_hash(c->hash.key, NF_HASH_KEY, bytes, n);
    *why = "a wrong hash";
    if (value != x->hash_value)
        return false;
    *why = "a frame in another queue than its hash is mapped to";
    if (c->hash.mapping[value % NF_HASH_MAPPING] != q->index)
        return false;
    c->hashed++;
    return true;
}
