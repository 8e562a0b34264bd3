/*
 * See wait.h.
 *
 * Event channel, two ways.  /dev/xen/evtchn is read and written in 4-byte port numbers (evtchn(4)
 * of Linux, include/uapi/xen/evtchn.h): a read waits for an event, a write unmasks.  When the
 * library's descriptor is that character device, both go through the ring.  Otherwise (fakexen, or
 * a library on another system) the descriptor is only polled and the library does the rest.
 *
 * #syscalls io_uring_enter io_uring_register write
 */
#include "backends/blk/wait.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/base/log.h"

static uint64_t tag(enum wait_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

/* Kernels before 6.1 know fewer of these; each step down costs a little speed, nothing else. */
static int make_ring(struct wait *w, uint32_t depth)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int rc = -EINVAL;

    for (unsigned i = 0; i < ARRAY_SIZE(flags) && rc == -EINVAL; i++) {
        struct io_uring_params p = {.flags = flags[i] | IORING_SETUP_R_DISABLED |
                                             IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP};

        p.cq_entries = 2 * depth + 16;
        rc = io_uring_queue_init_params(depth < 256 ? depth + 8 : 256, &w->ring, &p);
    }
    return rc;
}

/* Debian 12's liburing.so has the header's wrappers for these two, but does not export them. */
static int ring_register(struct wait *w, unsigned op, void *arg, unsigned n)
{
    return syscall(SYS_io_uring_register, w->ring.ring_fd, op, arg, n) < 0 ? -errno : 0;
}

static int restrict_ring(struct wait *w)
{
    static const uint8_t ops[] = {
        IORING_OP_READ,      IORING_OP_WRITE,      IORING_OP_READV,
        IORING_OP_WRITEV,    IORING_OP_READ_FIXED, IORING_OP_FSYNC,
        IORING_OP_FALLOCATE, IORING_OP_POLL_ADD,   IORING_OP_WRITE_FIXED,
    };
    static const uint8_t registers[] = {
        IORING_REGISTER_ENABLE_RINGS,
        IORING_REGISTER_BUFFERS2,
        IORING_REGISTER_BUFFERS_UPDATE,
    };
    struct io_uring_restriction r[ARRAY_SIZE(ops) + ARRAY_SIZE(registers) + 2];
    unsigned n = 0;

    memset(r, 0, sizeof(r));
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++, n++) {
        r[n].opcode = IORING_RESTRICTION_SQE_OP;
        r[n].sqe_op = ops[i];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++, n++) {
        r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
        r[n].register_op = registers[i];
    }
    r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
    r[n++].sqe_flags = IOSQE_FIXED_FILE;
    r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    r[n++].sqe_flags = IOSQE_CQE_SKIP_SUCCESS;
    return ring_register(w, IORING_REGISTER_RESTRICTIONS, r, n);
}

int wait_open(struct wait *w, struct evtchn *ev, int disk_fd, uint32_t depth)
{
    int files[WAIT_FILES];
    struct stat st;
    int rc;

    memset(w, 0, sizeof(*w));
    w->ev = ev;
    w->direct = fstat(evtchn_fd(ev), &st) == 0 && S_ISCHR(st.st_mode);
    w->command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->command_fd < 0)
        return -errno;
    rc = make_ring(w, depth);
    if (rc) {
        close(w->command_fd);
        return rc;
    }
    files[WAIT_FILE_DISK] = disk_fd;
    files[WAIT_FILE_PORT] = evtchn_fd(ev);
    files[WAIT_FILE_COMMAND] = w->command_fd;
    rc = io_uring_register_files(&w->ring, files, WAIT_FILES);
    if (!rc)
        rc = restrict_ring(w);
    if (rc)
        wait_close(w);
    return rc;
}

void wait_close(struct wait *w)
{
    io_uring_queue_exit(&w->ring);
    close(w->command_fd);
    w->command_fd = -1;
}

