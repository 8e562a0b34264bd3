/*
 * torture: workers killed at any moment, in the middle of notifications above all, and each time a
 * successor takes over the same port and page.  Nothing may hang, leak or be lost.
 *
 *     torture OWN-DOMID PEER-DOMID [ROUNDS [SEED]]
 */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "tests/conformance/peer.h"

enum { PATIENCE_MS = 2000, TRIPS = 20, PAGES = 8 };

static xenevtchn_handle *ev;
static evtchn_port_t port;

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* One notification there and one back; false when none has come in time. */
static bool trip(int patience_ms)
{
    struct pollfd p = {.fd = xenevtchn_fd(ev), .events = POLLIN};
    int got;

    xenevtchn_notify(ev, port);
    if (poll(&p, 1, patience_ms) <= 0)
        return false;
    got = xenevtchn_pending(ev);
    xenevtchn_unmask(ev, (evtchn_port_t)got);
    return got == (int)port;
}

/* An event of the dead one's may still be there, at most one: the port was masked since. */
static void drain(void)
{
    struct pollfd p = {.fd = xenevtchn_fd(ev), .events = POLLIN};

    while (poll(&p, 1, 0) > 0) {
        int got = xenevtchn_pending(ev);

        xenevtchn_unmask(ev, (evtchn_port_t)got);
    }
}

static void round_of(uint32_t domid, uint32_t own, const uint32_t *ref, unsigned n)
{
    struct peer w = peer_start("/proc/self/exe", domid);
    struct peer_ans a = peer_do(&w, P_BIND, own, port, 0);
    uint64_t end = now_us() + (uint64_t)rand() % 3000;

    if (a.rc < 0)
        errx(1, "round %u: bind failed, errno %d", n, a.err);
    for (unsigned i = 0; i < PAGES; i++)
        if (peer_do(&w, P_MAP, own, ref[i], 0).rc < 0)
            errx(1, "round %u: map failed", n);
    peer_do(&w, P_ECHO, (uint32_t)a.rc, 1u << 30, 0);
    drain();
    for (unsigned i = 0; i < TRIPS; i++)
        if (!trip(PATIENCE_MS))
            errx(1, "round %u: event lost at trip %u", n, i);
    /* Not waiting for the answer: it is to die in the middle of one. */
    while (now_us() < end) {
        xenevtchn_notify(ev, port);
        drain();
    }
    peer_kill(&w);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    xengntshr_handle *shr;
    uint32_t own, domid, ref[PAGES];
    void *pages;
    int p;

    if (argc == 3 && argv[1][0] == 'p')
        return peer_main(atoi(argv[2]));
    if (argc < 3)
        errx(2, "usage: torture OWN-DOMID PEER-DOMID [ROUNDS [SEED]]");
    own = (uint32_t)atoi(argv[1]);
    domid = (uint32_t)atoi(argv[2]);
    srand(argc > 4 ? (unsigned)atoi(argv[4]) : 1);
    ev = xenevtchn_open(NULL, 0);
    shr = xengntshr_open(NULL, 0);
    p = ev ? xenevtchn_bind_unbound_port(ev, domid) : -1;
    pages = shr ? xengntshr_share_pages(shr, domid, PAGES, ref, 1) : NULL;
    if (p < 0 || !pages)
        err(1, "open");
    port = (evtchn_port_t)p;
    for (unsigned n = 0; n < rounds; n++)
        round_of(domid, own, ref, n);
    printf("%u workers killed, each succeeded\n", rounds);
    return xengntshr_unshare(shr, pages, PAGES);
}
