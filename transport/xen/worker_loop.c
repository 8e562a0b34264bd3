/* See worker_loop.h. */
#include "transport/xen/worker_loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "transport/base/log.h"
#include "transport/base/msg.h"
#include "transport/base/ticks.h"
#include "transport/xen/teststep.h"

/* What gntdev and evtchn need at connect, per request and at disconnect. */
static const unsigned long xen_ioctls[] = {
    IOCTL_GNTDEV_MAP_GRANT_REF,    IOCTL_GNTDEV_UNMAP_GRANT_REF, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_GRANT_COPY,      IOCTL_EVTCHN_BIND_INTERDOMAIN,
    IOCTL_EVTCHN_UNBIND,           IOCTL_EVTCHN_NOTIFY,          0,
};

enum { IOCTLS_MAX = 32, HELD_MAX = 17 };

static int reply(struct worker *w, enum worker_msg_type type, int err, const char *text)
{
    struct worker_msg m = {.type = type, .version = WORKER_VERSION, .id = w->id, .err = err};
    int rc;

    if (text)
        snprintf(m.text, sizeof(m.text), "%s", text);
    rc = worker_send(w->sock, &m, NULL, 0);
    if (rc)
        log_error("cannot tell drvdomd (message %d): %s", (int)type, strerror(-rc));
    return rc;
}

void worker_fault(struct worker *w, int err, const char *fmt, ...)
{
    char text[WORKER_TEXT_MAX];
    va_list ap;

    if (w->faulted)
        return;
    w->faulted = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_warn("stopped: %s", text);
    (void)reply(w, WORKER_FAULT, err, text); /* logged there; drvdomd also sees our exit */
}

void worker_disconnected(struct worker *w)
{
    w->connected = false;
    w->faulted = false;
    if (w->quitting)
        loop_quit(&w->loop, 0);
    else
        (void)reply(w, WORKER_DISCONNECTED, 0, NULL);
}

/* ---- event channels ---- */

static struct {
    int fd;
    uint32_t port;
} held[HELD_MAX];
static volatile sig_atomic_t nheld;

/* The kernel would take its time with that (drvdomd/ports.h). */
static void on_term(int sig)
{
    (void)sig;
    for (int i = 0; i < nheld; i++) {
        struct ioctl_evtchn_unbind u = {.port = held[i].port};

        (void)ioctl(held[i].fd, IOCTL_EVTCHN_UNBIND, &u);
    }
    _exit(0);
}

void worker_hold_port(struct worker *w, int fd, uint32_t port)
{
    struct worker_msg m = {.type = WORKER_PORT, .version = WORKER_VERSION, .id = w->id};
    int rc;

    if (nheld == HELD_MAX)
        return;
    held[nheld].fd = fd;
    held[nheld].port = port;
    nheld = nheld + 1;
    memcpy(m.payload, &port, sizeof(port));
    m.payload_len = sizeof(port);
    rc = worker_send(w->sock, &m, &fd, 1);
    if (rc)
        log_debug("port %u: %s", port, strerror(-rc));
}

void worker_lower_priority(void)
{
    if (setpriority(PRIO_PROCESS, 0, 0))
        log_debug("priority: %s", strerror(errno));
}

void worker_note(struct worker *w, const void *note, size_t len)
{
    struct worker_msg m = {.type = WORKER_NOTE, .version = WORKER_VERSION, .id = w->id};
    int rc;

    assert(len <= sizeof(m.payload));
    memcpy(m.payload, note, len);
    m.payload_len = (uint32_t)len;
    rc = worker_send(w->sock, &m, NULL, 0);
    if (rc)
        log_error("cannot tell drvdomd: %s", strerror(-rc));
}

static void on_connect(struct worker *w, const struct worker_msg *m)
{
    struct why why = {""};
    int rc;

    if (w->connected) {
        (void)reply(w, WORKER_FAILED, -EISCONN, "already connected");
        return;
    }
    nheld = 0;
    w->resume = m->type == WORKER_RESUME;
    w->lost_ns = m->lost_ns;
    rc = w->ops->connect(w, m->payload, m->payload_len, &why);
    if (rc) {
        log_warn("connect: %s", why.text);
        (void)reply(w, WORKER_FAILED, rc, why.text);
        return;
    }
    w->connected = true;
    (void)reply(w, WORKER_CONNECTED, 0, NULL);
    worker_lower_priority();
}

static void begin_quit(struct worker *w)
{
    w->quitting = true;
    if (w->connected)
        w->ops->disconnect(w);
    else
        loop_quit(&w->loop, 0);
}

