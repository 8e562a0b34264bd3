/* See testkill.h. */
#include "driver-domain/drvdomd/testkill.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-domain/drvdomd/spawn.h"
#include "schema/driver-domain.h"
#include "transport/base/log.h"
#include "transport/xen/teststep.h"

enum { STEP_NAME_MAX = 16 };

static struct {
    struct loop_timer timer;
    unsigned count, before, max_ms, next;
    unsigned steps_left, max_passes;
    enum teststep step;
} kills;

/* Killed already, and not yet noticed? */
static bool is_dead(const struct device *dev)
{
    struct pollfd p = {.fd = dev->pidfd.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* One with a connected guest; now and then one that is itself about to take up what a dead one
 * left. Not more often: a dozen of those in a row are a crash loop. */
static bool is_victim(const struct device *dev)
{
    const struct xenbus_dev *x = &dev->xenbus;

    return dev->pid > 0 && !is_dead(dev) &&
           (x->phase == XB_SERVING || (x->resume && random() % 4 == 0));
}

/* The next worker in the table, so that each device gets its share. */
static struct device *next_victim(struct drvdomd *d)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        struct device *dev = d->dev[kills.next++ % TABLE_MAX];

        if (dev && is_victim(dev))
            return dev;
    }
    return NULL;
}

static void arm(struct drvdomd *d)
{
    uint64_t ns = (uint64_t)random() % ((uint64_t)kills.max_ms * 1000000u);

    loop_timer_set(&d->loop, &kills.timer, ns);
}

/* The guest waits from now on, not from when we notice. */
static void end(struct device *victim)
{
    if (!victim->lost_ns)
        victim->lost_ns = clock_ns();
    kill(victim->pid, SIGKILL);
}

/* Counted are those that were replaced: one that is told to die twice dies once. */
static void on_timer(void *arg)
{
    struct drvdomd *d = arg;
    struct device *victim = next_victim(d);

    if (d->workers_replaced - kills.before >= kills.count) {
        log_info("test-kill: done, %u workers replaced since drvdomd started", d->workers_replaced);
        return;
    }
    if (victim)
        end(victim);
    arm(d);
}

/* ---- at a step ---- */

void testkill_serves(struct device *dev)
{
    struct teststep_order o = {.step = kills.step};

    if (kills.steps_left == 0)
        return;
    o.passes = 1 + (uint32_t)random() % kills.max_passes;
    if (spawn_tell(dev, WORKER_TEST_STEP, &o, sizeof(o)) == 0)
        kills.steps_left--;
}

static void arm_steps(struct drvdomd *d, const char *name)
{
    kills.step = teststep_named(name);
    if (kills.step == STEP_NONE || kills.max_passes == 0) {
        log_error("test-kill: no step \"%s\"", name);
        kills.steps_left = 0;
    }
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (d->dev[i] && d->dev[i]->xenbus.phase == XB_SERVING)
            testkill_serves(d->dev[i]);
    }
}

/* ---- of all ---- */

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

/* Nothing else runs any more, on one processor: a domain that is there and does nothing. */
static void hang(void)
{
    const struct sched_param first = {.sched_priority = 99};
    int fd = open("/proc/sys/kernel/sched_rt_runtime_us", O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "-1", 2) != 2 || sched_setscheduler(0, SCHED_FIFO, &first))
        log_error("test-kill: cannot hang: %s", strerror(errno));
    for (;;)
        ;
}

void testkill_look(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], text[DRVDOM_SIZE_TEST_KILL], step[STEP_NAME_MAX];

    (void)drvdom_dir(dir, sizeof(dir));
    if (drvdom_get_test_kill(d->store, 0, dir, text, sizeof(text)) ||
        drvdom_rm_test_kill(d->store, 0, dir))
        return;
    log_info("test-kill: %s", text);
    kills.before = d->workers_replaced;
    if (sscanf(text, "workers %u %u", &kills.count, &kills.max_ms) == 2 && kills.max_ms)
        arm(d);
    else if (sscanf(text, "step %15s %u %u", step, &kills.steps_left, &kills.max_passes) == 3)
        arm_steps(d, step);
    else if (strcmp(text, "drvdomd") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(text, "kernel") == 0)
        panic();
    else if (strcmp(text, "hang") == 0)
        hang();
}

int testkill_start(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX];

    kills.timer = (struct loop_timer){.fn = on_timer, .arg = d};
    (void)drvdom_dir(dir, sizeof(dir));
    schema_join(path, sizeof(path), dir, DRVDOM_KEY_TEST_KILL);
    return store_watch(d->store, path, TESTKILL_TOKEN);
}
