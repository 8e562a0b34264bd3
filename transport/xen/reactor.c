/*
 * See reactor.h.
 *
 * Event channel, two ways.  /dev/xen/evtchn is read and written in 4-byte port numbers (Linux
 * include/uapi/xen/evtchn.h): a read waits for an event, a write unmasks.  When the library's
 * descriptor is that character device, both go through the ring.  Otherwise (a test double, or a
 * library on another system) the descriptor is only polled and the library does the rest.
 *
 * #syscalls io_uring_enter
 */
#include "transport/xen/reactor.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/base/log.h"

static uint64_t data_of(enum reactor_kind kind, uint32_t tag)
{
    return (uint64_t)kind << 32 | tag;
}

/* Debian 12's liburing declares io_uring_register_restrictions() and io_uring_enable_rings() and
 * does not export them. */
static int do_register(struct reactor *r, unsigned op, void *arg, unsigned n)
{
    return syscall(SYS_io_uring_register, r->ring.ring_fd, op, arg, n) < 0 ? -errno : 0;
}

/* Kernels before 6.1 know fewer of these; each step down costs a little speed, nothing else. */
static int make_ring(struct reactor *r, const struct reactor_config *c)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int rc = -EINVAL;

    for (unsigned i = c->deferred ? 0 : 1; i < ARRAY_SIZE(flags) && rc == -EINVAL; i++) {
        struct io_uring_params p = {.flags = flags[i] | IORING_SETUP_R_DISABLED |
                                             IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP};

        p.cq_entries = 2 * c->depth + 16;
        rc = io_uring_queue_init_params(c->depth + 8, &r->ring, &p);
    }
    return rc;
}

