/*
 * The vif's handshake, in drvdomd: toolstack keys -> port; features -> store; frontend keys ->
 * struct net_connect.  See transport/xen/backend.h and docs/request-life.md.
 */
#include "backends/net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/port.h"
#include "backends/net/rx.h"
#include "backends/net/uplink.h"
#include "schema/vif.h"
#include "transport/base/log.h"
#include "transport/xen/backend.h"

struct net_target {
    struct net_setup setup;
    struct port port;
    char bridge[IFNAMSIZ];
    bool carrier;         /* as published */
    struct net_live live; /* as the worker was told last */
};

static bool any_source;

void net_allow_any_source(void)
{
    any_source = true;
}

static uint32_t group_per_s = NET_GROUP_PER_S;

void net_set_group_rate(uint32_t frames_per_s)
{
    group_per_s = frames_per_s;
}

/* ---- the toolstack's keys ---- */

static int bad_own_key(struct why *why, int rc, const char *key)
{
    if (rc == -EINVAL)
        return why_set(why, rc, "%s", schema_last_error());
    return why_set(why, rc, "the toolstack's key \"%s\": %s", key, strerror(-rc));
}

/* libxl's word `rate` is about what the guest sends. */
static int read_limits(struct store *s, const char *dir, struct net_limits *l, struct why *why)
{
    struct value_rate tx = {0}, rx = {0};
    int rc = vif_back_get_rate(s, 0, dir, &tx);

    if (rc && rc != -ENOENT)
        return bad_own_key(why, rc, VIF_BACK_KEY_RATE);
    rc = vif_back_get_rate_rx(s, 0, dir, &rx);
    if (rc && rc != -ENOENT)
        return bad_own_key(why, rc, VIF_BACK_KEY_RATE_RX);
    *l = (struct net_limits){
        .tx_bytes = tx.bytes, .tx_usec = tx.usec, .rx_bytes = rx.bytes, .rx_usec = rx.usec};
    return 0;
}

static int read_own(struct store *s, const char *dir, const struct dev_id *id,
                    struct net_setup *setup, struct port_wish *wish, struct why *why)
{
    int rc = vif_back_get_mac(s, 0, dir, setup->mac);

    if (rc)
        return bad_own_key(why, rc, VIF_BACK_KEY_MAC);
    rc = vif_back_get_mtu(s, 0, dir, &setup->mtu);
    if (rc)
        return bad_own_key(why, rc, VIF_BACK_KEY_MTU);
    rc = read_limits(s, dir, &setup->limits, why);
    if (rc)
        return rc;
    rc = vif_back_get_vlan(s, 0, dir, wish->vlan, sizeof(wish->vlan));
    if (rc && rc != -ENOENT)
        return bad_own_key(why, rc, VIF_BACK_KEY_VLAN);
    rc = vif_back_get_bridge(s, 0, dir, wish->bridge, sizeof(wish->bridge));
    if (rc && rc != -ENOENT)
        return bad_own_key(why, rc, VIF_BACK_KEY_BRIDGE);
    rc = vif_back_get_vifname(s, 0, dir, wish->name, sizeof(wish->name));
    if (rc == -ENOENT) {
        /* The name that administrators and libxl's own scripts know. */
        snprintf(wish->name, sizeof(wish->name), "vif%u.%u", id->domid, id->devid);
        rc = 0;
    }
    return rc ? bad_own_key(why, rc, VIF_BACK_KEY_VIFNAME) : 0;
}

/* One queue per CPU: more would only wait for each other. */
static uint32_t offered_queues(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 1 ? 1 : (uint32_t)MIN(cpus, (long)NET_QUEUES_MAX);
}

static int net_open(const struct backend_open *at, void **dev, struct why *why)
{
    struct net_target *t = calloc(1, sizeof(*t));
    struct port_wish wish = {.queues = offered_queues()};
    int rc;

    if (!t)
        return why_set(why, -ENOMEM, "no memory for the device");
    rc = read_own(at->s, at->dir, at->id, &t->setup, &wish, why);
    wish.mtu = t->setup.mtu;
    memcpy(wish.mac, t->setup.mac, sizeof(wish.mac));
    t->setup.queues = wish.queues;
    t->setup.any_source = any_source;
    t->setup.group_per_s = group_per_s;
    memcpy(t->bridge, wish.bridge, sizeof(t->bridge));
    if (!rc) {
        bool kept = at->predecessor && port_inherit(&t->port, &wish, at->predecessor);

        at->take_over(at->arg);
        rc = kept ? 0 : port_open(&t->port, &wish, why);
    }
    if (rc) {
        free(t);
        return rc;
    }
    *dev = t;
    return 0;
}

