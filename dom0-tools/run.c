/* Running xl; see host.h. */
#include "dom0-tools/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/base/log.h"

/* 0 and *pid, or -errno. */
static int start(char *const argv[], int out, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc)
        return -rc;
    rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
    if (!rc)
        rc = posix_spawnp(pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return -rc;
}

/* Reads until the end, or until the time is over: 0 or -ETIMEDOUT.  What does not fit is read and
 * dropped, so that the program does not wait for us. */
static int drain(int fd, uint64_t end_ns, char *buf, size_t size)
{
    size_t len = 0;
    char rest[512];

    buf[0] = '\0';
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_ns();
        bool fits = len + 1 < size;
        ssize_t n;

        if (now >= end_ns)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)MIN((end_ns - now) / 1000000 + 1, (uint64_t)60000)) <= 0)
            continue;
        n = read(fd, fits ? buf + len : rest, fits ? size - 1 - len : sizeof(rest));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (fits)
            len += (size_t)n;
        buf[len] = '\0';
    }
    while (len && buf[len - 1] == '\n')
        buf[--len] = '\0';
    return 0;
}

int host_run(char *const argv[], uint64_t timeout_ns, char *buf, size_t size)
{
    int fds[2] = {-1, -1}, status, rc;
    pid_t pid;

    buf[0] = '\0';
    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    rc = start(argv, fds[1], &pid);
    close(fds[1]);
    if (rc) {
        close(fds[0]);
        return rc;
    }
    rc = drain(fds[0], clock_ns() + timeout_ns, buf, size);
    close(fds[0]);
    if (rc)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc)
        return rc;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}
