/* The block worker's own sandbox: neither a system call nor its io_uring opens a file, makes a
 * socket or starts a program. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenevtchn.h>

#include "backends/blk/blkback.h"
#include "backends/blk/wait.h"
#include "transport/base/sandbox.h"
#include "tests/unit/suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FILTERED = 0 }; /* sanitizer builds have no filter: sandbox.c says why */
#else
enum { FILTERED = 1 };
#endif

enum { UID = 123456 };

static struct wait queue;
static struct evtchn ev;

/* As the worker: everything is opened, then come its ring and its sandbox. */
static void become_worker(void)
{
    const struct sandbox_policy p = {.syscalls = blkback_ops.sandbox.syscalls,
                                     .ioctls = blkback_ops.sandbox.ioctls};
    const char *step = "";
    int disk = open("/dev/null", O_RDWR);

    ev.h = xenevtchn_fdopen(NULL, eventfd(0, EFD_NONBLOCK), 0);
    if (disk < 0 || !ev.h || wait_open(&queue, &ev, disk, 32))
        _exit(97);
    if (sandbox_enter(&p, NULL, UID, &step)) {
        dprintf(2, "sandbox: %s\n", step);
        _exit(98);
    }
    if (wait_enable(&queue))
        _exit(99);
}

static int run(void (*what)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        become_worker();
        what();
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void call_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}
static void call_socket(void)
{
    (void)!socket(AF_UNIX, SOCK_STREAM, 0);
}
static void call_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}
static void call_erase(void)
{
    uint64_t range[2] = {0, 512};

    (void)!ioctl(2, BLKSECDISCARD, range);
}
static void (*const calls[])(void) = {call_open, call_socket, call_exec};

START_TEST(a_call_kills)
{
    int status = run(calls[_i]);

    ck_assert_msg(!FILTERED || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS),
                  "status %#x, not SIGSYS", (unsigned)status);
}
END_TEST

/* A secure discard cannot go by the ring. */
START_TEST(erasing_is_allowed)
{
    ck_assert_int_eq(run(call_erase), 0);
}
END_TEST

/* What the ring answered to the operation that was prepared in it. */
static int answer(struct io_uring_sqe *sqe, unsigned flags)
{
    struct io_uring_cqe *cqe = NULL;
    int rc;

    sqe->flags = (uint8_t)flags;
    if (io_uring_submit(&queue.ring) < 0 || io_uring_wait_cqe(&queue.ring, &cqe))
        _exit(96);
    rc = cqe->res;
    io_uring_cqe_seen(&queue.ring, cqe);
    return rc;
}

static void ring_open(void)
{
    struct io_uring_sqe *sqe = wait_disk_sqe(&queue);

    io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    _exit(answer(sqe, IOSQE_FIXED_FILE) == -EACCES ? 0 : 1);
}

static void ring_socket(void)
{
    struct io_uring_sqe *sqe = wait_disk_sqe(&queue);

    io_uring_prep_rw(IORING_OP_SOCKET, sqe, AF_UNIX, NULL, 0, SOCK_STREAM);
    _exit(answer(sqe, IOSQE_FIXED_FILE) == -EACCES ? 0 : 1);
}

/* Any descriptor but those that were registered. */
static void ring_other_descriptor(void)
{
    static char c = 'x';
    struct io_uring_sqe *sqe = wait_disk_sqe(&queue);

    io_uring_prep_write(sqe, 2, &c, 1, 0);
    _exit(answer(sqe, 0) == -EACCES ? 0 : 1);
}

/* And what it is for works. */
static void ring_write(void)
{
    static char block[512];
    struct io_uring_sqe *sqe = wait_disk_sqe(&queue);

    io_uring_prep_write(sqe, WAIT_FILE_DISK, block, sizeof(block), 0);
    _exit(answer(sqe, IOSQE_FIXED_FILE) == sizeof(block) ? 0 : 1);
}
static void (*const by_ring[])(void) = {ring_open, ring_socket, ring_other_descriptor, ring_write};

START_TEST(the_ring_refuses)
{
    int status = run(by_ring[_i]);

    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "operation %d: status %#x", _i,
                  (unsigned)status);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_sandbox");
    TCase *t = tcase_create("blk_sandbox");

    tcase_add_loop_test(t, a_call_kills, 0, (int)ARRAY_SIZE(calls));
    tcase_add_test(t, erasing_is_allowed);
    tcase_add_loop_test(t, the_ring_refuses, 0, (int)ARRAY_SIZE(by_ring));
    suite_add_tcase(s, t);
    return run_suite(s);
}
