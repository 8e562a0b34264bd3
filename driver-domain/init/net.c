/* See net.h.
 * #syscalls: socket ioctl close */
#include "driver-domain/init/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver-domain/init/boot.h"

static int control(unsigned long request, void *arg)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    rc = ioctl(fd, request, arg) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

/* conf.c has seen to it that names fit. */
static struct ifreq request_for(const char *ifname)
{
    struct ifreq ifr = {0};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    return ifr;
}

int net_up(const char *ifname)
{
    struct ifreq ifr = request_for(ifname);
    int rc = control(SIOCGIFFLAGS, &ifr);

    if (rc < 0)
        return rc;
    ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
    return control(SIOCSIFFLAGS, &ifr);
}

static bool has_mac(const char *ifname, const uint8_t mac[6])
{
    struct ifreq ifr = request_for(ifname);

    return control(SIOCGIFHWADDR, &ifr) == 0 && ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER &&
           memcmp(ifr.ifr_hwaddr.sa_data, mac, 6) == 0;
}

int net_rename(const uint8_t mac[6], const char *ifname)
{
    struct if_nameindex *list;
    int rc = -ENODEV;

    /* Its own name first: a bridge carries the address of one of its ports. */
    if (has_mac(ifname, mac))
        return 0;
    list = if_nameindex();
    for (struct if_nameindex *i = list; i && i->if_index && rc == -ENODEV; i++) {
        struct ifreq ifr = request_for(i->if_name);

        if (!has_mac(i->if_name, mac))
            continue;
        memcpy(ifr.ifr_newname, request_for(ifname).ifr_name, IFNAMSIZ);
        rc = control(SIOCSIFNAME, &ifr);
    }
    if (list)
        if_freenameindex(list);
    return rc;
}

int net_bridge(const char *name, bool vlans)
{
    char copy[IFNAMSIZ], path[64];
    int rc;

    snprintf(copy, sizeof(copy), "%s", name);
    rc = control(SIOCBRADDBR, copy);
    if (rc == -EEXIST)
        rc = 0;
    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge/vlan_filtering", copy);
    if (!rc && vlans)
        rc = boot_sysctl(path, "1");
    return rc < 0 ? rc : net_up(name);
}

/* All VLANs from 2 on, as a range of two ends (linux/if_bridge.h). */
static int carry_vlans(unsigned index)
{
    struct {
        struct nlmsghdr h;
        struct ifinfomsg i;
        struct nlattr nest;
        struct {
            struct nlattr a;
            struct bridge_vlan_info v;
        } end[2];
    } r = {
        .h = {.nlmsg_len = sizeof(r), .nlmsg_type = RTM_SETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .i = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index},
        .nest = {.nla_type = IFLA_AF_SPEC, .nla_len = sizeof(r.nest) + sizeof(r.end)},
        .end = {{.v = {.flags = BRIDGE_VLAN_INFO_RANGE_BEGIN, .vid = 2}},
                {.v = {.flags = BRIDGE_VLAN_INFO_RANGE_END, .vid = 4094}}},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc;

    if (fd < 0)
        return -errno;
    for (unsigned i = 0; i < 2; i++)
        r.end[i].a =
            (struct nlattr){.nla_type = IFLA_BRIDGE_VLAN_INFO, .nla_len = sizeof(r.end[i])};
    rc = send(fd, &r, sizeof(r), 0) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

int net_bridge_port(const char *bridge, const char *port, bool vlans)
{
    struct ifreq ifr = request_for(bridge);
    int rc;

    ifr.ifr_ifindex = (int)if_nametoindex(port);
    if (ifr.ifr_ifindex == 0)
        return -ENODEV;
    rc = control(SIOCBRADDIF, &ifr);
    if (rc == -EBUSY)
        rc = 0;
    if (!rc && vlans)
        rc = carry_vlans((unsigned)ifr.ifr_ifindex);
    return rc < 0 ? rc : net_up(port);
}

int net_mtu(const char *ifname, unsigned mtu)
{
    struct ifreq ifr = request_for(ifname);

    ifr.ifr_mtu = (int)mtu;
    return control(SIOCSIFMTU, &ifr);
}

static void put_addr(struct sockaddr *sa, uint32_t addr)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(addr)};

    memcpy(sa, &in, sizeof(in));
}

int net_address(const char *ifname, uint32_t addr, unsigned prefix)
{
    struct ifreq ifr = request_for(ifname);
    int rc;

    put_addr(&ifr.ifr_addr, addr);
    rc = control(SIOCSIFADDR, &ifr);
    if (rc < 0)
        return rc;
    put_addr(&ifr.ifr_netmask, prefix ? UINT32_MAX << (32 - prefix) : 0);
    rc = control(SIOCSIFNETMASK, &ifr);
    return rc < 0 ? rc : net_up(ifname);
}

int net_gateway(uint32_t addr)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    int rc;

    put_addr(&route.rt_dst, 0);
    put_addr(&route.rt_genmask, 0);
    put_addr(&route.rt_gateway, addr);
    rc = control(SIOCADDRT, &route);
    return rc == -EEXIST ? 0 : rc;
}

const char *net_names(char *buf, size_t size)
{
    struct if_nameindex *list = if_nameindex();
    size_t at = 0;

    buf[0] = '\0';
    for (struct if_nameindex *i = list; i && i->if_index; i++) {
        int n = snprintf(buf + at, size - at, "%s%s", at ? " " : "", i->if_name);

        if (n < 0 || (size_t)n >= size - at)
            break;
        at += (size_t)n;
    }
    if (list)
        if_freenameindex(list);
    return buf;
}
