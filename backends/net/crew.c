/* See crew.h. */
#include "backends/net/crew.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/base/log.h"
#include "transport/xen/worker_loop.h"

enum { STACK_BYTES = 64 << 10 };

int crew_init(struct crew_member *m, struct worker *w, struct net_shared *shared, unsigned index,
              int port_fd, int command_fd, int bell_fd)
{
    m->command_fd = command_fd;
    m->bell_fd = bell_fd;
    if (index > 0) {
        m->command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (m->command_fd < 0)
            return -errno;
        if (sem_init(&m->done, 0, 0))
            return -errno;
    }
    return net_queue_init(&m->queue, w, shared, index, port_fd, m->command_fd);
}

static int obey(struct crew_member *m, int order)
{
    switch (order) {
    case CREW_CONNECT:
        return net_queue_connect(&m->queue, m->connect, m->mtu, m->why);
    case CREW_STOP:
        net_queue_stop(&m->queue);
        return 0;
    default:
        net_queue_disconnect(&m->queue);
        return 0;
    }
}

static void ring_bell(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
}

static void take_order(struct crew_member *m)
{
    uint64_t n;
    int order;

    m->queue.command = false;
    if (read(m->command_fd, &n, sizeof(n)) < 0)
        return;
    order = atomic_exchange(&m->order, 0);
    if (!order)
        return;
    m->rc = obey(m, order);
    sem_post(&m->done);
}

static void *work(void *arg)
{
    struct crew_member *m = arg;

    worker_lower_priority();
    for (;;) {
        int rc = net_queue_turn(&m->queue, UINT64_MAX);

        /* Without its ring the thread can do nothing at all; the process is replaceable. */
        if (rc) {
            log_error("queue %u: waiting failed: %s", m->queue.index, strerror(-rc));
            _exit(1);
        }
        if (m->queue.command)
            take_order(m);
        if (m->queue.changed) {
            m->queue.changed = false;
            atomic_store(&m->faulty, m->queue.fault != 0);
            ring_bell(m->bell_fd);
        }
    }
    return NULL;
}

int crew_start(struct crew_member *m)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);

    if (!rc)
        rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (!rc)
        rc = pthread_create(&m->thread, &attr, work, m);
    m->has_thread = rc == 0;
    return -rc;
}

static int give_order(struct crew_member *m, enum crew_order order)
{
    if (!m->has_thread)
        return obey(m, order);
    atomic_store(&m->order, order);
    ring_bell(m->command_fd);
    while (sem_wait(&m->done))
        assert(errno == EINTR);
    return m->rc;
}

int crew_connect(struct crew_member *m, const struct net_connect *c, uint32_t mtu, struct why *why)
{
    m->connect = c;
    m->mtu = mtu;
    m->why = why;
    return give_order(m, CREW_CONNECT);
}

void crew_stop(struct crew_member *m)
{
    (void)give_order(m, CREW_STOP);
}

void crew_disconnect(struct crew_member *m)
{
    (void)give_order(m, CREW_DISCONNECT);
}
