/*
 * Conformance: event channels: states, masking, rebinding after a death, restriction.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <xenevtchn.h>

#include "tests/conformance/conf.h"

enum { SOON_MS = 200 };

/* The port of the next event, 0 when none comes. */
static int next_event(xenevtchn_handle *h)
{
    struct pollfd p = {.fd = xenevtchn_fd(h), .events = POLLIN};

    return poll(&p, 1, SOON_MS) > 0 ? xenevtchn_pending(h) : 0;
}

static void quiet(const char *name, xenevtchn_handle *h)
{
    printf("%s: %s\n", name, next_event(h) ? "event" : "nothing");
}

static void event(const char *name, xenevtchn_handle *h, int port)
{
    int got = next_event(h);

    printf("%s: %s\n", name, got == port ? "event" : got ? "another port" : "nothing");
}

static uint32_t peer_alloc(uint32_t domid)
{
    return (uint32_t)peer_do(&front, P_ALLOC, domid, 0, 0).rc;
}

static void masking(xenevtchn_handle *h)
{
    uint32_t rport = peer_alloc(own);
    int port = xenevtchn_bind_interdomain(h, front.domid, rport);

    printf("bind: %s\n", port > 0 ? "ok" : strerrorname_np(errno));
    event("after bind, here", h, port);
    printf("after bind, there: %d\n", peer_do(&front, P_WAIT, SOON_MS, 0, 0).rc == (int)rport);
    peer_do(&front, P_NOTIFY, rport, 0, 0);
    quiet("notified while masked", h);
    say("unmask", xenevtchn_unmask(h, (evtchn_port_t)port));
    event("after unmask", h, port);
    xenevtchn_unmask(h, (evtchn_port_t)port);
    quiet("unmasked, nothing new", h);
    peer_do(&front, P_NOTIFY, rport, 0, 0);
    peer_do(&front, P_NOTIFY, rport, 0, 0);
    event("two notifications", h, port);
    xenevtchn_unmask(h, (evtchn_port_t)port);
    say("notify", xenevtchn_notify(h, (evtchn_port_t)port));
    printf("peer woken: %d\n", peer_do(&front, P_WAIT, SOON_MS, 0, 0).rc == (int)rport);
    say("unmask twice", xenevtchn_unmask(h, (evtchn_port_t)port));
    say("unmask a strange port", xenevtchn_unmask(h, 4000));
    say("unbind", xenevtchn_unbind(h, (evtchn_port_t)port));
    say("notify after unbind", xenevtchn_notify(h, (evtchn_port_t)port));
    say("unbind again", xenevtchn_unbind(h, (evtchn_port_t)port));
    say("peer notifies nobody", peer_do(&front, P_NOTIFY, rport, 0, 0).rc);
    port = xenevtchn_bind_interdomain(h, front.domid, rport);
    printf("bind the same again: %s\n", port > 0 ? "ok" : strerrorname_np(errno));
    event("after that", h, port);
}

static void bind_errors(xenevtchn_handle *h)
{
    uint32_t rport = peer_alloc(own), other = peer_alloc(501);
    xenevtchn_handle *h2 = xenevtchn_open(NULL, 0);
    int port = xenevtchn_bind_interdomain(h, front.domid, rport);

    if (port < 0 || !h2)
        err(1, "bind_errors");
    say("bind twice", xenevtchn_bind_interdomain(h, front.domid, rport));
    say("bind twice, other handle", xenevtchn_bind_interdomain(h2, front.domid, rport));
    say("bind another's", xenevtchn_bind_interdomain(h, front.domid, other));
    say("bind a free port", xenevtchn_bind_interdomain(h, front.domid, 4000));
    say("bind port 0", xenevtchn_bind_interdomain(h, front.domid, 0));
    say("bind a huge port", xenevtchn_bind_interdomain(h, front.domid, 0x7fffffff));
    say("bind to no domain", xenevtchn_bind_interdomain(h, 700, 5));
    say("notify another handle's", xenevtchn_notify(h2, (evtchn_port_t)port));
    say("unbind another handle's", xenevtchn_unbind(h2, (evtchn_port_t)port));
    say("unbind a huge port", xenevtchn_unbind(h, 0x7fffffff));
    xenevtchn_close(h2);
    fcntl(xenevtchn_fd(h), F_SETFL, O_NONBLOCK);
    while (xenevtchn_pending(h) > 0)
        ;
    say("pending, none there", xenevtchn_pending(h));
    fcntl(xenevtchn_fd(h), F_SETFL, 0);
}

