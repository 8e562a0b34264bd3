/*
 * drvdom-init: PID 1 of a driver domain.  Brings up what /etc/drvdom.conf says, starts drvdomd,
 * keeps it running, reaps children, and turns `xl shutdown` into an orderly end: the kernel then
 * runs /sbin/poweroff, which is this program by another name.
 *
 * Never exits and never waits without a deadline; what fails is one line on the console.
 *
 * #syscalls: signalfd socket(NETLINK_KOBJECT_UEVENT) poll waitpid reboot sync kill
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-domain/init/boot.h"
#include "driver-domain/init/net.h"
#include "driver-domain/init/service.h"
#include "driver-domain/init/todo.h"
#include "driver-domain/init/watchdog.h"
#include "transport/base/log.h"

/* How long drvdomd may take to answer its guests' last requests. */
static const uint64_t STOP_NS = 8000 * UINT64_C(1000000);

/* Signals to PID 1: TERM powers off, INT (also Ctrl-Alt-Del) reboots. */
enum { POWEROFF_SIGNAL = SIGTERM, REBOOT_SIGNAL = SIGINT };

static struct conf conf;

/* When each stage of the start was over, for the one line that says where the time went. */
static struct {
    uint64_t start, mounts, modules, network;
} stage;

static struct {
    bool started; /* drvdomd has been, once */
    int stopping; /* 0, or the argument for reboot() */
    uint64_t stop_deadline_ns;
} state;

static unsigned ms(uint64_t ns)
{
    return (unsigned)((ns + 500000) / 1000000);
}

/* Blocked first of all, so that a signal during the start is not lost but waits in the queue. */
static int open_signals(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, POWEROFF_SIGNAL);
    sigaddset(&set, REBOOT_SIGNAL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        log_error("signalfd: %s", strerror(errno));
    return fd;
}

/* The kernel's device events.  Opened before the modules are loaded: none may be missed. */
static int open_uevents(void)
{
    struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        log_error("no device events: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    return fd;
}

static void network(const struct conf *c)
{
    int rc;

    /* Guests share the bridge: the driver domain itself shall not answer them there unasked. */
    /* After a fragmented allocation the kernel would keep 2 MB more of each zone free for a while:
     * 4 MB of the 15 that are left, and the end of a worker. */
    if (boot_sysctl("/proc/sys/vm/watermark_boost_factor", "0") < 0)
        log_warn("cannot switch the watermark boost off");
    if (boot_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1") < 0 ||
        boot_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") < 0)
        log_debug("no IPv6 to switch off");
    rc = net_up("lo");
    if (rc < 0)
        log_error("interface lo: cannot be set up: %s", strerror(-rc));
    for (unsigned i = 0; i < c->bridge_count; i++) {
        rc = net_bridge(c->bridges[i].name, c->bridges[i].vlans);

        if (rc < 0)
            log_error("bridge %s: cannot be made: %s", c->bridges[i].name,
                      rc == -ENOPKG ? "the image has no bridge module" : strerror(-rc));
    }
    rc = c->forward ? boot_sysctl("/proc/sys/net/ipv4/ip_forward", "1") : 0;
    if (rc < 0)
        log_error("forward: cannot be switched on: %s", strerror(-rc));
}

static void start_service(uint64_t now_ns)
{
    static char path[] = "PATH=/sbin", home[] = "HOME=/";
    static char *const service_env[] = {path, home, NULL};
    struct sysinfo info = {0};

    service_start(&conf, "/sbin", "/upgrade", service_env, now_ns);
    watchdog_start(conf.watchdog_seconds, now_ns);
    state.started = true;
    sysinfo(&info);
    log_info("drvdomd started %u ms after the kernel (kernel %u, mounts %u, modules %u, network "
             "%u, waiting %u); %llu MB free",
             ms(now_ns), ms(stage.start), ms(stage.mounts - stage.start),
             ms(stage.modules - stage.mounts), ms(stage.network - stage.modules),
             ms(now_ns - stage.network), (unsigned long long)info.freeram * info.mem_unit >> 20);
}

static void __attribute__((noreturn)) finish(void)
{
    log_info("%s", state.stopping == RB_POWER_OFF ? "powering off" : "rebooting");
    kill(-1, SIGKILL); /* everybody but us */
    sync();
    reboot(state.stopping);
    log_error("reboot: %s", strerror(errno));
    for (;;)
        pause();
}

static void begin_stop(int how, uint64_t now_ns)
{
    if (state.stopping)
        return;
    state.stopping = how;
    state.stop_deadline_ns = now_ns + STOP_NS;
    if (!service_stop())
        finish();
}

static void reap(uint64_t now_ns)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!boot_reap(pid) && service_reap(pid, status, now_ns) && state.stopping)
            finish();
    }
}

