/* See evtchn.h. */
#include "transport/xen/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "transport/base/log.h"

int evtchn_open(struct evtchn *e)
{
    int fd, flags;

    e->h = xenevtchn_open(NULL, 0);
    if (!e->h)
        return -(errno ? errno : ENODEV);
    fd = xenevtchn_fd(e->h);
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        int err = errno;

        evtchn_close(e);
        return -err;
    }
    return 0;
}

void evtchn_close(struct evtchn *e)
{
    if (e->h)
        xenevtchn_close(e->h);
    e->h = NULL;
}

int evtchn_restrict(struct evtchn *e, unsigned domid)
{
    return xenevtchn_restrict(e->h, (domid_t)domid) ? -errno : 0;
}

int evtchn_fd(const struct evtchn *e)
{
    return xenevtchn_fd(e->h);
}

int evtchn_bind(struct evtchn *e, unsigned domid, uint32_t remote_port)
{
    int port = xenevtchn_bind_interdomain(e->h, domid, remote_port);

    return port < 0 ? -(errno ? errno : EINVAL) : port;
}

int evtchn_offer(struct evtchn *e, unsigned domid)
{
    int port = xenevtchn_bind_unbound_port(e->h, domid);

    return port < 0 ? -(errno ? errno : EINVAL) : port;
}

int evtchn_rebind(struct evtchn *e, unsigned domid, uint32_t remote_port)
{
    const struct timespec ms = {.tv_nsec = 1000000};
    uint64_t from = clock_ns();
    int rc = evtchn_bind(e, domid, remote_port), tries;

    for (tries = 0; rc == -EINVAL && tries < 1000; tries++) {
        nanosleep(&ms, NULL);
        rc = evtchn_bind(e, domid, remote_port);
    }
    if (tries > 0)
        log_info("port %u of domain %u was bound for another %llu us", remote_port, domid,
                 (unsigned long long)(clock_ns() - from) / 1000);
    return rc;
}

int evtchn_unbind(struct evtchn *e, uint32_t local_port)
{
    return xenevtchn_unbind(e->h, local_port) ? -errno : 0;
}

int evtchn_pending(struct evtchn *e)
{
    int port = xenevtchn_pending(e->h);

    if (port > 0)
        return port;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int evtchn_unmask(struct evtchn *e, uint32_t local_port)
{
    return xenevtchn_unmask(e->h, local_port) ? -errno : 0;
}

int evtchn_notify(struct evtchn *e, uint32_t local_port)
{
    return xenevtchn_notify(e->h, local_port) ? -errno : 0;
}
