/* See client.h. */
#include "dom0-tools/guard/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int ask(const char *path, const struct guard_question *q)
{
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd, err;

    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
        send(fd, q, sizeof(*q), MSG_NOSIGNAL) != (ssize_t)sizeof(*q)) {
        err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

static int read_whole(int fd, void *to, size_t size)
{
    size_t at = 0;

    while (at < size) {
        ssize_t n = read(fd, (char *)to + at, size - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        at += (size_t)n;
    }
    return 0;
}

/* The records of the answer, NUL behind the last byte.  Their number or -errno. */
static int receive(int fd, size_t size, uint32_t max, void **out)
{
    struct guard_answer a;
    char *records;
    int rc = read_whole(fd, &a, sizeof(a));

    if (rc)
        return rc;
    if (a.magic != GUARD_MAGIC || a.version != GUARD_VERSION || a.size != size || a.count > max)
        return -EPROTO;
    records = calloc(1, (size_t)a.count * size + 1);
    if (!records)
        return -ENOMEM;
    rc = read_whole(fd, records, (size_t)a.count * size);
    if (rc) {
        free(records);
        return rc;
    }
    *out = records;
    return (int)a.count;
}

int guard_stats(const char *path, struct guard_device **out)
{
    struct guard_question q = {.magic = GUARD_MAGIC, .version = GUARD_VERSION, .ask = GUARD_STATS};
    int fd = ask(path, &q), rc;
    void *records = NULL;

    if (fd < 0)
        return fd;
    rc = receive(fd, sizeof(**out), 4096, &records);
    close(fd);
    if (rc >= 0)
        *out = records;
    return rc;
}

/* One question whose answer is text. */
static int ask_text(const char *path, const struct guard_question *q, char **out)
{
    int fd = ask(path, q), rc;
    void *records;

    if (fd < 0)
        return fd;
    rc = receive(fd, 1, GUARD_TEXT_MAX, &records);
    close(fd);
    if (rc == 0)
        free(records);
    if (rc <= 0)
        return rc < 0 ? rc : -ENOENT;
    *out = records;
    return 0;
}

int guard_words(const char *path, const char *name, char **out)
{
    struct guard_question q = {.magic = GUARD_MAGIC, .version = GUARD_VERSION, .ask = GUARD_WORDS};

    if (strlen(name) >= sizeof(q.path))
        return -ENAMETOOLONG;
    memcpy(q.path, name, strlen(name));
    return ask_text(path, &q, out);
}

int guard_replace(const char *path, uint32_t domid, const char *image, char **text)
{
    struct guard_question q = {
        .magic = GUARD_MAGIC, .version = GUARD_VERSION, .ask = GUARD_REPLACE, .domid = domid};

    if (strlen(image) >= sizeof(q.path))
        return -ENAMETOOLONG;
    memcpy(q.path, image, strlen(image));
    return ask_text(path, &q, text);
}

int guard_outcome(const char *path, uint32_t domid, char **text)
{
    struct guard_question q = {
        .magic = GUARD_MAGIC, .version = GUARD_VERSION, .ask = GUARD_OUTCOME, .domid = domid};

    return ask_text(path, &q, text);
}
