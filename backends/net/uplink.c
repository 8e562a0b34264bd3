/* See uplink.h.  Linux: Documentation/ABI/testing/sysfs-class-net, rtnetlink(7). */
#include "backends/net/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int uplink_watch(void)
{
    const struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), err;

    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    err = errno;
    close(fd);
    return -err;
}

static bool exists(const char *port, const char *what)
{
    char path[96];

    snprintf(path, sizeof(path), "/sys/class/net/%.15s/%s", port, what);
    return access(path, F_OK) == 0;
}

/* The attribute of this type among `left` bytes of them; NULL: there is none. */
static const struct rtattr *find(const struct rtattr *a, size_t left, unsigned type)
{
    while (left >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left) {
        size_t step = MIN(RTA_ALIGN((size_t)a->rta_len), left);

        if (a->rta_type == type)
            return a;
        left -= step;
        a = (const struct rtattr *)(const void *)((const char *)a + step);
    }
    return NULL;
}

/* A TAP says so itself, but not in what the bridge tells of its ports; there it is looked for. */
static bool is_tap(const struct nlmsghdr *h)
{
    const struct rtattr *a = IFLA_RTA(NLMSG_DATA(h));
    size_t left = h->nlmsg_len - MIN(h->nlmsg_len, NLMSG_SPACE(sizeof(struct ifinfomsg)));
    const struct rtattr *name = find(a, left, IFLA_IFNAME), *info = find(a, left, IFLA_LINKINFO);
    const struct rtattr *kind =
        info ? find(RTA_DATA(info), RTA_PAYLOAD(info), IFLA_INFO_KIND) : NULL;

    return (kind && strcmp(RTA_DATA(kind), "tun") == 0) ||
           (name && exists(RTA_DATA(name), "tun_flags"));
}

bool uplink_tells(const void *messages, size_t len)
{
    const struct nlmsghdr *h = messages;

    for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
        if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) || !is_tap(h))
            return true;
    }
    return len > 0; /* more than was read */
}

bool uplink_drain(int fd)
{
    _Alignas(struct nlmsghdr) char buf[8192];
    bool tells = false;
    ssize_t n;

    /* ENOBUFS, more than it could keep, is one more reason to look. */
    while ((n = recv(fd, buf, sizeof(buf), MSG_TRUNC)) > 0 || (n < 0 && errno == ENOBUFS))
        tells |= n < 0 || (size_t)n > sizeof(buf) || uplink_tells(buf, (size_t)n);
    return tells;
}

/* An interface that is down says EINVAL. */
static bool has_link(const char *port)
{
    char path[96], c = '0';
    int fd;

    snprintf(path, sizeof(path), "/sys/class/net/%.15s/carrier", port);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (read(fd, &c, 1) != 1)
        c = '0';
    close(fd);
    return c == '1';
}

bool uplink_is_up(const char *bridge)
{
    bool any = false, up = false;
    char path[96];
    struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/sys/class/net/%.15s/brif", bridge);
    d = bridge[0] ? opendir(path) : NULL;
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.' || exists(e->d_name, "tun_flags"))
            continue;
        any = true;
        up |= has_link(e->d_name);
    }
    if (d)
        closedir(d);
    return up || !any;
}
