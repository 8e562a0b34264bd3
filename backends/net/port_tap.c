/*
 * See port.h.  A TAP interface (Linux Documentation/networking/tuntap.rst) with vnet headers, so
 * that large TCP segments and blank checksums pass through whole.
 */
#include "backends/net/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/net/netlink.h"
#include "backends/net/ovs.h"
#include "backends/net/steer.h"
#include "backends/net/vlan.h"
#include "transport/base/log.h"

static struct ifreq request(const char *name)
{
    struct ifreq r;

    memset(&r, 0, sizeof(r));
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    return r;
}

/* A worker that was just ended may hold the interface a little longer than its process lived (its
 * io_uring does): "exists already" is asked again for up to a second. */
static int set_interface(int fd, struct ifreq *r)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    for (int tries = 0; ioctl(fd, TUNSETIFF, r); tries++) {
        if (errno != EBUSY || tries == 500)
            return -errno;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int open_queue(const struct port_wish *wish, bool first, struct why *why)
{
    struct ifreq r = request(wish->name);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int err;

    if (fd < 0) {
        err = errno;
        return why_set(why, -err, "cannot open /dev/net/tun: %s; is the tun module in the image?",
                       strerror(err));
    }
    r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (wish->queues > 1)
        r.ifr_flags |= IFF_MULTI_QUEUE;
    /* Without it this would be one more queue of an interface that is there: somebody else's. */
    if (first)
        r.ifr_flags |= (short)IFF_TUN_EXCL;
    err = -set_interface(fd, &r);
    if (err == 0)
        return fd;
    close(fd);
    if (err == EBUSY || err == EINVAL)
        return why_set(why, -err,
                       "network interface \"%s\" exists already in this driver domain; "
                       "name another one (vifname=...)",
                       wish->name);
    return why_set(why, -err, "cannot make network interface \"%s\": %s", wish->name,
                   strerror(err));
}

/* The driver domain itself shall not speak on a guest's wire: no router solicitations, no address.
 * Best effort: without IPv6 the file is not there. */
static void silence_ipv6(const char *name)
{
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "1", 1) != 1)
        log_debug("%s: %s", path, strerror(errno));
    close(fd);
}

static int set_mtu(int sock, const struct port_wish *wish, struct why *why)
{
    struct ifreq r = request(wish->name);

    r.ifr_mtu = (int)wish->mtu;
    if (ioctl(sock, SIOCSIFMTU, &r) == 0)
        return 0;
    return why_set(why, -errno, "mtu %u is not possible: %s", wish->mtu, strerror(errno));
}

/* The highest address: a bridge takes the lowest one of its ports as its own, and that must never
 * be a guest's. */
static int set_address(int sock, const struct port_wish *wish, struct why *why)
{
    struct ifreq r = request(wish->name);

    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(r.ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
    if (ioctl(sock, SIOCSIFHWADDR, &r))
        return why_set(why, -errno, "%s: hardware address: %s", wish->name, strerror(errno));
    r = request(wish->name);
    r.ifr_qlen = PORT_QUEUE_FRAMES;
    if (ioctl(sock, SIOCSIFTXQLEN, &r))
        return why_set(why, -errno, "%s: queue length: %s", wish->name, strerror(errno));
    return 0;
}

/* A worker that is still ending has descriptors, too, and the interface would live as long as they
 * do.  The name is needed by the device's successor, which may be there at once. */
static void delete_interface(unsigned index)
{
    const struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
    struct netlink_request r;

    netlink_begin(&r, RTM_DELLINK, 0, &i, sizeof(i));
    netlink_hint(&r, "deleting an interface");
}

/* The guest has one address, and the bridge shall not need to learn it: frames for others, whose
 * port is just gone, are not poured over this guest's queue (a neighbour could fill it that way),
 * and those for this guest are not shown to others. */
static void pin_address(const struct port_wish *wish)
{
    unsigned index = if_nametoindex(wish->name);
    const struct ndmsg n = {.ndm_family = AF_BRIDGE,
                            .ndm_ifindex = (int)index,
                            .ndm_state = NUD_NOARP, /* static */
                            .ndm_flags = NTF_MASTER};
    const struct ifinfomsg i = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index};
    const uint8_t no = 0;
    struct netlink_request r;
    struct nlattr *nest;

    netlink_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &n, sizeof(n));
    netlink_attr(&r, NDA_LLADDR, wish->mac, sizeof(wish->mac));
    netlink_hint(&r, "pinning an address to its port");
    netlink_begin(&r, RTM_SETLINK, 0, &i, sizeof(i));
    nest = netlink_attr(&r, IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
    netlink_attr(&r, IFLA_BRPORT_UNICAST_FLOOD, &no, sizeof(no));
    netlink_attr(&r, IFLA_BRPORT_LEARNING, &no, sizeof(no));
    netlink_end(&r, nest);
    netlink_hint(&r, "keeping others' frames from a port");
}

static int join_linux(int sock, const struct port_wish *wish, struct why *why)
{
    struct ifreq r = request(wish->bridge);
    int rc = 0;

    r.ifr_ifindex = (int)if_nametoindex(wish->name);
    if (ioctl(sock, SIOCBRADDIF, &r))
        return -errno;
    if (wish->vlan[0])
        rc = vlan_join(wish->bridge, (unsigned)r.ifr_ifindex, wish->vlan, why);
    if (!rc) /* behind that: an address is pinned in each VLAN of the port */
        pin_address(wish);
    return rc;
}