static void net_close(void *dev)
{
    struct net_target *t = dev;

    port_close(&t->port);
    free(t);
}

/* ---- what we offer ---- */

static int net_publish(void *dev, struct store *s, store_txn t, const char *dir)
{
    static const struct {
        int (*set)(struct store *s, store_txn t, const char *dir, bool v);
        bool v;
    } features[] = {
        {vif_back_set_feature_rx_copy, true},
        {vif_back_set_feature_rx_flip, false},
        {vif_back_set_feature_sg, true},
        {vif_back_set_feature_gso_tcpv4, true},
        {vif_back_set_feature_gso_tcpv6, true},
        {vif_back_set_feature_ipv6_csum_offload, true},
        {vif_back_set_feature_no_csum_offload, false},
        {vif_back_set_feature_multicast_control, true},
        {vif_back_set_feature_dynamic_multicast_control, true},
        {vif_back_set_feature_split_event_channels, true},
        {vif_back_set_feature_ctrl_ring, true},
        {vif_back_set_feature_xdp_headroom, true},
    };
    struct net_target *target = dev;
    int rc = 0;

    target->carrier = uplink_is_up(target->bridge);
    for (unsigned i = 0; i < ARRAY_SIZE(features) && !rc; i++)
        rc = features[i].set(s, t, dir, features[i].v);
    if (!rc)
        rc = vif_back_set_carrier(s, t, dir, target->carrier);
    if (!rc)
        rc = vif_back_set_mtu(s, t, dir, target->setup.mtu);
    return rc ? rc : vif_back_set_multi_queue_max_queues(s, t, dir, target->setup.queues);
}

static size_t net_setup_worker(void *dev, void *payload, int *fds, int *nfds)
{
    const struct net_target *t = dev;

    memcpy(payload, &t->setup, sizeof(t->setup));
    for (uint32_t i = 0; i < t->port.queues; i++)
        fds[(*nfds)++] = t->port.fd[i];
    return sizeof(t->setup);
}

/* ---- the frontend's keys ---- */

static int bad_front_key(struct why *why, int rc, const char *key)
{
    if (rc == -EINVAL)
        return why_set(why, rc, "frontend: %s", schema_last_error());
    if (rc == -ENOENT)
        return why_set(why, -EINVAL, "frontend: key \"%s\" is missing", key);
    return why_set(why, rc, "frontend: key \"%s\": %s", key, strerror(-rc));
}

static int read_features(struct store *s, store_txn t, const char *dir, struct net_connect *c,
                         struct why *why)
{
    bool rx_copy, no_csum4;
    const struct {
        int (*get)(struct store *s, store_txn t, const char *dir, bool *v);
        bool *v;
        const char *key;
    } features[] = {
        {vif_front_get_request_rx_copy, &rx_copy, VIF_FRONT_KEY_REQUEST_RX_COPY},
        {vif_front_get_feature_rx_notify, &c->rx_notify, VIF_FRONT_KEY_FEATURE_RX_NOTIFY},
        {vif_front_get_feature_sg, &c->sg, VIF_FRONT_KEY_FEATURE_SG},
        {vif_front_get_feature_gso_tcpv4, &c->gso4, VIF_FRONT_KEY_FEATURE_GSO_TCPV4},
        {vif_front_get_feature_gso_tcpv6, &c->gso6, VIF_FRONT_KEY_FEATURE_GSO_TCPV6},
        {vif_front_get_feature_no_csum_offload, &no_csum4, VIF_FRONT_KEY_FEATURE_NO_CSUM_OFFLOAD},
        {vif_front_get_request_multicast_control, &c->mcast,
         VIF_FRONT_KEY_REQUEST_MULTICAST_CONTROL},
        {vif_front_get_feature_ipv6_csum_offload, &c->csum6,
         VIF_FRONT_KEY_FEATURE_IPV6_CSUM_OFFLOAD},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        int rc = features[i].get(s, t, dir, features[i].v);

        if (rc)
            return bad_front_key(why, rc, features[i].key);
    }
    if (!rx_copy)
        return why_set(why, -EINVAL, "frontend: \"%s\" is not 1; page flipping is not served",
                       VIF_FRONT_KEY_REQUEST_RX_COPY);
    c->csum4 = !no_csum4;
    /* A large segment needs several slots and a blank checksum. */
    c->gso4 = c->gso4 && c->sg && c->csum4;
    c->gso6 = c->gso6 && c->sg && c->csum6;
    return 0;
}