static int restrict_ring(struct reactor *r)
{
    static const uint8_t ops[] = {
        IORING_OP_READ,       IORING_OP_WRITE,       IORING_OP_READV,    IORING_OP_WRITEV,
        IORING_OP_FSYNC,      IORING_OP_FALLOCATE,   IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
        IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_TIMEOUT,
    };
    struct io_uring_restriction res[ARRAY_SIZE(ops) + 2];
    unsigned n = 0;

    memset(res, 0, sizeof(res));
    for (; n < ARRAY_SIZE(ops); n++) {
        res[n].opcode = IORING_RESTRICTION_SQE_OP;
        res[n].sqe_op = ops[n];
    }
    res[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
    res[n++].sqe_flags = IOSQE_FIXED_FILE;
    res[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    res[n++].sqe_flags = IOSQE_IO_LINK | IOSQE_IO_HARDLINK;
    return do_register(r, IORING_REGISTER_RESTRICTIONS, res, n);
}

int reactor_open(struct reactor *r, const struct reactor_config *c)
{
    int files[REACTOR_FILES];
    struct stat st;
    int rc;

    memset(r, 0, sizeof(*r));
    r->ev = c->ev;
    r->direct = fstat(evtchn_fd(c->ev), &st) == 0 && S_ISCHR(st.st_mode);
    rc = make_ring(r, c);
    if (rc)
        return rc;
    files[REACTOR_FILE_DEVICE] = c->device_fd;
    files[REACTOR_FILE_PORT] = evtchn_fd(c->ev);
    files[REACTOR_FILE_COMMAND] = c->command_fd;
    rc = io_uring_register_files(&r->ring, files, REACTOR_FILES);
    if (!rc)
        rc = restrict_ring(r);
    if (!rc)
        rc = do_register(r, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (rc)
        reactor_close(r);
    return rc;
}

void reactor_close(struct reactor *r)
{
    io_uring_queue_exit(&r->ring);
}

struct io_uring_sqe *reactor_sqe(struct reactor *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

    while (!sqe) {
        /* Full: submitting empties it.  Completions never overflow: their ring holds twice what
         * may be in flight. */
        int rc = io_uring_submit(&r->ring);

        assert(rc >= 0 || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
        sqe = io_uring_get_sqe(&r->ring);
    }
    r->unsubmitted = true;
    return sqe;
}

static void tag(struct reactor *r, struct io_uring_sqe *sqe, uint64_t data, bool soon)
{
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, data);
    r->soon += soon;
}

void reactor_tag(struct reactor *r, struct io_uring_sqe *sqe, uint32_t t, bool soon)
{
    tag(r, sqe, data_of(REACTOR_DEVICE, t), soon);
}

void reactor_cancel_device(struct reactor *r)
{
    struct io_uring_sqe *sqe = reactor_sqe(r);

    io_uring_prep_cancel_fd(sqe, REACTOR_FILE_DEVICE,
                            IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD_FIXED);
    tag(r, sqe, data_of(REACTOR_OTHER, 0), true);
}

void reactor_unmask(struct reactor *r, uint32_t port)
{
    struct io_uring_sqe *sqe;
    uint32_t *out;

    if (!r->direct) {
        int rc = evtchn_unmask(r->ev, port);

        if (rc)
            log_peer("unmasking port %u: %s", port, strerror(-rc));
        return;
    }
    sqe = reactor_sqe(r);
    out = &r->port_out[r->port_out_next++ % ARRAY_SIZE(r->port_out)];
    *out = port;
    io_uring_prep_write(sqe, REACTOR_FILE_PORT, out, sizeof(*out), (uint64_t)-1);
    tag(r, sqe, data_of(REACTOR_OTHER, 0), true);
}

/* Keeps one read (or poll) of the event channel, one poll of the command descriptor and the beat
 * going. */
static void arm(struct reactor *r)
{
    struct io_uring_sqe *sqe;

    if (!r->port_armed) {
        sqe = reactor_sqe(r);
        if (r->direct)
            io_uring_prep_read(sqe, REACTOR_FILE_PORT, &r->port_in, sizeof(r->port_in),
                               (uint64_t)-1);
        else
            io_uring_prep_poll_add(sqe, REACTOR_FILE_PORT, POLLIN);
        tag(r, sqe, data_of(REACTOR_PORT, 0), false);
        r->port_armed = true;
    }
    if (!r->command_armed) {
        sqe = reactor_sqe(r);
        io_uring_prep_poll_add(sqe, REACTOR_FILE_COMMAND, POLLIN);
        tag(r, sqe, data_of(REACTOR_COMMAND, 0), false);
        r->command_armed = true;
    }
    if (!r->beat_armed) {
        sqe = reactor_sqe(r);
        r->beat = (struct __kernel_timespec){.tv_sec = REACTOR_BEAT_NS / 1000000000u};
        io_uring_prep_timeout(sqe, &r->beat, 0, 0);
        tag(r, sqe, data_of(REACTOR_BEAT, 0), false);
        r->beat_armed = true;
    }
}

int reactor_wait(struct reactor *r, bool block, uint64_t timeout_ns)
{
    unsigned wait_for = r->soon + 1;
    struct io_uring_cqe *cqe;
    int rc;

    arm(r);
    r->soon = 0;
    r->unsubmitted = false;
    if (!block) {
        rc = io_uring_submit_and_get_events(&r->ring);
    } else if (timeout_ns >= REACTOR_BEAT_NS) {
        rc = io_uring_submit_and_wait(&r->ring, wait_for);
    } else {
        struct __kernel_timespec ts = {.tv_sec = (int64_t)(timeout_ns / 1000000000u),
                                       .tv_nsec = (long long)(timeout_ns % 1000000000u)};

        rc = io_uring_submit_and_wait_timeout(&r->ring, &cqe, wait_for, &ts, NULL);
    }
    return rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN ? 0 : rc;
}

/* The event channel has something: its port number, or 0 for nothing after all. */
static uint32_t take_port(struct reactor *r, int res)
{
    int port;

    r->port_armed = false;
    if (r->direct)
        return res == (int)sizeof(r->port_in) ? r->port_in : 0;
    port = evtchn_pending(r->ev);
    return port > 0 ? (uint32_t)port : 0;
}

bool reactor_next(struct reactor *r, struct reactor_event *out)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&r->ring, &cqe) == 0) {
        uint64_t data = io_uring_cqe_get_data64(cqe);

        *out = (struct reactor_event){
            .kind = (enum reactor_kind)(data >> 32), .tag = (uint32_t)data, .res = cqe->res};
        io_uring_cqe_seen(&r->ring, cqe);
        if (out->kind == REACTOR_BEAT)
            r->beat_armed = false;
        if (out->kind == REACTOR_BEAT || out->kind == REACTOR_OTHER)
            continue;
        if (out->kind == REACTOR_PORT)
            out->tag = take_port(r, out->res);
        if (out->kind == REACTOR_COMMAND)
            r->command_armed = false;
        return true;
    }
    return false;
}