static void arm_test_step(const struct worker_msg *m)
{
    struct teststep_order o;

    if (m->payload_len != sizeof(o))
        return;
    memcpy(&o, m->payload, sizeof(o));
    teststep_arm(&o);
}

static void dispatch(struct worker *w, const struct worker_msg *m)
{
    log_debug("message %u", m->type);
    switch (m->type) {
    case WORKER_CONNECT:
    case WORKER_RESUME:
        on_connect(w, m);
        break;
    case WORKER_DISCONNECT:
        if (w->connected)
            w->ops->disconnect(w);
        else
            (void)reply(w, WORKER_DISCONNECTED, 0, NULL);
        break;
    case WORKER_LIMITS:
        if (w->ops->limits && w->ops->limits(w, m->payload, m->payload_len))
            log_warn("new limits refused");
        else
            (void)reply(w, WORKER_ADAPTED, 0, NULL);
        break;
    case WORKER_QUIT:
        begin_quit(w);
        break;
    case WORKER_TEST_STEP:
        arm_test_step(m);
        break;
    default:
        log_error("drvdomd sent message %u, which no worker knows", m->type);
    }
}

/* Who has a successor coming, of drvdomd and of itself, serves until that ends it. */
static void on_drvdomd_gone(struct worker *w)
{
    bool stay = w->survives && w->connected;

    log_info("drvdomd is gone: %s", stay ? "serving on until the next one" : "finishing");
    loop_del(&w->loop, &w->sock_watch);
    if (!stay)
        begin_quit(w);
}

static void on_sock(void *arg, uint32_t events)
{
    struct worker *w = arg;
    struct worker_msg m;
    int fds[MSG_MAX_FDS], nfds = MSG_MAX_FDS;
    int rc;

    (void)events;
    rc = worker_recv(w->sock, &m, fds, &nfds);
    if (rc == -EAGAIN)
        return;
    if (rc <= 0) {
        on_drvdomd_gone(w);
        return;
    }
    for (int i = 0; i < nfds; i++)
        close(fds[i]);
    dispatch(w, &m);
}

static struct bb_slot *logged_to; /* log_set_tap() has no argument */

static void tap(const char *line, size_t len)
{
    bb_log_add(logged_to->log, sizeof(logged_to->log), line, len);
}

