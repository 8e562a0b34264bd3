/* See ports.h. */
#include "driver-domain/drvdomd/ports.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/evtchn.h>

/* A worker may be compromised: only event channels, and those only of its own. */
static bool is_evtchn(int fd)
{
    struct stat want, st;

    return stat("/dev/xen/evtchn", &want) == 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == want.st_rdev;
}

void ports_hold(struct device *dev, const struct worker_msg *m, const int *fds, int nfds)
{
    struct held_port *p = &dev->port[dev->nports];
    bool good = nfds == 1 && dev->nports < PORTS_MAX && m->payload_len == sizeof(p->port) &&
                is_evtchn(fds[0]);

    for (int i = good ? 1 : 0; i < nfds; i++)
        close(fds[i]);
    if (!good)
        return; /* its successor waits for the kernel */
    memcpy(&p->port, m->payload, sizeof(p->port));
    p->fd = fds[0];
    dev->nports++;
}

void ports_let_go(struct device *dev)
{
    for (unsigned i = 0; i < dev->nports; i++) {
        struct ioctl_evtchn_unbind u = {.port = dev->port[i].port};

        (void)ioctl(dev->port[i].fd, IOCTL_EVTCHN_UNBIND, &u); /* unbound already: good */
        close(dev->port[i].fd);
    }
    dev->nports = 0;
}
