/* See spawn.h. */
#include "driver-domain/drvdomd/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-domain/drvdomd/device.h"
#include "driver-domain/drvdomd/ports.h"
#include "driver-domain/drvdomd/spare.h"
#include "transport/base/log.h"
#include "transport/base/msg.h"

enum { ASKED_MS = 50, STRAY_MS = 2000 };
static const char OOM_FIRST[] = "500"; /* as if it had half of the memory (proc(5)) */
/* Others are started in reserve: soon, when one was used up by a death; in peace, for a new device:
 * when it, and the next one that xl create is about to attach, are Connected. */
static const uint64_t REFILL_NS = UINT64_C(5000000), FIRST_NS = UINT64_C(500000000);

/* Where memory runs out, a worker goes and not drvdomd: it is replaced, and its guest does not
 * notice. Not told if it fails: the kernel chooses by size then. */
static void go_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, OOM_FIRST, sizeof(OOM_FIRST) - 1);
        close(fd);
    }
}

/* In the child, which has our memory until it execs: only its socket, stdio, and no signal mask of
 * ours. */
static void __attribute__((noreturn)) become_worker(const char *path, const char *title, int sock)
{
    /* io_uring's and the pool's pages are pinned once at connect; the worker drops root before. */
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setrlimit(RLIMIT_MEMLOCK,
                    &unlimited); /* without it, registering buffers fails: told there */
    go_first();
    if (dup2(sock, WORKER_SOCK_FD) < 0)
        _exit(126);
    if (sock == WORKER_SOCK_FD)
        fcntl(sock, F_SETFD, 0);
    close_range(WORKER_SOCK_FD + 1, ~0u, 0);
    execl(path, title, (char *)NULL);
    log_error("%s: %s", path, strerror(errno));
    _exit(127);
}

/* vfork: copying our page tables, which each change of is Xen's business, would cost most of it. */
static pid_t start_process(const char *path, const char *title, int sock)
{
    pid_t pid = vfork();

    if (pid == 0)
        become_worker(path, title, sock);
    return pid;
}

static void on_sock(void *arg, uint32_t events)
{
    struct device *dev = arg;
    struct worker_msg m;

    (void)events;
    while (dev->sock.fd >= 0) {
        int fds[MSG_MAX_FDS], nfds = MSG_MAX_FDS;
        int rc = worker_recv(dev->sock.fd, &m, fds, &nfds);

        if (rc == -EAGAIN)
            return;
        if (rc <= 0) {
            /* Its end is told by the pidfd, with the reason. */
            loop_del(&dev->d->loop, &dev->sock);
            return;
        }
        if (m.type == WORKER_PORT) {
            ports_hold(dev, &m, fds, nfds);
            continue;
        }
        for (int i = 0; i < nfds; i++)
            close(fds[i]);
        device_message(dev, &m);
    }
}

static void drop_fd(struct device *dev, struct loop_fd *h)
{
    if (h->fd < 0)
        return;
    loop_del(&dev->d->loop, h);
    close(h->fd);
    h->fd = -1;
}

static void describe_exit(const siginfo_t *info, char *text, size_t size)
{
    if (info->si_code == CLD_EXITED)
        snprintf(text, size, "worker ended with exit code %d", info->si_status);
    else
        snprintf(text, size, "worker was killed by signal %d (%s)", info->si_status,
                 strsignal(info->si_status));
}

static void on_exit_of_worker(void *arg, uint32_t events)
{
    struct device *dev = arg;
    siginfo_t info = {0};
    char text[WORKER_TEXT_MAX];

    (void)events;
    if (waitid(P_PID, (id_t)dev->pid, &info, WEXITED | WNOHANG) || info.si_pid == 0)
        return;
    dev->pid = 0;
    drop_fd(dev, &dev->pidfd);
    /* What it had to say before it died comes first; that may have brought a successor already. */
    on_sock(dev, 0);
    if (dev->pid)
        return;
    describe_exit(&info, text, sizeof(text));
    spawn_reap(dev);
    device_worker_ended(dev, text);
}

static int watch_worker(struct device *dev)
{
    int rc, flags;

    dev->pidfd.fd = (int)syscall(SYS_pidfd_open, dev->pid, 0);
    if (dev->pidfd.fd < 0)
        return -errno;
    flags = fcntl(dev->pidfd.fd, F_GETFD);
    (void)fcntl(dev->pidfd.fd, F_SETFD, flags | FD_CLOEXEC);
    dev->pidfd.fn = on_exit_of_worker;
    dev->sock.fn = on_sock;
    dev->pidfd.arg = dev->sock.arg = dev;
    rc = loop_add(&dev->d->loop, &dev->pidfd, EPOLLIN);
    return rc ? rc : loop_add(&dev->d->loop, &dev->sock, EPOLLIN);
}

/* Granted memory has no descriptor: the worker maps it itself. */
static int send_box(struct device *dev)
{
    struct worker_msg m = {.type = WORKER_BOX, .version = WORKER_VERSION, .id = dev->id};
    struct worker_box box = {.domid = 0};

    if (dev->box_fd >= 0)
        return 0;
    memcpy(box.ref, box_refs(&dev->d->box, dev->id.slot), sizeof(box.ref));
    memcpy(m.payload, &box, sizeof(box));
    m.payload_len = sizeof(box);
    return worker_send(dev->sock.fd, &m, NULL, 0);
}