static int map_box(struct worker *w, const struct worker_box *granted, int fd)
{
    if (granted) {
        w->box = grant_map(&w->grant, granted->domid, granted->ref, BB_SLOT_PAGES);
        if (!w->box)
            return -errno;
    } else {
        w->box = mmap(NULL, sizeof(*w->box), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (w->box == MAP_FAILED)
            return -errno;
    }
    w->stats = &w->box->stats;
    logged_to = w->box;
    log_set_tap(tap);
    return 0;
}

/* No limit of time: drvdomd sends it or ends, and then so does the socket. */
static int receive(struct worker *w, struct worker_msg *m, int *fds, int *nfds)
{
    struct pollfd p = {.fd = w->sock, .events = POLLIN};
    int rc;

    while ((rc = poll(&p, 1, -1)) < 0 && errno == EINTR)
        ;
    if (rc < 0)
        return -errno;
    rc = worker_recv(w->sock, m, fds, nfds);
    if (rc == 0 || rc == -ECONNRESET) /* the latter when it has not read all that we said */
        return -EPIPE;
    return rc > 0 ? 0 : rc;
}

/* Waits for SETUP.  *used: how many descriptors were ours. */
static int receive_setup(struct worker *w, struct worker_msg *m, int *fds, int *nfds, int *used)
{
    struct worker_box box;
    bool granted;
    char prefix[48];
    int rc;

    rc = receive(w, m, fds, nfds);
    granted = !rc && m->type == WORKER_BOX;
    if (granted) {
        if (m->payload_len != sizeof(box))
            return -EPROTO;
        memcpy(&box, m->payload, sizeof(box));
        *nfds = MSG_MAX_FDS;
        rc = receive(w, m, fds, nfds);
    }
    *used = granted ? 0 : 1;
    if (rc || m->type != WORKER_SETUP || *nfds < *used)
        return rc ? rc : -EPROTO;
    w->id = m->id;
    w->survives = m->survives;
    snprintf(prefix, sizeof(prefix), "%s %u/%u", w->ops->name, w->id.domid, w->id.devid);
    log_set_prefix(prefix);
    return map_box(w, granted ? &box : NULL, fds[0]);
}

static int start_threads(void *arg)
{
    struct worker *w = arg;

    return w->ops->threads ? w->ops->threads(w) : 0;
}

/* `ioctls` has room for IOCTLS_MAX and lives as long as the policy. */
static struct sandbox_policy policy(struct worker *w, unsigned long *ioctls)
{
    struct sandbox_policy p = {.syscalls = w->ops->sandbox.syscalls,
                               .needs_network = w->ops->sandbox.needs_network,
                               .ioctls = ioctls,
                               .threads = start_threads,
                               .arg = w};
    const unsigned long *more = w->ops->sandbox.ioctls;
    size_t n = ARRAY_SIZE(xen_ioctls) - 1;

    memcpy(ioctls, xen_ioctls, sizeof(xen_ioctls));
    for (; more && *more && n + 1 < IOCTLS_MAX; more++)
        ioctls[n++] = *more;
    ioctls[n] = 0;
    return p;
}

/* All that is the same for every device: mostly long before there is one. */
static int prepare(struct worker *w, const struct sandbox_policy *p, struct why *why)
{
    struct worker_msg m = {.type = WORKER_WAITING, .version = WORKER_VERSION};
    const char *step = "";
    int rc;

    ticks_calibrate();
    rc = grant_open(&w->grant);
    if (rc)
        return why_set(why, rc, "/dev/xen/gntdev: %s; is the xen-gntdev module loaded?",
                       strerror(-rc));
    rc = sandbox_prepare(p, &step);
    if (rc)
        return why_set(why, rc, "sandbox: %s: %s", step, strerror(-rc));
    rc = worker_send(w->sock, &m, NULL, 0);
    return rc == -EPIPE ? 0 : rc; /* that drvdomd is gone is noticed next */
}

/* -EPIPE without a reason: drvdomd has ended before it needed us. */
static int start(struct worker *w, struct why *why)
{
    unsigned long ioctls[IOCTLS_MAX];
    struct sandbox_policy p = policy(w, ioctls);
    struct worker_msg m;
    const char *step = "";
    int fds[MSG_MAX_FDS], nfds = MSG_MAX_FDS;
    int used, rc;

    rc = prepare(w, &p, why);
    if (rc)
        return rc;
    rc = receive_setup(w, &m, fds, &nfds, &used);
    if (rc == -EPIPE)
        return rc;
    if (rc)
        return why_set(why, rc, "no usable SETUP message: %s", strerror(-rc));
    rc = w->ops->setup(w, m.payload, m.payload_len, fds + used, nfds - used, why);
    if (rc)
        return rc;
    rc = loop_add(&w->loop, &w->sock_watch, EPOLLIN);
    if (rc)
        return why_set(why, rc, "epoll: %s", strerror(-rc));
    rc = sandbox_enter(&p, WORKER_EMPTY_DIR, WORKER_UID_BASE + w->id.slot, &step);
    return rc ? why_set(why, rc, "sandbox: %s: %s", step, strerror(-rc)) : 0;
}

static int say_ready(struct worker *w)
{
    struct worker_msg m = {.type = WORKER_READY, .version = WORKER_VERSION, .id = w->id};
    struct why why = {""};
    int rc = w->ops->ready ? w->ops->ready(w, m.payload, &why) : 0;

    if (rc < 0) {
        log_error("%s", why.text);
        (void)reply(w, WORKER_FAILED, rc, why.text);
        return rc;
    }
    m.payload_len = (uint32_t)rc;
    rc = worker_send(w->sock, &m, NULL, 0);
    if (rc)
        log_error("cannot tell drvdomd: %s", strerror(-rc));
    return rc;
}

int worker_run(const struct worker_ops *ops)
{
    static struct worker w;
    struct why why = {""};
    int rc;

    w.ops = ops;
    w.sock = WORKER_SOCK_FD;
    w.sock_watch = (struct loop_fd){.fd = w.sock, .fn = on_sock, .arg = &w};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    log_set_prefix(ops->name);
    if (fcntl(w.sock, F_GETFD) < 0) {
        log_error("no socket at descriptor %d: a worker is started by drvdomd, not by hand",
                  w.sock);
        return 2;
    }
    rc = loop_init(&w.loop);
    if (rc)
        return 1;
    rc = start(&w, &why);
    if (rc == -EPIPE && !why.text[0])
        return 0;
    if (rc) {
        log_error("%s", why.text);
        (void)reply(&w, WORKER_FAILED, rc, why.text);
        return 1;
    }
    if (say_ready(&w))
        return 1;
    return ops->run ? ops->run(&w) : loop_run(&w.loop);
}
