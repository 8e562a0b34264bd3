/* See testkill.h. */
#include "driver-domain/drvdomd/testkill.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/driver-domain.h"
#include "transport/base/log.h"

static struct {
    struct loop_timer timer;
    unsigned left, max_ms, next;
} kills;

/* Killed already, and not yet noticed? */
static bool is_dead(const struct device *dev)
{
    struct pollfd p = {.fd = dev->pidfd.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* The next worker in the table, so that each device gets its share. */
static struct device *next_victim(struct drvdomd *d)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        struct device *dev = d->dev[kills.next++ % TABLE_MAX];

        if (dev && dev->pid > 0 && dev->xenbus.phase == XB_SERVING && !is_dead(dev))
            return dev;
    }
    return NULL;
}

static void arm(struct drvdomd *d)
{
    uint64_t ns = (uint64_t)random() % ((uint64_t)kills.max_ms * 1000000u);

    loop_timer_set(&d->loop, &kills.timer, ns);
}

static void on_timer(void *arg)
{
    struct drvdomd *d = arg;
    struct device *victim = next_victim(d);

    if (victim) {
        kill(victim->pid, SIGKILL);
        kills.left--;
    }
    if (kills.left > 0)
        arm(d);
    else
        log_info("test-kill: done, %u workers replaced since drvdomd started",
                 d->workers_replaced + 1);
}

static void panic(void)
{
    static const struct {
        const char *path, *text;
    } say[] = {{"/proc/sys/kernel/sysrq", "1"}, {"/proc/sysrq-trigger", "c"}};

    for (size_t i = 0; i < ARRAY_SIZE(say); i++) {
        int fd = open(say[i].path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, say[i].text, 1) != 1)
            log_error("test-kill: %s: %s", say[i].path, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
}

void testkill_look(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], text[DRVDOM_SIZE_TEST_KILL];

    (void)drvdom_dir(dir, sizeof(dir));
    if (drvdom_get_test_kill(d->store, 0, dir, text, sizeof(text)) ||
        drvdom_rm_test_kill(d->store, 0, dir))
        return;
    log_info("test-kill: %s", text);
    if (sscanf(text, "workers %u %u", &kills.left, &kills.max_ms) == 2 && kills.left &&
        kills.max_ms)
        arm(d);
    else if (strcmp(text, "drvdomd") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(text, "kernel") == 0)
        panic();
}

int testkill_start(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX];

    kills.timer = (struct loop_timer){.fn = on_timer, .arg = d};
    (void)drvdom_dir(dir, sizeof(dir));
    schema_join(path, sizeof(path), dir, DRVDOM_KEY_TEST_KILL);
    return store_watch(d->store, path, TESTKILL_TOKEN);
}
