/*
 * See port.h.  The kernel lets go of a dead worker's TAP late (its io_uring holds it), so a new
 * interface would have to wait; and the bridge would lose the port.
 *
 * #syscalls pidfd_open pidfd_getfd; in drvdomd, as root
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/net/port.h"

enum { FDS_MAX = 256, KIND = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };

static bool is_tun(int fd, dev_t tun)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == tun;
}

/* A worker may be compromised: a descriptor is what the kernel says, of this interface only.  Of a
 * queue that the guest does not use it says nothing (EBADFD); but a worker cannot open others. */
static bool is_queue_of(int fd, const struct port_wish *wish, dev_t tun)
{
    struct ifreq r;
    int kind = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (wish->queues > 1 ? IFF_MULTI_QUEUE : 0);

    if (!is_tun(fd, tun))
        return false;
    memset(&r, 0, sizeof(r));
    if (ioctl(fd, TUNGETIFF, &r))
        return errno == EBADFD;
    return strncmp(r.ifr_name, wish->name, IFNAMSIZ) == 0 && (r.ifr_flags & KIND) == kind;
}

/* Is the interface where it is wished to be?  Not so on Open vSwitch, whose ports are not here. */
static bool is_in_place(const struct port_wish *wish)
{
    char path[96];

    if (!wish->bridge[0])
        return true;
    snprintf(path, sizeof(path), "/sys/class/net/%.15s/brif/%.15s", wish->bridge, wish->name);
    return access(path, F_OK) == 0;
}

/* In the order of their numbers, which is that of the queues. */
static void take_queues(struct port *p, const struct port_wish *wish, int worker, dev_t tun)
{
    for (int n = 0; n < FDS_MAX && p->queues < wish->queues; n++) {
        int fd = (int)syscall(SYS_pidfd_getfd, worker, n, 0);

        if (fd < 0)
            continue;
        if (is_queue_of(fd, wish, tun))
            p->fd[p->queues++] = fd;
        else
            close(fd);
    }
}

bool port_inherit(struct port *p, const struct port_wish *wish, pid_t worker)
{
    struct stat tun;
    int pidfd = -1;

    memset(p, 0, sizeof(*p));
    memcpy(p->name, wish->name, sizeof(p->name));
    if (is_in_place(wish) && stat("/dev/net/tun", &tun) == 0)
        pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
    if (pidfd < 0)
        return false;
    take_queues(p, wish, pidfd, tun.st_rdev);
    close(pidfd);
    p->index = if_nametoindex(p->name);
    if (p->queues == wish->queues && p->index > 0)
        return true;
    while (p->queues > 0)
        close(p->fd[--p->queues]);
    return false;
}
