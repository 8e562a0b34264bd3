/*
 * drvdom-init's part in a test: keeps a drvdomd running and tries new versions of it, by the code
 * of drvdom-init itself (driver-domain/init/service.c), as an ordinary process. keeper DIR UPGRADES
 * [ARGUMENT...]     programs in DIR; where drvdomd unpacks new ones To be run in a pid namespace of
 * its own: a drvdomd that has a predecessor ends all workers it finds.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-domain/init/service.h"
#include "transport/base/log.h"

static struct conf conf;

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(int fd)
{
    struct signalfd_siginfo si;
    pid_t pid;
    int status;

    while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        (void)service_reap(pid, status, clock_ns());
}

int main(int argc, char **argv)
{
    struct pollfd fds[3] = {{.events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};
    int daemons[2];

    log_set_prefix("keeper");
    if (argc < 3)
        return 2;
    for (int i = 3; i < argc; i++)
        snprintf(conf.drvdomd_args[conf.drvdomd_arg_count++], sizeof(conf.drvdomd_args[0]), "%s",
                 argv[i]);
    fds[0].fd = open_signals();
    service_start(&conf, argv[1], argv[2], environ, clock_ns());
    for (;;) {
        uint64_t now_ns = clock_ns();

        service_tick(now_ns);
        service_fds(daemons);
        fds[1].fd = daemons[0];
        fds[2].fd = daemons[1];
        if (poll(fds, 3, service_timeout_ms(now_ns)) <= 0)
            continue;
        if (fds[1].revents || fds[2].revents)
            service_hear(clock_ns());
        if (fds[0].revents)
            take_signals(fds[0].fd);
    }
}
