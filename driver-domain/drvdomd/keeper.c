/* See keeper.h. */
#include "driver-domain/drvdomd/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver-domain/drvdomd/upgrade.h"
#include "schema/driver-domain.h"
#include "transport/base/keeper.h"
#include "transport/base/log.h"
#include "transport/base/msg.h"

enum { END_MS = 2000 };
static const uint64_t LOOK_NS = 2000000; /* is everybody served again? */

static struct loop_fd keeper = {.fd = -1};
static struct loop_timer adopted;
static uint32_t adopting; /* devices that a predecessor had */

static void on_message(void *arg, uint32_t events)
{
    struct drvdomd *d = arg;
    char text[KEEPER_TEXT_MAX];
    int nfds = 0;
    ssize_t n = msg_recv(keeper.fd, text, sizeof(text) - 1, NULL, &nfds);

    (void)events;
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        loop_del(&d->loop, &keeper);
        return;
    }
    text[n] = '\0';
    upgrade_ended(d, text);
}

int keeper_open(struct drvdomd *d)
{
    const char *env = getenv(KEEPER_ENV);

    if (!env)
        return 0;
    keeper = (struct loop_fd){.fd = atoi(env), .fn = on_message, .arg = d}; /* init's own words */
    if (fcntl(keeper.fd, F_SETFD, FD_CLOEXEC))
        return -errno;
    return loop_add(&d->loop, &keeper, EPOLLIN);
}

void keeper_end_predecessor(void)
{
    const char *env = getenv(KEEPER_OLD_ENV);
    pid_t pid = env ? atoi(env) : 0;
    int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    (void)unsetenv(KEEPER_OLD_ENV);
    if (fd < 0)
        return;
    /* Not SIGTERM: it would take its workers along. */
    if (kill(pid, SIGKILL) || poll(&p, 1, END_MS) <= 0)
        log_error("the drvdomd before us (process %d) does not end", pid);
    close(fd);
}

static void say(const char *text)
{
    int rc = keeper.fd < 0 ? 0 : msg_send(keeper.fd, text, strlen(text), NULL, 0);

    if (rc)
        log_warn("drvdom-init cannot be told \"%s\": %s", text, strerror(-rc));
}

static bool is_adopting(const struct device *dev)
{
    return dev && dev->lost_ns && dev->xenbus.resume;
}

static void look(void *arg)
{
    struct drvdomd *d = arg;
    char dir[STORE_PATH_MAX];

    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (is_adopting(d->dev[i])) {
            loop_timer_set(&d->loop, &adopted, LOOK_NS);
            return;
        }
    }
    say(KEEPER_READY);
    (void)drvdom_dir(dir, sizeof(dir));
    if (drvdom_set_adopted(d->store, 0, dir, adopting))
        log_warn("dom0 cannot be told that all are served");
}

void keeper_say_ready(struct drvdomd *d)
{
    adopting = 0;
    for (unsigned i = 0; i < TABLE_MAX; i++)
        adopting += is_adopting(d->dev[i]);
    adopted = (struct loop_timer){.fn = look, .arg = d};
    look(d);
}

int keeper_ask(struct drvdomd *d, const char *dir)
{
    char text[KEEPER_TEXT_MAX];

    (void)d;
    if (keeper.fd < 0)
        return -ENOTSUP;
    snprintf(text, sizeof(text), KEEPER_UPGRADE "%s", dir);
    return msg_send(keeper.fd, text, strlen(text), NULL, 0);
}
