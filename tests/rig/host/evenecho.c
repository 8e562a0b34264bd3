/*
 * evenecho: the echo outside of a machine with an even network, run by QEMU for each connection
 * (slirp's guestfwd). What comes goes back, all of it at once, when nothing more has come for a
 * moment.  With cat, which answers as it reads, it is the test host's matter into how many segments
 * an answer falls, and so what it costs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 20];

/* Blocks until all of it is written; 0, or -1 when nobody reads any more. */
static int put(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(STDOUT_FILENO, p, n);

        if (w < 0 && errno != EINTR)
            return -1;
        p += w < 0 ? 0 : w;
        n -= w < 0 ? 0 : (size_t)w;
    }
    return 0;
}

int main(void)
{
    static const struct timespec moment = {.tv_nsec = 300000};
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t have = 0;

    for (;;) {
        int rc = ppoll(&in, 1, have ? &moment : NULL, NULL);
        ssize_t n;

        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0 || have == sizeof(buf)) {
            if (rc < 0 || put(buf, have))
                return 1;
            have = 0;
            continue;
        }
        n = read(STDIN_FILENO, buf + have, sizeof(buf) - have);
        if (n <= 0)
            return put(buf, have) || n < 0;
        have += (size_t)n;
    }
}
