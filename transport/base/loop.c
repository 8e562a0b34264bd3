/* See loop.h. */
#include "transport/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "transport/base/log.h"

int loop_init(struct loop *l)
{
    memset(l, 0, sizeof(*l));
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    return l->epfd < 0 ? -errno : 0;
}

void loop_fini(struct loop *l)
{
    if (l->epfd >= 0)
        close(l->epfd);
    l->epfd = -1;
}

static int ctl(struct loop *l, int op, struct loop_fd *h, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = h};

    return epoll_ctl(l->epfd, op, h->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *l, struct loop_fd *h, uint32_t events)
{
    return ctl(l, EPOLL_CTL_ADD, h, events);
}

int loop_mod(struct loop *l, struct loop_fd *h, uint32_t events)
{
    return ctl(l, EPOLL_CTL_MOD, h, events);
}

void loop_del(struct loop *l, struct loop_fd *h)
{
    /* A callback may remove a neighbour whose event already stands in this batch. */
    for (int i = 0; i < l->batch_len; i++) {
        if (l->batch[i] == h)
            l->batch[i] = NULL;
    }
    /* ENOENT: never added, or closed before; both mean what the caller wants. */
    if (h->fd >= 0)
        (void)ctl(l, EPOLL_CTL_DEL, h, 0);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    t->next = NULL;
    t->due_ns = 0;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t delay_ns)
{
    struct loop_timer **p = &l->timers;

    assert(t->fn);
    loop_timer_cancel(l, t);
    t->due_ns = clock_ns() + delay_ns;
    while (*p && (*p)->due_ns <= t->due_ns)
        p = &(*p)->next;
    t->next = *p;
    *p = t;
}

static void run_due_timers(struct loop *l)
{
    uint64_t now;

    if (!l->timers)
        return;
    now = clock_ns();
    while (l->timers && l->timers->due_ns <= now && !l->quit) {
        struct loop_timer *t = l->timers;

        l->timers = t->next;
        t->next = NULL;
        t->due_ns = 0;
        t->fn(t->arg);
    }
}

uint64_t loop_next_timer_ns(const struct loop *l)
{
    uint64_t now;

    if (!l->timers)
        return UINT64_MAX;
    now = clock_ns();
    return l->timers->due_ns > now ? l->timers->due_ns - now : 0;
}

static int wait_events(struct loop *l, struct epoll_event *ev, int max, bool wait)
{
    uint64_t ns = wait ? loop_next_timer_ns(l) : 0;
    struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
                          .tv_nsec = (long)(ns % 1000000000u)};

    return epoll_pwait2(l->epfd, ev, max, ns == UINT64_MAX ? NULL : &ts, NULL);
}

int loop_step(struct loop *l, bool wait)
{
    struct epoll_event ev[ARRAY_SIZE(l->batch)];
    int n = wait_events(l, ev, ARRAY_SIZE(ev), wait);

    if (n < 0 && errno != EINTR)
        return -errno;
    l->batch_len = n > 0 ? n : 0;
    for (int i = 0; i < l->batch_len; i++)
        l->batch[i] = ev[i].data.ptr;
    for (int i = 0; i < l->batch_len && !l->quit; i++) {
        const struct loop_fd *h = l->batch[i];

        if (h)
            h->fn(h->arg, ev[i].events);
    }
    l->batch_len = 0;
    run_due_timers(l);
    return 0;
}

int loop_run(struct loop *l)
{
    while (!l->quit) {
        int rc = loop_step(l, true);

        if (rc)
            return rc;
    }
    return l->exit_code;
}

void loop_quit(struct loop *l, int exit_code)
{
    l->quit = true;
    l->exit_code = exit_code;
}

/* Which descriptor it was is not known to a callback that gets the loop: one per process is enough.
 */
static int signal_fd = -1;

static void on_signal(void *arg, uint32_t events)
{
    struct signalfd_siginfo info;

    (void)events;
    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        log_info("signal %u: stopping", info.ssi_signo);
    loop_quit(arg, 0);
}

int loop_quit_on_signals(struct loop *l, struct loop_fd *h)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    *h = (struct loop_fd){.fd = signal_fd, .fn = on_signal, .arg = l};
    return h->fd < 0 ? -errno : loop_add(l, h, EPOLLIN);
}