static int join_bridge(int sock, struct port *p, const struct port_wish *wish, struct why *why)
{
    int rc;

    if (!wish->bridge[0])
        return wish->vlan[0] ? why_set(why, -EINVAL, "vlan=%s without a bridge", wish->vlan) : 0;
    rc = join_linux(sock, wish, why);
    if (rc == 0 || why->text[0])
        return rc;
    if (rc == -ENODEV)
        return why_set(why, rc,
                       "bridge \"%s\" does not exist in this driver domain; name one that does "
                       "(bridge=...) or add it to the image's network config",
                       wish->bridge);
    if (rc == -EOPNOTSUPP && ovs_is_there()) {
        p->ovs = true;
        return ovs_join(wish->bridge, wish->name, wish->vlan, why);
    }
    if (rc == -EOPNOTSUPP)
        return why_set(why, rc, "\"%s\" is not a bridge; name one (bridge=...)", wish->bridge);
    return why_set(why, rc, "cannot add \"%s\" to bridge \"%s\": %s", wish->name, wish->bridge,
                   strerror(-rc));
}

static int bring_up(int sock, const struct port_wish *wish, struct why *why)
{
    struct ifreq r = request(wish->name);

    if (ioctl(sock, SIOCGIFFLAGS, &r) == 0) {
        r.ifr_flags |= IFF_UP;
        if (ioctl(sock, SIOCSIFFLAGS, &r) == 0)
            return 0;
    }
    return why_set(why, -errno, "cannot bring up \"%s\": %s", wish->name, strerror(errno));
}

static int configure(struct port *p, const struct port_wish *wish, struct why *why)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (sock < 0)
        return why_set(why, -errno, "socket: %s", strerror(errno));
    silence_ipv6(wish->name);
    rc = set_mtu(sock, wish, why);
    if (!rc)
        rc = set_address(sock, wish, why);
    if (!rc)
        rc = join_bridge(sock, p, wish, why);
    if (!rc)
        rc = bring_up(sock, wish, why);
    close(sock);
    return rc;
}

int port_open(struct port *p, const struct port_wish *wish, struct why *why)
{
    int rc = 0;

    memset(p, 0, sizeof(*p));
    why->text[0] = '\0';
    memcpy(p->name, wish->name, sizeof(p->name));
    while (p->queues < wish->queues && !rc) {
        int fd = open_queue(wish, p->queues == 0, why);

        if (fd < 0) {
            rc = fd;
            break;
        }
        p->fd[p->queues++] = fd;
        p->index = if_nametoindex(p->name);
    }
    /* No carrier until a guest is connected: the bridge then sends nothing here. */
    if (!rc && port_set_carrier(p->fd[0], false))
        log_debug("%s: this kernel cannot set the carrier of a TAP", wish->name);
    if (!rc)
        rc = configure(p, wish, why);
    if (rc)
        port_close(p);
    return rc;
}

/* What the kernel could not keep for the guest (PORT_QUEUE_FRAMES) dies with the interface's
 * counters. */
static void tell_dropped(const struct port *p)
{
    char path[96], text[24] = "";
    unsigned long long n;
    int fd;

    snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", p->name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) < 0)
        log_debug("%s: %s", path, strerror(errno));
    close(fd);
    n = strtoull(text, NULL, 10);
    if (n > 0)
        log_info("%s: %llu frames were dropped: they came faster than the guest took them", p->name,
                 n);
}

void port_close(struct port *p)
{
    if (p->index > 0)
        tell_dropped(p);
    if (p->ovs)
        ovs_leave(p->name);
    if (p->queues > 0 && p->index > 0)
        delete_interface(p->index);
    for (uint32_t i = 0; i < p->queues; i++)
        close(p->fd[i]);
    p->queues = 0;
}

int port_set_steering(struct port *p, const struct net_hash *h, uint32_t queues)
{
    int program = -1, rc; /* -1: none */

    if (p->queues < 2)
        return 0;
    if (hash_on(h)) {
        program = steer_load(h, queues);
        if (program < 0)
            return program;
    }
    rc = ioctl(p->fd[0], TUNSETSTEERINGEBPF, &program) ? -errno : 0;
    if (program >= 0)
        close(program);
    return rc;
}

int port_set_offloads(int fd, unsigned takes)
{
    unsigned long flags = 0;

    if (takes & PORT_TAKES_CSUM)
        flags |= TUN_F_CSUM;
    if (takes & PORT_TAKES_TSO4)
        flags |= TUN_F_TSO4;
    if (takes & PORT_TAKES_TSO6)
        flags |= TUN_F_TSO6;
    return ioctl(fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

int port_use_queue(int fd, bool use)
{
    struct ifreq r = {.ifr_flags = use ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    /* EINVAL: it is so already. */
    return ioctl(fd, TUNSETQUEUE, &r) && errno != EINVAL ? -errno : 0;
}

int port_set_carrier(int fd, bool up)
{
    int on = up;

    return ioctl(fd, TUNSETCARRIER, &on) ? -errno : 0;
}
