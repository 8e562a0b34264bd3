/*
 * smoke: a page and an event channel between two processes: round trips and copies, timed.
 *
 *     smoke OWN-DOMID PEER-DOMID [ROUNDS]
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "tests/conformance/peer.h"

enum { BATCH = 32, COPIES = 20000 };

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void round_trips(struct peer *front, uint32_t own, uint32_t rounds)
{
    xenevtchn_handle *h = xenevtchn_open(NULL, 0);
    uint32_t rport = (uint32_t)peer_do(front, P_ALLOC, own, 0, 0).rc;
    int port = h ? xenevtchn_bind_interdomain(h, front->domid, rport) : -1;
    double t;

    if (port < 0 || xenevtchn_pending(h) != port)
        err(1, "bind");
    xenevtchn_unmask(h, (evtchn_port_t)port);
    peer_do(front, P_ECHO, rport, rounds, 0);
    t = now_us();
    for (uint32_t i = 0; i < rounds; i++) {
        xenevtchn_notify(h, (evtchn_port_t)port);
        if (xenevtchn_pending(h) != port)
            err(1, "pending");
        xenevtchn_unmask(h, (evtchn_port_t)port);
    }
    printf("%u round trips, %.2f us each\n", rounds, (now_us() - t) / rounds);
    xenevtchn_close(h);
}

static void copies(struct peer *front, uint32_t own)
{
    xengnttab_handle *g = xengnttab_open(NULL, 0);
    struct peer_ans a = peer_do(front, P_SHARE, own, BATCH, 1);
    static uint8_t buf[BATCH * 4096];
    xengnttab_grant_copy_segment_t s[BATCH];
    double t = now_us();
    uint8_t *p;

    if (!g || a.rc < 0)
        err(1, "share");
    memset(s, 0, sizeof(s));
    for (int i = 0; i < BATCH; i++) {
        s[i].source.foreign.ref = a.ref[i];
        s[i].source.foreign.domid = (uint16_t)front->domid;
        s[i].dest.virt = buf + i * 4096;
        s[i].len = 4096;
        s[i].flags = GNTCOPY_source_gref;
    }
    for (int n = 0; n < COPIES / BATCH; n++)
        if (xengnttab_grant_copy(g, BATCH, s) < 0 || s[0].status != 0)
            err(1, "grant_copy");
    printf("%d page copies, %.3f us each\n", COPIES, (now_us() - t) / COPIES);
    t = now_us();
    for (int n = 0; n < COPIES; n++) {
        p = xengnttab_map_grant_ref(g, front->domid, a.ref[0], PROT_READ);
        if (!p || p[0] != 0x40 || xengnttab_unmap(g, p, 1) < 0)
            err(1, "map");
    }
    printf("%d map and unmap, %.2f us each\n", COPIES, (now_us() - t) / COPIES);
    xengnttab_close(g);
}

int main(int argc, char **argv)
{
    struct peer front;
    uint32_t own;

    if (argc == 3 && strcmp(argv[1], "peer") == 0)
        return peer_main(atoi(argv[2]));
    if (argc < 3)
        errx(2, "usage: smoke OWN-DOMID PEER-DOMID [ROUNDS]");
    own = (uint32_t)atoi(argv[1]);
    front = peer_start("/proc/self/exe", (uint32_t)atoi(argv[2]));
    copies(&front, own);
    round_trips(&front, own, argc > 3 ? (uint32_t)atoi(argv[3]) : 100000);
    peer_kill(&front);
    return 0;
}