/* Two channels, or one for both directions. */
static int read_channels(struct store *s, store_txn t, const char *dir, struct net_queue_keys *k,
                         struct why *why)
{
    int rc = vif_front_get_event_channel_tx(s, t, dir, &k->tx_port);

    if (rc == -ENOENT) {
        rc = vif_front_get_event_channel(s, t, dir, &k->tx_port);
        k->rx_port = k->tx_port;
        return rc ? bad_front_key(why, rc, VIF_FRONT_KEY_EVENT_CHANNEL) : 0;
    }
    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_EVENT_CHANNEL_TX);
    rc = vif_front_get_event_channel_rx(s, t, dir, &k->rx_port);
    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_EVENT_CHANNEL_RX);
    if (k->rx_port == k->tx_port)
        return why_set(why, -EINVAL, "frontend: \"%s\" and \"%s\" are both %u",
                       VIF_FRONT_KEY_EVENT_CHANNEL_TX, VIF_FRONT_KEY_EVENT_CHANNEL_RX, k->tx_port);
    return 0;
}

static int read_queue(struct store *s, store_txn t, const char *dir, struct net_queue_keys *k,
                      struct why *why)
{
    int rc = vif_front_get_tx_ring_ref(s, t, dir, &k->tx_ref);

    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_TX_RING_REF);
    rc = vif_front_get_rx_ring_ref(s, t, dir, &k->rx_ref);
    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_RX_RING_REF);
    return read_channels(s, t, dir, k, why);
}

/* The keys of one queue stand at the top level, those of several in a directory each.  Unikraft
 * uses a directory for a single one as well. */
static int read_queues(struct store *s, store_txn t, const char *dir, struct net_connect *c,
                       struct why *why)
{
    char sub[STORE_PATH_MAX];
    int rc;

    if (c->queues == 1) {
        uint32_t ref;

        rc = vif_front_get_tx_ring_ref(s, t, dir, &ref);
        if (rc != -ENOENT)
            return read_queue(s, t, dir, &c->queue[0], why);
    }
    for (uint32_t i = 0; i < c->queues; i++) {
        vif_front_queue_dir(sub, sizeof(sub), dir, i);
        rc = read_queue(s, t, sub, &c->queue[i], why);
        if (rc)
            return rc;
    }
    return 0;
}

/* Does queue `queue` name a grant (or a channel) that an earlier one, or itself, named? */
static bool repeated(const struct net_connect *c, uint32_t queue, bool refs)
{
    const struct net_queue_keys *mine = &c->queue[queue];

    if (c->ctrl_port && (refs ? mine->tx_ref == c->ctrl_ref || mine->rx_ref == c->ctrl_ref
                              : mine->tx_port == c->ctrl_port || mine->rx_port == c->ctrl_port))
        return true;

    for (uint32_t i = 0; i < queue; i++) {
        const struct net_queue_keys *k = &c->queue[i];

        if (refs && (mine->tx_ref == k->tx_ref || mine->tx_ref == k->rx_ref ||
                     mine->rx_ref == k->tx_ref || mine->rx_ref == k->rx_ref))
            return true;
        if (!refs && (mine->tx_port == k->tx_port || mine->tx_port == k->rx_port ||
                      mine->rx_port == k->tx_port || mine->rx_port == k->rx_port))
            return true;
    }
    return refs && mine->tx_ref == mine->rx_ref;
}

/* Two rings in one page, or two queues on one channel, cannot both be meant (R11, R13, R15). */
static int check_distinct(const struct net_connect *c, struct why *why)
{
    for (uint32_t i = 0; i < c->queues; i++) {
        if (repeated(c, i, true))
            return why_set(why, -EINVAL, "frontend: queue %u uses a ring grant twice", i);
        if (repeated(c, i, false))
            return why_set(why, -EINVAL, "frontend: queue %u uses another queue's event channel",
                           i);
    }
    return 0;
}

/* A ring and a channel, or neither. */
static int read_control(struct store *s, store_txn t, const char *dir, struct net_connect *c,
                        struct why *why)
{
    int rc = vif_front_get_ctrl_ring_ref(s, t, dir, &c->ctrl_ref);

    if (rc == -ENOENT)
        return 0;
    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_CTRL_RING_REF);
    rc = vif_front_get_event_channel_ctrl(s, t, dir, &c->ctrl_port);
    return rc ? bad_front_key(why, rc, VIF_FRONT_KEY_EVENT_CHANNEL_CTRL) : 0;
}

