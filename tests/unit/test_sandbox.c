/* The worker's sandbox: each thing it must not do ends the process that tries. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "transport/base/sandbox.h"
#include "tests/unit/suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FILTERED = 0 }; /* sanitizer builds have no filter: sandbox.c says why */
#else
enum { FILTERED = 1 };
#endif

enum { UID = 123456, ALLOWED_IOCTL = FIONREAD };
static int pipe_fd[2];

static void enter(void)
{
    static const char *const more[] = {"uname", NULL};
    static const unsigned long ioctls[] = {ALLOWED_IOCTL, 0};
    const struct sandbox_policy p = {.syscalls = more, .ioctls = ioctls};
    const char *step = "";
    int rc = sandbox_enter(&p, NULL, UID, &step);

    if (rc) {
        dprintf(2, "sandbox: %s: %s\n", step, strerror(-rc));
        _exit(99);
    }
}

/* Runs `what` in a child that has entered the sandbox; its wait status. */
static int run(void (*what)(void))
{
    int status = 0;
    pid_t pid;

    ck_assert_int_eq(pipe(pipe_fd), 0);
    pid = fork();
    if (pid == 0) {
        enter();
        what();
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return status;
}

static void try_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}
static void try_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}
static void try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}
static void try_fork(void)
{
    (void)!syscall(SYS_fork);
}
static void try_ptrace(void)
{
    (void)!syscall(SYS_ptrace, 0, 0, 0, 0);
}
static void try_other_ioctl(void)
{
    struct termios t;

    (void)!ioctl(pipe_fd[0], TCGETS, &t);
}
static void try_exec_memory(void)
{
    (void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void try_make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)!mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static void try_kill(void)
{
    (void)!kill(getppid(), 0);
}

static void (*const forbidden[])(void) = {
    try_open,        try_socket,          try_exec, try_fork, try_ptrace, try_other_ioctl,
    try_exec_memory, try_make_executable, try_kill,
};

START_TEST(forbidden_calls_kill)
{
    int status = run(forbidden[_i]);

    if (!FILTERED)
        return;
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %#x, not SIGSYS",
                  (unsigned)status);
}
END_TEST

static void do_allowed(void)
{
    struct timespec ts;
    char *mem = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int n = 0;

    if (mem == MAP_FAILED || write(pipe_fd[1], "x", 1) != 1 || ioctl(pipe_fd[0], FIONREAD, &n) ||
        n != 1 || read(pipe_fd[0], mem, 1) != 1 || munmap(mem, 65536) ||
        clock_gettime(CLOCK_MONOTONIC, &ts))
        _exit(1);
}

START_TEST(what_a_worker_needs_works)
{
    int status = run(do_allowed);

    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}
END_TEST

/* /proc/self/status of the child, read through a descriptor opened before the sandbox. */
static int status_fd;

static void report_rights(void)
{
    char buf[4096];
    ssize_t n = pread(status_fd, buf, sizeof(buf) - 1, 0);

    if (n <= 0)
        _exit(1);
    buf[n] = '\0';
    if (getuid() == 0 || !strstr(buf, "CapEff:\t0000000000000000") ||
        !strstr(buf, "CapPrm:\t0000000000000000") || !strstr(buf, "NoNewPrivs:\t1"))
        _exit(2);
    if (prctl(PR_GET_DUMPABLE) != 0)
        _exit(3);
}

START_TEST(root_gives_up_everything)
{
    static const char *const more[] = {"pread64", "getuid", "prctl", NULL};
    const struct sandbox_policy p = {.syscalls = more};
    const char *step = "";
    int status = 0;
    pid_t pid;

    if (geteuid() != 0)
        return; /* nothing to give up: make check runs as root */
    pid = fork();
    if (pid == 0) {
        status_fd = open("/proc/self/status", O_RDONLY);
        if (sandbox_enter(&p, NULL, UID, &step))
            _exit(99);
        report_rights();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}
END_TEST

/* With an empty root even an allowed stat finds nothing. */
START_TEST(root_is_empty)
{
    static const char *const more[] = {"stat", "newfstatat", "statx", NULL};
    const struct sandbox_policy p = {.syscalls = more};
    char dir[] = "/tmp/drvdom-empty-XXXXXX";
    const char *step = "";
    int status = 0;
    pid_t pid;

    if (geteuid() != 0)
        return;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    pid = fork();
    if (pid == 0) {
        struct stat st;

        if (sandbox_enter(&p, dir, UID, &step))
            _exit(99);
        _exit(stat("/etc/passwd", &st) == 0 || stat("/proc/self", &st) == 0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    rmdir(dir);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sandbox");
    TCase *t = tcase_create("sandbox");

    tcase_add_loop_test(t, forbidden_calls_kill, 0, (int)ARRAY_SIZE(forbidden));
    tcase_add_test(t, what_a_worker_needs_works);
    tcase_add_test(t, root_gives_up_everything);
    tcase_add_test(t, root_is_empty);
    suite_add_tcase(s, t);
    return run_suite(s);
}
