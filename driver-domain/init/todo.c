/* See todo.h.
 * #syscalls: access mkdir mount, and those of net.c */
#include "driver-domain/init/todo.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver-domain/init/map.h"
#include "driver-domain/init/net.h"
#include "transport/base/log.h"

/* How long an interface may take before its absence is worth a line. */
enum { LINK_SECONDS = 10 };

enum kind {
    TODO_WAIT,
    TODO_MAP,
    TODO_MOUNT,
    TODO_NIC,
    TODO_MTU,
    TODO_PORT,
    TODO_ADDRESS,
    TODO_GATEWAY
};

struct todo {
    enum kind kind;
    unsigned index; /* in the configuration's array of that kind */
    unsigned port;  /* TODO_PORT */
    uint64_t deadline_ns;
    bool done;
    bool complained;
};

static struct todo list[7 * CONF_ENTRIES + CONF_ENTRIES * CONF_PORTS];
static unsigned count;
static const struct conf *conf;

static void add(enum kind kind, unsigned index, unsigned port, uint64_t deadline_ns)
{
    assert(count < ARRAY_SIZE(list));
    list[count++] =
        (struct todo){.kind = kind, .index = index, .port = port, .deadline_ns = deadline_ns};
}

static uint64_t after(uint64_t now_ns, unsigned seconds)
{
    return now_ns + seconds * UINT64_C(1000000000);
}

void todo_init(const struct conf *c, uint64_t now_ns)
{
    uint64_t link = after(now_ns, LINK_SECONDS);

    conf = c;
    count = 0;
    for (unsigned i = 0; i < c->wait_count; i++)
        add(TODO_WAIT, i, 0, after(now_ns, c->waits[i].seconds));
    for (unsigned i = 0; i < c->map_count; i++)
        add(TODO_MAP, i, 0, link);
    for (unsigned i = 0; i < c->mount_count; i++)
        add(TODO_MOUNT, i, 0, link);
    for (unsigned i = 0; i < c->nic_count; i++)
        add(TODO_NIC, i, 0, link);
    /* MTU before ports: a bridge takes the smallest of its ports'. */
    for (unsigned i = 0; i < c->mtu_count; i++)
        add(TODO_MTU, i, 0, link);
    for (unsigned i = 0; i < c->bridge_count; i++) {
        for (unsigned p = 0; p < c->bridges[i].port_count; p++)
            add(TODO_PORT, i, p, link);
    }
    for (unsigned i = 0; i < c->address_count; i++)
        add(TODO_ADDRESS, i, 0, link);
    if (c->has_gateway)
        add(TODO_GATEWAY, 0, 0, link);
}

static int mount_it(const struct conf_mount *m)
{
    if (mkdir(m->where, 0755) < 0 && errno != EEXIST)
        log_warn("%s: %s", m->where, strerror(errno)); /* mount says the rest */
    return mount(m->device, m->where, m->type, MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 ? -errno
                                                                                           : 0;
}

/* 0: done; -errno: why not. */
static int attempt(const struct todo *t)
{
    const struct conf_bridge *b = &conf->bridges[t->index];
    const struct conf_address *a = &conf->addresses[t->index];
    const struct conf_mtu *m = &conf->mtus[t->index];

    switch (t->kind) {
    case TODO_WAIT:
        return access(conf->waits[t->index].path, F_OK) < 0 ? -errno : 0;
    case TODO_MAP:
        return map_make(&conf->maps[t->index]);
    case TODO_MOUNT:
        return mount_it(&conf->mounts[t->index]);
    case TODO_NIC:
        return net_rename(conf->nics[t->index].mac, conf->nics[t->index].ifname);
    case TODO_MTU:
        return net_mtu(m->ifname, m->mtu);
    case TODO_PORT:
        return net_bridge_port(b->name, b->ports[t->port], b->vlans);
    case TODO_ADDRESS:
        return net_address(a->ifname, a->addr, a->prefix);
    case TODO_GATEWAY:
        return net_gateway(conf->gateway);
    }
    return -EINVAL;
}

/* Errors that a device which is still to come explains. */
static bool may_pass(int rc)
{
    return rc == -ENODEV || rc == -ENOENT || rc == -ENXIO || rc == -ENETUNREACH;
}

static void complain(const struct todo *t, int rc)
{
    const struct conf_bridge *b = &conf->bridges[t->index];
    char names[160], what[64] = "";
    const char *ifname = "";

    switch (t->kind) {
    case TODO_WAIT:
        log_error("wait %s: not there after %u s: is its controller in pci=[...] and its driver in "
                  "the image? going on without it",
                  conf->waits[t->index].path, conf->waits[t->index].seconds);
        return;
    case TODO_MAP:
        log_error(
            "map %s: %s: is the device of its arguments there, and module dm-%s in the image?",
            conf->maps[t->index].name, strerror(-rc), conf->maps[t->index].target);
        return;
    case TODO_MOUNT:
        log_error("mount %s: %s: is it a %s file system?", conf->mounts[t->index].device,
                  strerror(-rc), conf->mounts[t->index].type);
        return;
    case TODO_GATEWAY:
        log_error("gateway: cannot be set: %s", strerror(-rc));
        return;
    case TODO_NIC:
        log_error("nic %s: %s: there is %s", conf->nics[t->index].ifname,
                  rc == -ENODEV ? "no interface has its MAC address" : strerror(-rc),
                  net_names(names, sizeof(names)));
        return;
    case TODO_MTU:
        ifname = conf->mtus[t->index].ifname;
        snprintf(what, sizeof(what), "mtu: interface");
        break;
    case TODO_ADDRESS:
        ifname = conf->addresses[t->index].ifname;
        snprintf(what, sizeof(what), "address: interface");
        break;
    case TODO_PORT:
        ifname = b->ports[t->port];
        snprintf(what, sizeof(what), "bridge %s: port", b->name);
        break;
    }
    if (rc == -ENODEV)
        log_error("%s %s does not exist: there is %s", what, ifname,
                  net_names(names, sizeof(names)));
    else
        log_error("%s %s: %s", what, ifname, strerror(-rc));
}

void todo_try(uint64_t now_ns)
{
    for (unsigned i = 0; i < count; i++) {
        struct todo *t = &list[i];
        int rc;

        if (t->done)
            continue;
        rc = attempt(t);
        if (rc == 0) {
            t->done = true;
        } else if (!may_pass(rc)) {
            complain(t, rc);
            t->done = true;
        } else if (now_ns >= t->deadline_ns && !t->complained) {
            complain(t, rc);
            t->complained = true;
        }
    }
}

bool todo_waiting(void)
{
    for (unsigned i = 0; i < count; i++) {
        if ((list[i].kind == TODO_WAIT || list[i].kind == TODO_MOUNT) && !list[i].done &&
            !list[i].complained)
            return true;
    }
    return false;
}

int todo_timeout_ms(uint64_t now_ns)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < count; i++) {
        if (!list[i].done && !list[i].complained)
            next = MIN(next, list[i].deadline_ns);
    }
    if (next == UINT64_MAX)
        return -1;
    /* Rounded up: waking a moment early would only mean waking twice. */
    return next <= now_ns ? 0 : (int)((next - now_ns + 999999) / 1000000);
}
