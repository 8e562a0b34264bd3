/*
 * conf: every call of libxengnttab and libxenevtchn the project uses, and every error it relies on,
 * one line of result each.  The same lines must come out on fakexen and on Xen.
 *
 *     conf OWN-DOMID [PEER-DOMID]
 *
 * On Xen both processes are in one domain (grants and channels to oneself are checked by the same
 * code); on fakexen the peer may also be another domain's.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "tests/conformance/conf.h"

struct peer front;
uint32_t own;
const char *self_path;
xengnttab_handle *gnt;

void say_err(const char *name, long rc, int error)
{
    printf("%s: %ld %s\n", name, rc, rc < 0 && error ? strerrorname_np(error) : "-");
}

void say(const char *name, long rc)
{
    say_err(name, rc, errno); /* errno as an argument could be read before the call it is about */
}

void say_map(const char *name, const void *p)
{
    int e = errno;

    printf("%s: %s %s\n", name, p ? "mapped" : "refused", p ? "-" : strerrorname_np(e));
}

uint32_t share1(int writable)
{
    return peer_do(&front, P_SHARE, own, 1, (uint32_t)writable).ref[0];
}

static void *map(uint32_t domid, uint32_t ref, int prot)
{
    return xengnttab_map_grant_ref(gnt, domid, ref, prot);
}

static void unmap(void *p, uint32_t n)
{
    if (p && xengnttab_unmap(gnt, p, n) < 0)
        printf("unmap: failed %s\n", strerrorname_np(errno));
}

static void map_right(void)
{
    uint32_t ref = share1(1), ro = share1(0);
    uint8_t *p = map(front.domid, ref, PROT_READ | PROT_WRITE), *q;

    say_map("map writable", p);
    if (p) {
        printf("map: reads %#x\n", p[7]);
        p[9] = 0x77;
        printf("map: peer reads %#x\n", peer_do(&front, P_PEEK, ref, 9, 0).rc);
    }
    q = map(front.domid, ref, PROT_READ);
    say_map("map the same read-only", q);
    printf("map: second reads %#x\n", q ? q[9] : 0);
    unmap(q, 1);
    unmap(p, 1);
    p = map(front.domid, ro, PROT_READ);
    say_map("map read-only grant for reading", p);
    unmap(p, 1);
    say_map("map read-only grant for writing", map(front.domid, ro, PROT_READ | PROT_WRITE));
    peer_do(&front, P_UNSHARE, ref, 0, 0);
    say_map("map revoked", map(front.domid, ref, PROT_READ));
    peer_do(&front, P_UNSHARE, ro, 0, 0);
}

static void map_wrong(void)
{
    uint32_t other = peer_do(&front, P_SHARE, 501, 1, 1).ref[0];

    say_map("map bad reference", map(front.domid, 0x7fffffff, PROT_READ));
    say_map("map granted to another", map(front.domid, other, PROT_READ));
    say_map("map of no such domain", map(700, 8, PROT_READ));
    say_map("map of domain above all", map(0x7ff1, 8, PROT_READ));
    say_map("map nothing", xengnttab_map_domain_grant_refs(gnt, 0, front.domid, &other, PROT_READ));
    peer_do(&front, P_UNSHARE, other, 0, 0);
}

static void map_many(void)
{
    struct peer_ans a = peer_do(&front, P_SHARE, own, 8, 1);
    uint32_t bad[8], doms[8];
    uint8_t *p;

    p = xengnttab_map_domain_grant_refs(gnt, 8, front.domid, a.ref, PROT_READ | PROT_WRITE);
    say_map("map eight", p);
    for (size_t i = 0; p && i < 8; i++)
        printf("eight[%zu]: %#x\n", i, p[i * 4096]);
    say("unmap with wrong count", p ? xengnttab_unmap(gnt, p, 7) : 0);
    say("unmap", p ? xengnttab_unmap(gnt, p, 8) : 0);
    say("unmap nothing", xengnttab_unmap(gnt, NULL, 1));
    for (size_t i = 0; i < 8; i++) {
        doms[i] = front.domid;
        bad[i] = i == 5 ? 0x7fffffff : a.ref[7 - i];
    }
    say_map("map eight, one bad", xengnttab_map_grant_refs(gnt, 8, doms, bad, PROT_READ));
    bad[5] = a.ref[2];
    p = xengnttab_map_grant_refs(gnt, 8, doms, bad, PROT_READ);
    say_map("map eight backwards", p);
    printf("backwards: %#x %#x\n", p ? p[0] : 0, p ? p[7 * 4096] : 0);
    peer_do(&front, P_UNSHARE, a.ref[0], 0, 0);
    printf("revoked while mapped: %#x\n", p ? p[0] : 0);
    unmap(p, 8);
}

static void map_notify(void)
{
    uint32_t ref = share1(1), ro = share1(0);
    uint32_t port = (uint32_t)peer_do(&front, P_ALLOC, own, 0, 0).rc;
    xenevtchn_handle *e = xenevtchn_open(NULL, 0);
    int mine = e ? xenevtchn_bind_interdomain(e, front.domid, port) : -1;
    void *p;

    if (mine < 0)
        err(1, "notify: bind");
    p = xengnttab_map_grant_ref_notify(gnt, front.domid, ref, PROT_READ | PROT_WRITE, 100,
                                       (evtchn_port_t)mine);
    say_map("map with notification", p);
    printf("byte before: %#x\n", peer_do(&front, P_PEEK, ref, 100, 0).rc);
    unmap(p, 1);
    printf("byte after unmap: %#x\n", peer_do(&front, P_PEEK, ref, 100, 0).rc);
    printf("event after unmap: %d\n", peer_do(&front, P_WAIT, 500, 0, 0).rc == (int)port);
    say_map("notify through no port",
            xengnttab_map_grant_ref_notify(gnt, front.domid, ref, PROT_READ | PROT_WRITE, 1, 4001));
    say_map("clear a byte of a read-only map",
            xengnttab_map_grant_ref_notify(gnt, front.domid, ro, PROT_READ, 1, UINT32_MAX));
    xenevtchn_close(e);
    peer_do(&front, P_UNSHARE, ref, 0, 0);
    peer_do(&front, P_UNSHARE, ro, 0, 0);
}

static void share_limits(void)
{
    struct peer_ans a = peer_do(&front, P_SHARE, own, 2000, 1);
    uint32_t ref;

    say_err("share more than the limit", a.rc, a.err);
    a = peer_do(&front, P_SHARE, own, 0, 1);
    say_err("share nothing", a.rc, a.err);
    /* fresh pages are zeroed: what an earlier owner left must not be seen (the peer writes after)
     */
    ref = share1(1);
    printf("fresh page: %#x\n", peer_do(&front, P_PEEK, ref, 0, 0).rc);
    peer_do(&front, P_UNSHARE, ref, 0, 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "peer") == 0)
        return peer_main(atoi(argv[2]));
    if (argc < 2)
        errx(2, "usage: conf OWN-DOMID [PEER-DOMID]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    self_path = "/proc/self/exe";
    own = (uint32_t)atoi(argv[1]);
    front = peer_start(self_path, argc > 2 ? (uint32_t)atoi(argv[2]) : own);
    gnt = xengnttab_open(NULL, 0);
    if (!gnt)
        err(1, "xengnttab_open");
    say("set_max_grants", xengnttab_set_max_grants(gnt, 100));
    map_right();
    map_wrong();
    map_many();
    map_notify();
    share_limits();
    conf_copy();
    conf_evtchn();
    peer_kill(&front);
    return 0;
}
