/* See ctrl.h. */
#include "backends/net/ctrl.h"

#include <string.h>

static void plan_key(uint32_t bytes, uint32_t gref, struct ctrl_plan *p)
{
    if (bytes > HASH_KEY_MAX) {
        p->status = NETIF_CTRL_STATUS_OVERFLOW;
        return;
    }
    p->gref = gref;
    p->bytes = bytes;
}

static void plan_mapping(const struct net_hash *h, const struct netif_ctrl_req *req,
                         struct ctrl_plan *p)
{
    uint32_t n = req->data[1], from = req->data[2];

    if (!in_range(from, n, h->mapping_size)) {
        p->status = NETIF_CTRL_STATUS_OVERFLOW;
        return;
    }
    p->gref = req->data[0];
    p->bytes = n * (uint32_t)sizeof(uint32_t);
    p->value = from;
}

static void plan_flags(const struct net_hash *h, const struct netif_ctrl_req *req,
                       struct ctrl_plan *p)
{
    const uint32_t all = (1u << NETIF_HASH_TYPES) - 1;

    if (h->algorithm == NETIF_HASH_NONE)
        p->status = NETIF_CTRL_STATUS_NOT_SUPPORTED;
    else if (req->type == NETIF_CTRL_GET_HASH_FLAGS)
        p->data = all;
    else if (req->data[0] & ~all)
        p->status = NETIF_CTRL_STATUS_INVALID;
}

void ctrl_plan(const struct net_hash *h, const void *raw, struct ctrl_plan *p)
{
    struct netif_ctrl_req req;

    memcpy(&req, raw, sizeof(req));
    *p = (struct ctrl_plan){.id = req.id, .type = req.type, .value = req.data[0]};
    switch (req.type) {
    case NETIF_CTRL_GET_HASH_FLAGS:
    case NETIF_CTRL_SET_HASH_FLAGS:
        plan_flags(h, &req, p);
        break;
    case NETIF_CTRL_SET_HASH_KEY:
        plan_key(req.data[1], req.data[0], p);
        break;
    case NETIF_CTRL_GET_HASH_MAPPING_SIZE:
        p->data = HASH_MAPPING_MAX;
        break;
    case NETIF_CTRL_SET_HASH_MAPPING_SIZE:
        if (req.data[0] > HASH_MAPPING_MAX)
            p->status = NETIF_CTRL_STATUS_INVALID;
        break;
    case NETIF_CTRL_SET_HASH_MAPPING:
        plan_mapping(h, &req, p);
        break;
    case NETIF_CTRL_SET_HASH_ALGORITHM:
        if (req.data[0] > NETIF_HASH_TOEPLITZ)
            p->status = NETIF_CTRL_STATUS_INVALID;
        break;
    default:
        p->status = NETIF_CTRL_STATUS_NOT_SUPPORTED;
    }
}

/* All entries or none. */
static bool set_mapping(struct net_hash *h, uint32_t queues, struct ctrl_plan *p, const void *data)
{
    uint32_t n = p->bytes / (uint32_t)sizeof(uint32_t), entry[HASH_MAPPING_MAX];

    memcpy(entry, data, p->bytes);
    for (uint32_t i = 0; i < n; i++) {
        if (entry[i] >= queues) {
            p->status = NETIF_CTRL_STATUS_INVALID;
            return false;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        h->mapping[p->value + i] = (uint8_t)entry[i];
    return n > 0;
}

static void set_key(struct net_hash *h, const struct ctrl_plan *p, const void *data)
{
    memset(h->key, 0, sizeof(h->key));
    if (p->bytes > 0)
        memcpy(h->key, data, p->bytes);
}

bool ctrl_apply(struct net_hash *h, uint32_t queues, struct ctrl_plan *p, const void *data)
{
    if (p->status == NETIF_CTRL_STATUS_SUCCESS && p->bytes > 0 && !data)
        p->status = NETIF_CTRL_STATUS_INVALID;
    if (p->status != NETIF_CTRL_STATUS_SUCCESS)
        return false;
    switch (p->type) {
    case NETIF_CTRL_SET_HASH_FLAGS:
        h->types = p->value;
        return true;
    case NETIF_CTRL_SET_HASH_KEY:
        set_key(h, p, data);
        return true;
    case NETIF_CTRL_SET_HASH_MAPPING_SIZE:
        h->mapping_size = p->value;
        memset(h->mapping, 0, sizeof(h->mapping));
        return true;
    case NETIF_CTRL_SET_HASH_MAPPING:
        return p->bytes > 0 && set_mapping(h, queues, p, data);
    case NETIF_CTRL_SET_HASH_ALGORITHM:
        h->algorithm = p->value;
        return true;
    default: /* only asked */
        return false;
    }
}

struct netif_ctrl_rsp ctrl_response(const struct ctrl_plan *p)
{
    return (struct netif_ctrl_rsp){
        .id = p->id,
        .type = p->type,
        .status = p->status,
        .data = p->status == NETIF_CTRL_STATUS_SUCCESS ? p->data : 0,
    };
}
