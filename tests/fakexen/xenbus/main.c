/*
 * fakexen's xenbus.   xenbus SOCKET   in a domain's environment (FAKEXEN_DIR, FAKEXEN_DOMID); until
 * killed.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/fakexen/xenbus/xenbus.h"

enum { FIXED = 2, MAX_CLIENTS = 1000 };

static int listen_at(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(sa.sun_path))
        errx(1, "%s: too long for a socket", path);
    strcpy(sa.sun_path, path);
    unlink(path);
    /* A worker with a user of its own is still a program of this domain. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(path, 0666) < 0 ||
        listen(fd, 64) < 0)
        err(1, "%s", path);
    return fd;
}

static void deliver_answers(void)
{
    struct xsd_sockmsg h;

    while (ring_move()) {
        struct bytes *in = ring_in();

        memcpy(&h, in->p, sizeof(h));
        answer(&h, in->p + sizeof(h));
        bytes_drop(in, sizeof(h) + h.len);
    }
}

static nfds_t gather(struct pollfd *p, struct client **who)
{
    nfds_t n = FIXED;

    for (struct client *c = clients; c && n < FIXED + MAX_CLIENTS; c = c->next) {
        who[n] = c;
        p[n] = (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->out.len ? POLLOUT : 0))};
        n++;
    }
    return n;
}

static void serve(int lfd, int rfd)
{
    static struct pollfd p[FIXED + MAX_CLIENTS];
    static struct client *who[FIXED + MAX_CLIENTS];
    nfds_t n = gather(p, who);
    int fd;

    p[0] = (struct pollfd){.fd = lfd, .events = POLLIN};
    p[1] = (struct pollfd){.fd = rfd, .events = POLLIN};
    if (poll(p, n, -1) < 0 && errno != EINTR)
        err(1, "poll");
    if (p[1].revents)
        ring_event();
    for (nfds_t i = FIXED; i < n; i++) {
        int rc = p[i].revents & POLLOUT ? client_write(who[i]) : 0;

        if (rc == 0 && p[i].revents & (POLLIN | POLLHUP | POLLERR))
            rc = client_read(who[i]);
        if (rc < 0)
            client_close(who[i]);
    }
    if (p[0].revents && (fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        client_new(fd);
    deliver_answers();
}

int main(int argc, char **argv)
{
    int lfd, rfd;

    if (argc != 2)
        errx(2, "usage: xenbus SOCKET");
    rfd = ring_open();
    if (rfd < 0)
        errx(1, "ring: %s", strerror(-rfd));
    lfd = listen_at(argv[1]);
    for (;;)
        serve(lfd, rfd);
}
