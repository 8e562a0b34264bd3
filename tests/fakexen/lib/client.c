/*
 * fakexen, library side: the connection to the broker.  See client.h.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdint.h>
#include <xen/xen.h>

#include "tests/fakexen/lib/client.h"

static struct {
    pthread_mutex_t lock;
    int fd; /* -1: not connected */
    struct fx_dom *_Atomic self;
    struct fx_dom *doms;
    uint32_t buf[FX_MSG_MAX / sizeof(uint32_t)];
} conn = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/*
 * A child shares its parent's socket; keeping it would hide the parent's death from the broker.
 * Like the real libraries, ours give a child nothing of its parent's: it connects anew if it wants
 * to.
 */
static void after_fork(void)
{
    if (conn.fd >= 0)
        close(conn.fd);
    conn.fd = -1;
    conn.self = NULL;
    pthread_mutex_init(&conn.lock, NULL);
}

__attribute__((constructor)) static void client_init(void)
{
    struct sigaction sa;

    pthread_atfork(NULL, NULL, after_fork);
    /* A peer's death between a look and a write() must not kill us, and only write() may be used.
     */
    if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

int fx_errno(int rc)
{
    if (rc >= 0)
        return rc;
    errno = -rc;
    return -1;
}

static ssize_t send_fd(int sock, const void *buf, size_t len, int fd)
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl = {.h = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &ctl,
                       .msg_controllen = CMSG_SPACE(sizeof(int))};

    ctl.h.cmsg_level = SOL_SOCKET;
    ctl.h.cmsg_type = SCM_RIGHTS;
    ctl.h.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&ctl.h), &fd, sizeof(fd));
    return sendmsg(sock, &m, MSG_NOSIGNAL);
}

static ssize_t recv_fds(int sock, void *buf, size_t len, int *fds, unsigned nfds)
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } ctl;
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)};
    ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
    size_t got = c && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

    for (unsigned i = 0; i < nfds; i++) {
        fds[i] = -1;
        if (i < got)
            memcpy(&fds[i], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return n;
}

static int connect_broker(void)
{
    const char *dir = getenv("FAKEXEN_DIR");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd, n;

    if (!dir)
        return -ENOENT;
    n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/broker", dir);
    if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        n = -errno;
        close(fd);
        return n;
    }
    return fd;
}

/* conn.lock held. */
static int call_locked(struct fx_call *c)
{
    struct fx_req *req = (struct fx_req *)conn.buf;
    struct fx_rep *rep = (struct fx_rep *)conn.buf;
    size_t len = sizeof(*req) + c->req.n * sizeof(uint32_t);
    ssize_t n;

    *req = c->req;
    if (c->req.n)
        memcpy(FX_V(req), c->v, c->req.n * sizeof(uint32_t));
    n = c->fd_in >= 0 ? send_fd(conn.fd, req, len, c->fd_in) : write(conn.fd, req, len);
    if (n < 0)
        return -errno;
    do {
        n = c->nfds ? recv_fds(conn.fd, rep, sizeof(conn.buf), c->fds, c->nfds)
                    : read(conn.fd, rep, sizeof(conn.buf));
    } while (n < 0 && errno == EINTR);
    if (n < (ssize_t)sizeof(*rep))
        return n < 0 ? -errno : -EPIPE; /* the broker has gone */
    c->a[0] = rep->a[0];
    c->a[1] = rep->a[1];
    c->nout = rep->n < c->cap ? rep->n : c->cap;
    if (c->nout)
        memcpy(c->out, FX_V(rep), c->nout * sizeof(uint32_t));
    return rep->rc;
}

static struct fx_dom *dom_map(uint16_t domid, const int fds[2])
{
    struct fx_dom *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->domid = domid;
    d->memfd = fds[1];
    d->tab = mmap(NULL, sizeof(*d->tab), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    d->mem = mmap(NULL, FX_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    close(fds[0]);
    if (d->tab == MAP_FAILED || d->mem == MAP_FAILED) {
        free(d);
        return NULL;
    }
    d->next = conn.doms;
    conn.doms = d;
    return d;
}

/* conn.lock held.  HELLO and DOM_GET are answered alike. */
static struct fx_dom *dom_fetch(uint32_t op, uint32_t domid)
{
    int fds[2];
    struct fx_call c = {.req = {.op = op, .a = {domid}}, .fd_in = -1, .fds = fds, .nfds = 2};
    int rc = call_locked(&c);

    if (rc < 0) {
        errno = -rc;
        return NULL;
    }
    return dom_map((uint16_t)domid, fds);
}

/* conn.lock held */
static int connected(void)
{
    const char *id = getenv("FAKEXEN_DOMID");
    int fd;

    if (conn.fd >= 0)
        return 0;
    fd = connect_broker();
    if (fd < 0)
        return fd;
    conn.fd = fd;
    conn.self = dom_fetch(FX_HELLO, id ? (uint32_t)strtoul(id, NULL, 10) : 0);
    if (conn.self)
        return 0;
    fd = -errno;
    close(conn.fd);
    conn.fd = -1;
    return fd;
}

struct fx_dom *fx_self(void)
{
    struct fx_dom *d = conn.self;
    int rc;

    if (d)
        return d;
    pthread_mutex_lock(&conn.lock);
    rc = connected();
    if (rc == 0)
        d = conn.self;
    pthread_mutex_unlock(&conn.lock);
    if (rc < 0)
        errno = -rc;
    return d;
}

struct fx_dom *fx_dom_get(uint32_t domid)
{
    struct fx_dom *d;
    int rc;

    pthread_mutex_lock(&conn.lock);
    rc = connected();
    if (rc < 0) {
        pthread_mutex_unlock(&conn.lock);
        errno = -rc;
        return NULL;
    }
    if (domid == DOMID_SELF)
        domid = conn.self->domid;
    /* A dead domain's view stays (others may be copying from it) but is never found again. */
    for (d = conn.doms; d; d = d->next)
        if (d->domid == domid && atomic_load(&d->tab->alive))
            break;
    if (!d && domid >= FX_MAX_DOMS)
        errno = ESRCH;
    else if (!d)
        d = dom_fetch(FX_DOM_GET, domid);
    pthread_mutex_unlock(&conn.lock);
    return d;
}

int fx_rpc(struct fx_call *c)
{
    int rc;

    pthread_mutex_lock(&conn.lock);
    rc = connected();
    if (rc == 0)
        rc = call_locked(c);
    pthread_mutex_unlock(&conn.lock);
    return rc;
}

int fx_simple(uint32_t op, uint32_t h, uint32_t a0, uint32_t a1, uint32_t *ret)
{
    struct fx_call c = {.req = {.op = op, .h = h, .a = {a0, a1}}, .fd_in = -1};
    int rc = fx_rpc(&c);

    if (ret)
        *ret = c.a[0];
    return rc;
}

void fx_send(uint32_t op, uint32_t h, uint32_t a0)
{
    struct fx_req req = {.op = op, .h = h, .a = {a0}};

    pthread_mutex_lock(&conn.lock);
    if (connected() == 0 && write(conn.fd, &req, sizeof(req)) < 0)
        errno = 0; /* the broker has gone: so has the peer */
    pthread_mutex_unlock(&conn.lock);
}