int wait_enable(struct wait *w)
{
    return ring_register(w, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

void wait_kick(struct wait *w)
{
    uint64_t one = 1;

    /* Only a counter near 2^64 could refuse, and then the thread has been woken already. */
    if (write(w->command_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
}

static struct io_uring_sqe *get_sqe(struct wait *w)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&w->ring);

    while (!sqe) {
        /* Full: submitting empties it.  -EBUSY (completions must be reaped first) cannot happen,
         * the completion ring holds every operation that may be in flight. */
        int rc = io_uring_submit(&w->ring);

        assert(rc >= 0 || rc == -EINTR || rc == -EAGAIN);
        sqe = io_uring_get_sqe(&w->ring);
    }
    return sqe;
}

struct io_uring_sqe *wait_disk_sqe(struct wait *w)
{
    return get_sqe(w);
}

void wait_disk_tag(struct io_uring_sqe *sqe, uint32_t index)
{
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, tag(WAIT_DISK, index));
}

void wait_unmask(struct wait *w, uint32_t port)
{
    struct io_uring_sqe *sqe;

    if (!w->direct) {
        if (evtchn_unmask(w->ev, port))
            log_peer("unmasking port %u: %s", port, strerror(errno));
        return;
    }
    sqe = get_sqe(w);
    w->port_out = port;
    io_uring_prep_write(sqe, WAIT_FILE_PORT, &w->port_out, sizeof(w->port_out), (uint64_t)-1);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, tag(WAIT_IGNORE, 0));
}

/* Keeps one read (or poll) of the event channel and one of the eventfd under way. */
static void arm(struct wait *w)
{
    struct io_uring_sqe *sqe;

    if (!w->port_armed) {
        sqe = get_sqe(w);
        if (w->direct)
            io_uring_prep_read(sqe, WAIT_FILE_PORT, &w->port_in, sizeof(w->port_in), (uint64_t)-1);
        else
            io_uring_prep_poll_add(sqe, WAIT_FILE_PORT, POLLIN);
        sqe->flags |= IOSQE_FIXED_FILE;
        io_uring_sqe_set_data64(sqe, tag(WAIT_PORT, 0));
        w->port_armed = true;
    }
    if (!w->command_armed) {
        sqe = get_sqe(w);
        io_uring_prep_read(sqe, WAIT_FILE_COMMAND, &w->command_in, sizeof(w->command_in),
                           (uint64_t)-1);
        sqe->flags |= IOSQE_FIXED_FILE;
        io_uring_sqe_set_data64(sqe, tag(WAIT_COMMAND, 0));
        w->command_armed = true;
    }
}

int wait_for(struct wait *w, bool block, uint64_t timeout_ns)
{
    struct io_uring_cqe *cqe;
    int rc;

    arm(w);
    if (!block) {
        rc = io_uring_submit_and_get_events(&w->ring);
    } else if (timeout_ns == UINT64_MAX) {
        rc = io_uring_submit_and_wait(&w->ring, 1);
    } else {
        struct __kernel_timespec ts = {.tv_sec = (int64_t)(timeout_ns / 1000000000u),
                                       .tv_nsec = (long long)(timeout_ns % 1000000000u)};

        rc = io_uring_submit_and_wait_timeout(&w->ring, &cqe, 1, &ts, NULL);
    }
    return rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY ? 0 : rc;
}

/* The event channel has something: its port number, or 0 for nothing after all. */
static uint32_t take_port(struct wait *w, int res)
{
    int port;

    w->port_armed = false;
    if (w->direct)
        return res == (int)sizeof(w->port_in) ? w->port_in : 0;
    port = evtchn_pending(w->ev);
    return port > 0 ? (uint32_t)port : 0;
}

bool wait_next(struct wait *w, struct wait_event *out)
{
    struct io_uring_cqe *cqe;
    uint64_t data;

    while (io_uring_peek_cqe(&w->ring, &cqe) == 0) {
        data = io_uring_cqe_get_data64(cqe);
        *out = (struct wait_event){
            .kind = (enum wait_kind)(data >> 32), .index = (uint32_t)data, .res = cqe->res};
        io_uring_cqe_seen(&w->ring, cqe);
        switch (out->kind) {
        case WAIT_PORT:
            out->index = take_port(w, out->res);
            return true;
        case WAIT_COMMAND:
            w->command_armed = false;
            return true;
        case WAIT_DISK:
            return true;
        case WAIT_IGNORE:
            break;
        }
    }
    return false;
}
