/* See uplink.h.  Linux: Documentation/ABI/testing/sysfs-class-net, rtnetlink(7). */
#include "backends/net/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
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

void uplink_drain(int fd)
{
    char buf[4096];

    /* ENOBUFS, more than it could keep, is one more reason to look. */
    while (recv(fd, buf, sizeof(buf), 0) > 0 || errno == ENOBUFS)
        ;
}

static bool exists(const char *port, const char *what)
{
    char path[96];

    snprintf(path, sizeof(path), "/sys/class/net/%.15s/%s", port, what);
    return access(path, F_OK) == 0;
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
