/*
 * Conformance: the other process.  See peer.h.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "tests/conformance/peer.h"

enum { PAGE = 4096, SHARES = 64 };

struct peer peer_start(const char *self, uint32_t domid)
{
    struct peer p = {.domid = domid};
    int sv[2];
    char arg[16], dom[16];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) < 0)
        err(1, "socketpair");
    snprintf(arg, sizeof(arg), "%d", sv[1]);
    snprintf(dom, sizeof(dom), "%u", domid);
    p.fd = sv[0];
    p.pid = fork();
    if (p.pid < 0)
        err(1, "fork");
    if (p.pid == 0) {
        close(sv[0]);
        /* It may be waiting for an event that nobody is left to send. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("FAKEXEN_DOMID", dom, 1);
        execl(self, self, "peer", arg, (char *)NULL);
        err(1, "%s", self);
    }
    close(sv[1]);
    return p;
}

struct peer_ans peer_do(struct peer *p, enum peer_op op, uint32_t a, uint32_t b, uint32_t c)
{
    struct peer_cmd cmd = {.op = op, .a = a, .b = b, .c = c};
    struct peer_ans ans;

    if (write(p->fd, &cmd, sizeof(cmd)) != (ssize_t)sizeof(cmd) ||
        read(p->fd, &ans, sizeof(ans)) != (ssize_t)sizeof(ans))
        errx(1, "peer has gone");
    return ans;
}

void peer_kill(struct peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    close(p->fd);
}

static struct {
    uint8_t *page;
    uint32_t first, n;
    uint32_t ref[32];
} shares[SHARES];
static xengntshr_handle *shr;
static xenevtchn_handle *ev;

static uint8_t *page_of(uint32_t ref)
{
    for (int i = 0; i < SHARES; i++)
        for (uint32_t j = 0; shares[i].page && j < shares[i].n; j++)
            if (shares[i].ref[j] == ref)
                return shares[i].page + (size_t)j * PAGE;
    errx(1, "peer: no such page");
}

static int do_share(const struct peer_cmd *c, struct peer_ans *ans)
{
    int i = 0;

    while (i < SHARES && shares[i].page)
        i++;
    if (i == SHARES || (c->b > 32 && c->b < 1000))
        errx(1, "peer: too many shares");
    if (c->b > 32) { /* meant to fail */
        uint32_t *refs = calloc(c->b, sizeof(*refs));
        void *p = refs ? xengntshr_share_pages(shr, c->a, (int)c->b, refs, 1) : NULL;

        free(refs);
        return p ? 0 : -1;
    }
    shares[i].page = xengntshr_share_pages(shr, c->a, (int)c->b, ans->ref, (int)c->c);
    if (!shares[i].page)
        return -1;
    shares[i].n = c->b;
    memcpy(shares[i].ref, ans->ref, sizeof(ans->ref));
    for (uint32_t j = 0; j < c->b; j++)
        memset(shares[i].page + (size_t)j * PAGE, (int)(0x40 + j), PAGE);
    return 0;
}

static int do_unshare(uint32_t ref)
{
    for (int i = 0; i < SHARES; i++) {
        if (!shares[i].page || shares[i].ref[0] != ref)
            continue;
        int rc = xengntshr_unshare(shr, shares[i].page, shares[i].n);

        shares[i].page = NULL;
        return rc;
    }
    errx(1, "peer: no such share");
}

static int do_wait(uint32_t ms)
{
    struct pollfd pfd = {.fd = xenevtchn_fd(ev), .events = POLLIN};
    int port;

    if (poll(&pfd, 1, (int)ms) <= 0)
        return -1;
    port = xenevtchn_pending(ev);
    if (port > 0)
        xenevtchn_unmask(ev, (evtchn_port_t)port);
    return port;
}

static int do_echo(uint32_t port, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int got = xenevtchn_pending(ev);

        if (got < 0)
            return -1;
        xenevtchn_unmask(ev, (evtchn_port_t)got);
        xenevtchn_notify(ev, port);
    }
    return 0;
}

static int do_map(uint32_t domid, uint32_t ref)
{
    static xengnttab_handle *gnt;

    if (!gnt)
        gnt = xengnttab_open(NULL, 0);
    return gnt && xengnttab_map_grant_ref(gnt, domid, ref, PROT_READ | PROT_WRITE) ? 0 : -1;
}

static int obey(const struct peer_cmd *c, struct peer_ans *ans)
{
    switch (c->op) {
    case P_SHARE:
        return do_share(c, ans);
    case P_UNSHARE:
        return do_unshare(c->a);
    case P_POKE:
        page_of(c->a)[c->b] = (uint8_t)c->c;
        return 0;
    case P_PEEK:
        return page_of(c->a)[c->b];
    case P_ALLOC:
        return xenevtchn_bind_unbound_port(ev, c->a);
    case P_BIND:
        return xenevtchn_bind_interdomain(ev, c->a, c->b);
    case P_NOTIFY:
        return xenevtchn_notify(ev, c->a);
    case P_WAIT:
        return do_wait(c->a);
    case P_ECHO:
        return do_echo(c->a, c->b);
    case P_MAP:
        return do_map(c->a, c->b);
    }
    return -1;
}

int peer_main(int fd)
{
    struct peer_cmd cmd;

    shr = xengntshr_open(NULL, 0);
    ev = xenevtchn_open(NULL, 0);
    if (!shr || !ev)
        err(1, "peer: open");
    while (read(fd, &cmd, sizeof(cmd)) == (ssize_t)sizeof(cmd)) {
        struct peer_ans ans = {.rc = 0};
        bool slow = cmd.op == P_ECHO; /* answers first: its caller is the other end of the events */

        errno = 0;
        if (!slow)
            ans.rc = obey(&cmd, &ans);
        ans.err = errno;
        if (write(fd, &ans, sizeof(ans)) < 0)
            return 1;
        if (slow)
            obey(&cmd, &ans);
    }
    return 0;
}