static int read_headroom(struct store *s, store_txn t, const char *dir, uint16_t *headroom,
                         struct why *why)
{
    uint32_t v;
    int rc = vif_front_get_xdp_headroom(s, t, dir, &v);

    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_XDP_HEADROOM);
    if (v > RX_HEADROOM_MAX)
        return why_set(why, -EINVAL, "frontend: \"%s\" is %u, at most %d are served",
                       VIF_FRONT_KEY_XDP_HEADROOM, v, RX_HEADROOM_MAX);
    *headroom = (uint16_t)v;
    return 0;
}

static int net_read_front(void *dev, struct store *s, store_txn t, const char *front_dir,
                          void *payload, struct why *why)
{
    struct net_target *target = dev;
    struct net_connect c;
    int rc;

    memset(&c, 0, sizeof(c));
    /* A new connection: whatever an earlier one had set counts no more. */
    rc = port_set_steering(&target->port, &c.hash, 1);
    if (rc)
        return why_set(why, rc, "steering of the port: %s", strerror(-rc));
    rc = vif_front_get_multi_queue_num_queues(s, t, front_dir, &c.queues);
    if (rc)
        return bad_front_key(why, rc, VIF_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES);
    if (c.queues > target->setup.queues)
        return why_set(why, -EINVAL, "frontend: %u queues, %u were offered", c.queues,
                       target->setup.queues);
    rc = read_features(s, t, front_dir, &c, why);
    if (!rc)
        rc = read_queues(s, t, front_dir, &c, why);
    if (!rc)
        rc = read_control(s, t, front_dir, &c, why);
    if (!rc)
        rc = read_headroom(s, t, front_dir, &c.headroom, why);
    if (!rc)
        rc = check_distinct(&c, why);
    if (rc)
        return rc;
    target->live =
        (struct net_live){.limits = target->setup.limits, .headroom = c.headroom, .mcast = c.mcast};
    memcpy(payload, &c, sizeof(c));
    return (int)sizeof(c);
}

/* ---- while connected ---- */

/* Keys of the toolstack that make no sense any more, and a frontend's, change nothing. */
static void look_live(const struct backend_look *at, struct net_live *l, struct why *why)
{
    bool mcast;

    if (read_limits(at->s, at->dir, &l->limits, why))
        log_warn("%s", why->text);
    if (vif_front_get_request_multicast_control(at->s, 0, at->front_dir, &mcast) == 0)
        l->mcast = mcast;
}

static int net_refresh(void *dev, const struct backend_look *at, void *payload, bool *announce,
                       struct why *why)
{
    struct net_target *t = dev;
    struct net_live l = t->live;
    bool carrier = uplink_is_up(t->bridge);
    int rc = 0;

    *announce = carrier != t->carrier;
    t->carrier = carrier;
    look_live(at, &l, why);
    /* Also of a device that was taken over: the guest was served with it. */
    if (at->asked || at->all)
        rc = read_headroom(at->s, 0, at->front_dir, &l.headroom, why);
    if (rc || (!at->all && memcmp(&l, &t->live, sizeof(l)) == 0))
        return rc;
    t->live = l;
    memcpy(payload, &l, sizeof(l));
    return (int)sizeof(l);
}

static bool net_note(void *dev, const void *note, size_t len, void *connect, size_t connect_len)
{
    struct net_target *t = dev;
    struct net_connect *c = connect;
    struct net_hash h;
    int rc;

    if (len != sizeof(h) || connect_len != sizeof(*c))
        return false;
    memcpy(&h, note, sizeof(h));
    if (!hash_valid(&h, c->queues))
        return false;
    c->hash = h;
    rc = port_set_steering(&t->port, &h, c->queues);
    if (rc) /* frames carry the guest's hash all the same, and come to queues of the kernel's choice
             */
        log_warn("%s: frames cannot be steered: %s", t->port.name, strerror(-rc));
    return true;
}

const struct backend_class net_backend_class = {
    .kind = "vif",
    .keys = &schema_dir_vif_back,
    .worker = "drvdom-netback",
    .connect_at_initialised = false,
    .open = net_open,
    .close = net_close,
    .publish = net_publish,
    .setup = net_setup_worker,
    .read_front = net_read_front,
    .refresh = net_refresh,
    .front_key = VIF_FRONT_KEY_REQUEST_MULTICAST_CONTROL,
    .note = net_note,
    .events_open = uplink_watch,
    .events_drain = uplink_drain,
};