/* A worker's death and its successor's work (architecture: recovery) */
static void deaths(void)
{
    struct peer worker = peer_start(self_path, own), next;
    xenevtchn_handle *h = xenevtchn_open(NULL, 0);
    int mine = h ? xenevtchn_bind_unbound_port(h, own) : -1;
    struct peer_ans a;

    if (mine < 0)
        err(1, "deaths");
    a = peer_do(&worker, P_BIND, own, (uint32_t)mine, 0);
    printf("worker binds: %d\n", a.rc > 0);
    say("notify the worker", xenevtchn_notify(h, (evtchn_port_t)mine));
    peer_kill(&worker);
    say("notify a dead worker", xenevtchn_notify(h, (evtchn_port_t)mine));
    quiet("told of its death", h);
    next = peer_start(self_path, own);
    a = peer_do(&next, P_BIND, own, (uint32_t)mine, 0);
    printf("successor binds: %d\n", a.rc > 0);
    printf("successor woken: %d\n", peer_do(&next, P_WAIT, SOON_MS, 0, 0).rc == a.rc);
    peer_do(&next, P_NOTIFY, (uint32_t)a.rc, 0, 0);
    event("successor notifies", h, mine);
    xenevtchn_close(h);
    a = peer_do(&next, P_NOTIFY, (uint32_t)a.rc, 0, 0);
    say_err("successor notifies nobody", a.rc, a.err);
    peer_kill(&next);
}

static void restriction(void)
{
    xenevtchn_handle *h = xenevtchn_open(NULL, 0);
    uint32_t rport = peer_alloc(own);
    int port;

    if (!h)
        err(1, "restriction");
    say("restrict to domain 0", xenevtchn_restrict(h, 0));
    say("restrict to DOMID_SELF", xenevtchn_restrict(h, 0x7ff0));
    say("restrict", xenevtchn_restrict(h, (domid_t)front.domid));
    say("restrict again", xenevtchn_restrict(h, (domid_t)front.domid));
    say("restricted: bind elsewhere", xenevtchn_bind_interdomain(h, 700, 5));
    port = xenevtchn_bind_unbound_port(h, 700);
    printf("restricted: listen elsewhere: %s\n", port > 0 ? "ok" : strerrorname_np(errno));
    say("restricted: virq", xenevtchn_bind_virq(h, 3));
    port = xenevtchn_bind_interdomain(h, front.domid, rport);
    printf("restricted: bind: %s\n", port > 0 ? "ok" : strerrorname_np(errno));
    say("restricted: notify", xenevtchn_notify(h, (evtchn_port_t)port));
    xenevtchn_close(h);
    say("close nothing", xenevtchn_close(NULL));
}

static void closing(void)
{
    xenevtchn_handle *h = xenevtchn_open(NULL, 0), *h2 = xenevtchn_open(NULL, 0);
    uint32_t rport = peer_alloc(own);

    if (!h || !h2)
        err(1, "closing");
    printf("bind: %d\n", xenevtchn_bind_interdomain(h, front.domid, rport) > 0);
    xenevtchn_close(h);
    printf("bind after close: %d\n", xenevtchn_bind_interdomain(h2, front.domid, rport) > 0);
    xenevtchn_close(h2);
}

void conf_evtchn(void)
{
    xenevtchn_handle *h = xenevtchn_open(NULL, 0);

    if (!h)
        err(1, "xenevtchn_open");
    say("open with unknown flags", xenevtchn_open(NULL, 8) ? 0 : -1);
    masking(h);
    bind_errors(h);
    xenevtchn_close(h);
    closing();
    deaths();
    restriction();
}