static void take_signals(int fd, uint64_t now_ns)
{
    struct signalfd_siginfo si;

    while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
        if (si.ssi_signo == SIGCHLD)
            reap(now_ns);
        else
            begin_stop(si.ssi_signo == POWEROFF_SIGNAL ? RB_POWER_OFF : RB_AUTOBOOT, now_ns);
    }
}

/* What they say does not matter: todo_try looks for itself. */
static void drain(int fd)
{
    char buf[4096];
    ssize_t n;

    /* ENOBUFS: some were lost, which is all the same to us. */
    do
        n = recv(fd, buf, sizeof(buf), 0);
    while (n > 0 || (n < 0 && errno == ENOBUFS));
}

/* The earlier of two poll() timeouts, -1 being never. */
static int earlier(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

static int timeout_ms(uint64_t now_ns)
{
    int t = earlier(todo_timeout_ms(now_ns), service_timeout_ms(now_ns));

    t = earlier(t, watchdog_timeout_ms(now_ns));
    if (state.stopping)
        t = earlier(t, state.stop_deadline_ns <= now_ns
                           ? 0
                           : (int)((state.stop_deadline_ns - now_ns) / 1000000) + 1);
    return t;
}

static void __attribute__((noreturn)) loop(int signals, int uevents)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = uevents, .events = POLLIN},
                           {.events = POLLIN},
                           {.events = POLLIN}};

    for (;;) {
        uint64_t now_ns = clock_ns();
        int daemons[2];

        todo_try(now_ns);
        if (!state.started && !state.stopping && !todo_waiting())
            start_service(now_ns);
        service_tick(now_ns);
        watchdog_tick(now_ns);
        if (state.stopping && now_ns >= state.stop_deadline_ns)
            finish();
        service_fds(daemons);
        fds[2].fd = daemons[0];
        fds[3].fd = daemons[1];
        if (poll(fds, ARRAY_SIZE(fds), timeout_ms(now_ns)) <= 0)
            continue;
        if (fds[2].revents || fds[3].revents)
            service_hear(clock_ns());
        if (fds[0].revents)
            take_signals(signals, clock_ns());
        if (fds[1].revents)
            drain(uevents);
    }
}

/* As /sbin/poweroff or /sbin/reboot, run by the kernel: tell PID 1. */
static int tell_init(const char *name)
{
    int signal = strcmp(name, "reboot") == 0 ? REBOOT_SIGNAL : POWEROFF_SIGNAL;

    if (strcmp(name, "poweroff") != 0 && strcmp(name, "reboot") != 0) {
        fprintf(stderr, "drvdom-init is a driver domain's PID 1: boot an image made with drvdom "
                        "image build\n");
        return 2;
    }
    /* An error makes the kernel power off by itself. */
    return kill(1, signal) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    int signals, uevents;

    if (getpid() != 1)
        return tell_init(slash ? slash + 1 : argc > 0 ? argv[0] : "");
    log_set_prefix("drvdom-init");
    stage.start = clock_ns();
    signals = open_signals();
    boot_mounts();
    reboot(RB_DISABLE_CAD);
    boot_limits();
    boot_read_conf(&conf);
    uevents = open_uevents();
    stage.mounts = clock_ns();
    boot_modules();
    boot_check_xen();
    stage.modules = clock_ns();
    network(&conf);
    boot_files(&conf);
    stage.network = clock_ns();
    todo_init(&conf, stage.network);
    loop(signals, uevents);
}
