/*
 * fakexend: fakexen's broker.   fakexend DIR   serves DIR/broker until it is told to stop.
 *
 * A process that has died is seen by its closed socket (its grants) and by the pipes nobody can
 * read any more (its event channels).  Both are looked for before every request, so that whoever
 * has waited for the death finds it already dealt with.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fakexen/hv/hv.h"

enum { BATCH = 256 };

struct hv_list conns = {&conns, &conns};
static struct src *graveyard;
static int ep = -1;
static uint32_t req_buf[FX_MSG_MAX / sizeof(uint32_t)], rep_buf[FX_MSG_MAX / sizeof(uint32_t)];

void hv_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("fakexend: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int hv_watch(struct src *s, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = s};

    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/*
 * Events already fetched may still name it: freed when the round is over.  Closing alone would
 * leave it in the epoll set, for other processes hold the same pipe.
 */
void hv_bury(struct src *s, int fd)
{
    epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
    s->dead = true;
    s->next_dead = graveyard;
    graveyard = s;
}

/* A notification sent before the death has happened; anything else it asked for no longer matters.
 */
static void last_words(const struct conn *c)
{
    struct fx_req q;

    while (recv(c->fd, &q, sizeof(q), MSG_DONTWAIT) == (ssize_t)sizeof(q))
        if (q.op == FX_EVT_KICK && c->dom)
            port_kick(c->dom, q.a[0]);
}

static void conn_gone(struct conn *c)
{
    struct dom *d = c->dom;

    last_words(c);

    if (d) {
        gnt_close_all(c);
        port_resend(d);
    }
    hv_list_del(&c->link);
    hv_bury(&c->src, c->fd);
    if (d)
        dom_unpin(d, 0);
}

static void answer(const struct conn *c, const struct fx_rep *rep, const int fds[2])
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } ctl = {.h = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)rep,
                        .iov_len = sizeof(*rep) + rep->n * sizeof(uint32_t)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    size_t n = fds[0] < 0 ? 0 : fds[1] < 0 ? 1 : 2;

    if (n && rep->rc >= 0) {
        m.msg_control = &ctl;
        m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        ctl.h.cmsg_level = SOL_SOCKET;
        ctl.h.cmsg_type = SCM_RIGHTS;
        ctl.h.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&ctl.h), fds, n * sizeof(int));
    }
    /* A client that has died meanwhile is found by the next look. */
    if (sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE)
        hv_log("answer to %d: %m", (int)c->pid);
}

/* One request into req_buf.  Returns its size, 0 at the end, -errno (-EAGAIN: nothing there). */
static ssize_t receive(const struct conn *c, int *fd_in)
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct iovec iov = {.iov_base = req_buf, .iov_len = sizeof(req_buf)};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)};
    ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *h;

    *fd_in = -1;
    if (n < 0)
        return -errno;
    h = CMSG_FIRSTHDR(&m);
    if (h && h->cmsg_type == SCM_RIGHTS)
        memcpy(fd_in, CMSG_DATA(h), sizeof(*fd_in));
    return n;
}

static void sweep(void);

static void serve_one(struct conn *c)
{
    const struct fx_req *q = (const struct fx_req *)req_buf;
    struct fx_rep *rep = (struct fx_rep *)rep_buf;
    int fd_in, fds[2];
    ssize_t n = receive(c, &fd_in);

    if (n <= 0)
        return;
    if ((size_t)n < sizeof(*q) || (size_t)n != sizeof(*q) + q->n * sizeof(uint32_t)) {
        hv_log("malformed request from %d", (int)c->pid);
        return;
    }
    sweep();
    if (!c->src.dead) {
        hv_handle(c, q, fd_in, rep, fds);
        if (q->op != FX_EVT_KICK)
            answer(c, rep, fds);
        if (q->op == FX_EVT_OPEN && fds[0] >= 0)
            close(fds[0]); /* the reading end is theirs alone: that is how we see them go */
    }
    if (fd_in >= 0)
        close(fd_in);
}

/* Bury what has died.  Processes first: their unmap notifications go out through their ports. */
static void sweep(void)
{
    struct epoll_event ev[BATCH];
    int n = epoll_wait(ep, ev, BATCH, 0);

    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++) {
            struct src *s = ev[i].data.ptr;

            if (s->dead || !(ev[i].events & (EPOLLHUP | EPOLLERR)))
                continue;
            if (pass == 0 && s->kind == SRC_CONN)
                conn_gone((struct conn *)s);
            else if (pass == 1 && s->kind == SRC_EVT)
                evt_close((struct evt *)s);
        }
    }
}

static void greet(int lfd)
{
    struct conn *c = calloc(1, sizeof(*c));
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);

    if (!c)
        return;
    c->src.kind = SRC_CONN;
    hv_list_init(&c->grants);
    c->fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
    if (c->fd < 0 || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
        hv_watch(&c->src, c->fd, EPOLLIN) < 0) {
        hv_log("accept: %m");
        if (c->fd >= 0)
            close(c->fd);
        free(c);
        return;
    }
    c->pid = cred.pid;
    hv_list_add(&conns, &c->link);
}

static void conn_event(struct conn *c, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR))
        conn_gone(c);
    else
        serve_one(c);
}

static int loop(const struct src *listener, int lfd)
{
    struct epoll_event ev[BATCH];

    for (;;) {
        int n = epoll_wait(ep, ev, BATCH, -1);

        if (n < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < n; i++) {
            struct src *s = ev[i].data.ptr;

            if (s->dead)
                continue;
            if (s->kind == SRC_SIGNAL)
                return 0;
            if (s == listener)
                greet(lfd);
            else if (s->kind == SRC_CONN)
                conn_event((struct conn *)s, ev[i].events);
            else
                evt_close((struct evt *)s);
        }
        while (graveyard) {
            struct src *s = graveyard;

            graveyard = s->next_dead;
            free(s);
        }
    }
}

static int listen_at(const char *dir)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/broker", dir), fd;

    if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return fd;
}

int main(int argc, char **argv)
{
    static struct src listener = {.kind = SRC_LISTEN}, stop = {.kind = SRC_SIGNAL};
    int lfd, sfd, rc;
    sigset_t set;

    if (argc != 2) {
        fprintf(stderr, "usage: fakexend DIR\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ep = epoll_create1(EPOLL_CLOEXEC);
    sfd = signalfd(-1, &set, SFD_CLOEXEC);
    lfd = listen_at(argv[1]);
    if (ep < 0 || sfd < 0 || lfd < 0) {
        hv_log("%s: %s", argv[1], strerror(lfd < 0 ? -lfd : errno));
        return 1;
    }
    rc = hv_watch(&listener, lfd, EPOLLIN);
    if (rc == 0)
        rc = hv_watch(&stop, sfd, EPOLLIN);
    if (rc == 0)
        rc = dom_create(0);
    if (rc == 0)
        rc = loop(&listener, lfd);
    if (rc < 0)
        hv_log("%s", strerror(-rc));
    return rc < 0;
}