static int send_setup(struct device *dev)
{
    struct worker_msg m = {.type = WORKER_SETUP, .version = WORKER_VERSION, .id = dev->id};
    int fds[MSG_MAX_FDS], nfds = 0;
    int rc;

    rc = send_box(dev);
    if (rc)
        return rc;
    if (dev->box_fd >= 0)
        fds[nfds++] = dev->box_fd;
    m.survives = box_survives(&dev->d->box, dev->id.slot);
    m.payload_len = (uint32_t)dev->class->setup(dev->target, m.payload, fds, &nfds);
    return worker_send(dev->sock.fd, &m, fds, nfds);
}

pid_t spawn_process(struct drvdomd *d, const char *program, int *sock)
{
    char path[256];
    int pair[2];
    pid_t pid;
    int rc;

    snprintf(path, sizeof(path), "%s/%s", d->bin_dir, program);
    if (access(path, X_OK))
        return -errno;
    rc = msg_pair(pair);
    if (rc)
        return rc;
    pid = start_process(path, program, pair[1]);
    rc = pid < 0 ? -errno : pid;
    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    else
        *sock = pair[0];
    return rc;
}

int spawn_worker(struct device *dev)
{
    struct drvdomd *d = dev->d;
    const char *program =
        dev->class->worker_of ? dev->class->worker_of(dev->target) : dev->class->worker;
    pid_t pid;
    int rc;

    spawn_reap(dev); /* one that has said that it failed, and has not yet ended */
    if (!spare_take(d, program, &pid, &dev->sock.fd))
        pid = spawn_process(d, program, &dev->sock.fd);
    if (pid < 0)
        return why_set(&dev->why, pid, "worker program %s/%s cannot be started: %s", d->bin_dir,
                       program, strerror(-pid));
    dev->pid = pid;
    spare_refill(d, dev->xenbus.resume ? REFILL_NS : FIRST_NS);
    rc = watch_worker(dev);
    if (!rc)
        rc = send_setup(dev);
    if (rc && rc != -EPIPE) { /* a worker that has died already: the pidfd will tell how */
        spawn_reap(dev);
        return why_set(&dev->why, rc, "worker cannot be set up: %s", strerror(-rc));
    }
    return 0;
}

int spawn_tell(struct device *dev, enum worker_msg_type type, const void *payload, size_t len)
{
    struct worker_msg m = {
        .type = type, .version = WORKER_VERSION, .id = dev->id, .lost_ns = dev->lost_ns};

    if (dev->sock.fd < 0)
        return -EPIPE;
    if (len)
        memcpy(m.payload, payload, len);
    m.payload_len = (uint32_t)len;
    return worker_send(dev->sock.fd, &m, NULL, 0);
}

void spawn_reap(struct device *dev)
{
    drop_fd(dev, &dev->sock);
    drop_fd(dev, &dev->pidfd);
    if (dev->pid > 0) {
        kill(dev->pid, SIGKILL);
        while (waitpid(dev->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    dev->pid = 0;
    ports_let_go(dev);
}

unsigned spawn_resident_kib(pid_t pid)
{
    char path[48], text[64] = "";
    unsigned long pages = 0;
    int fd;

    if (pid)
        snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    else
        snprintf(path, sizeof(path), "/proc/self/statm");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    /* "size resident shared ...", in pages: proc(5) */
    if (read(fd, text, sizeof(text) - 1) > 0 && strchr(text, ' '))
        pages = strtoul(strchr(text, ' '), NULL, 10);
    close(fd);
    return (unsigned)(pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}

unsigned spawn_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Ends process `pid` and waits for its end, which for another's child only a pidfd tells.  Asked
 * to, a worker lets go of its event channels first (worker_loop.h). */
static void end_stray(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (fd < 0)
        return;
    if ((kill(pid, SIGTERM) || poll(&p, 1, ASKED_MS) <= 0) &&
        (kill(pid, SIGKILL) || poll(&p, 1, STRAY_MS) <= 0))
        log_error("worker %d of the drvdomd before does not end", pid);
    close(fd);
}

bool spawn_find_strays(struct drvdomd *d)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    bool any = false;

    while (proc && (e = readdir(proc))) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        struct stat st;

        if (pid > 0 && fstatat(dirfd(proc), e->d_name, &st, 0) == 0 &&
            st.st_uid >= WORKER_UID_BASE && st.st_uid < WORKER_UID_BASE + TABLE_MAX) {
            spawn_end_stray(d, st.st_uid - WORKER_UID_BASE); /* a slot has one */
            d->stray[st.st_uid - WORKER_UID_BASE] = pid;
            any = true;
        }
    }
    if (proc)
        closedir(proc);
    return any;
}

bool spawn_end_stray(struct drvdomd *d, unsigned slot)
{
    if (d->stray[slot] == 0)
        return false;
    end_stray(d->stray[slot]);
    d->stray[slot] = 0;
    return true;
}

unsigned spawn_available_kib(void)
{
    char text[512] = "";
    const char *at;
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    close(fd);
    at = strstr(text, "MemAvailable:");
    return at ? (unsigned)strtoul(at + strlen("MemAvailable:"), NULL, 10) : 0;
}
