/*
 * What no backend can beat on this machine, to compare bench-qdisk's figures with: one thread, no
 * Xen.
 *
 *   limits FILE     FILE: read with O_DIRECT, not changed
 *
 * copying a payload; an io_uring that reads 4 KiB and 128 KiB; a frame written to a TAP and read
 * from another one on the same bridge (in a network namespace of its own: root).  What cannot be
 * measured is named, and the exit status is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/base/log.h"

enum { SMALL = 4096, LARGE = 128 << 10, DEPTH_MAX = 32, FRAME_MAX = 1514 };
static const uint64_t RUN_NS = 500000000;
static int failed;

static void cannot(const char *what, int err)
{
    fprintf(stderr, "limits: %s: %s\n", what, strerror(err));
    failed = 1;
}

static void print(const char *what, uint64_t n, uint64_t ns)
{
    printf("%-34s %10.0f 1/s %10.0f ns each\n", what, 1e9 * (double)n / (double)ns,
           (double)ns / (double)n);
}

static void copying(const char *what, size_t bytes)
{
    uint8_t *from = malloc(64 * bytes), *to = malloc(64 * bytes);
    uint64_t n = 0, began, ns;

    if (!from || !to) {
        cannot(what, ENOMEM);
        return;
    }
    memset(from, 1, 64 * bytes);
    memset(to, 2, 64 * bytes);
    began = clock_ns();
    do {
        for (unsigned i = 0; i < 64; i++, n++) {
            memcpy(to + i * bytes, from + i * bytes, bytes);
            __asm__ volatile("" : : : "memory"); /* it is needed */
        }
        ns = clock_ns() - began;
    } while (ns < RUN_NS);
    print(what, n, ns);
    free(from);
    free(to);
}

static int ask(struct io_uring *ring, int fd, uint8_t *buf, unsigned bytes, uint64_t block)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (!sqe)
        return -EBUSY;
    io_uring_prep_read(sqe, fd, buf, bytes, block * bytes);
    io_uring_sqe_set_data(sqe, buf);
    return 0;
}

/* Keeps `depth` reads going until the time is over; their number, or -errno. */
static int64_t read_all(struct io_uring *ring, int fd, uint8_t *buf, unsigned bytes, unsigned depth,
                        uint64_t *ns)
{
    uint64_t began = clock_ns(), blocks = (64u << 20) / bytes, at = 0;
    int64_t n = 0;
    int rc = 0;

    for (unsigned i = 0; i < depth && !rc; i++)
        rc = ask(ring, fd, buf + (size_t)i * bytes, bytes, at++ % blocks);
    while (!rc && (*ns = clock_ns() - began) < RUN_NS) {
        struct io_uring_cqe *cqe;

        rc = io_uring_submit_and_wait(ring, 1);
        rc = rc < 0 ? rc : 0;
        while (!rc && io_uring_peek_cqe(ring, &cqe) == 0) {
            uint8_t *done = io_uring_cqe_get_data(cqe);

            rc = cqe->res == (int)bytes ? 0 : cqe->res < 0 ? cqe->res : -EIO;
            io_uring_cqe_seen(ring, cqe);
            n++;
            if (!rc)
                rc = ask(ring, fd, done, bytes, at++ * 7919 % blocks);
        }
    }
    return rc ? rc : n;
}

static void reading(const char *what, const char *file, unsigned bytes, unsigned depth)
{
    int fd = open(file, O_RDONLY | O_DIRECT);
    struct io_uring ring;
    void *buf = NULL;
    uint64_t ns = 1;
    int64_t n;

    if (fd < 0 || posix_memalign(&buf, SMALL, (size_t)bytes * depth)) {
        cannot(file, errno);
        return;
    }
    n = io_uring_queue_init(DEPTH_MAX, &ring, 0);
    if (n == 0) {
        n = read_all(&ring, fd, buf, bytes, depth, &ns);
        io_uring_queue_exit(&ring); /* waits for what is in flight */
    }
    if (n <= 0)
        cannot(what, n < 0 ? (int)-n : EIO);
    else
        print(what, (uint64_t)n, ns);
    close(fd);
    free(buf);
}

static struct ifreq named(const char *name)
{
    struct ifreq r;

    memset(&r, 0, sizeof(r));
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    return r;
}

static int up(int sock, const char *name)
{
    struct ifreq r = named(name);

    r.ifr_flags = IFF_UP;
    return ioctl(sock, SIOCSIFFLAGS, &r);
}

/* A TAP on the bridge "limits"; its descriptor or -1. */
static int tap(int sock, const char *name)
{
    struct ifreq r = named(name), b = named("limits");
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

    r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
        return -1;
    b.ifr_ifindex = (int)if_nametoindex(name);
    return ioctl(sock, SIOCBRADDIF, &b) || up(sock, name) ? -1 : fd;
}

static void passing(const char *what, int in, int out)
{
    static uint8_t frame[sizeof(struct virtio_net_hdr) + FRAME_MAX], got[sizeof(frame)];
    uint8_t *eth = frame + sizeof(struct virtio_net_hdr);
    uint64_t n = 0, began = clock_ns(), ns;

    memset(eth, 0xff, 6); /* to everybody: there is nothing to learn */
    memcpy(eth + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
    do {
        ssize_t r;

        if (write(in, frame, sizeof(struct virtio_net_hdr) + 64) < 0) {
            cannot(what, errno);
            return;
        }
        while ((r = read(out, got, sizeof(got))) > 0)
            n += got[sizeof(struct virtio_net_hdr) + 12] == 0x88;
        ns = clock_ns() - began;
    } while (ns < RUN_NS);
    if (n == 0)
        cannot(what, ENODATA);
    else
        print(what, n, ns);
}

static void taps(void)
{
    int sock, a, b;

    if (unshare(CLONE_NEWNET)) {
        cannot("a network namespace", errno);
        return;
    }
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(sock, SIOCBRADDBR, "limits") || up(sock, "limits") || (a = tap(sock, "a")) < 0 ||
        (b = tap(sock, "b")) < 0) {
        cannot("two TAPs on a bridge", errno);
        return;
    }
    usleep(100000); /* until the bridge's ports forward */
    passing("64-byte frame, TAP to TAP", a, b);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: limits FILE\n");
        return 2;
    }
    copying("copy of 4 KiB", SMALL);
    copying("copy of 128 KiB", LARGE);
    reading("io_uring, 4 KiB, depth 1", argv[1], SMALL, 1);
    reading("io_uring, 4 KiB, depth 32", argv[1], SMALL, 32);
    reading("io_uring, 128 KiB, depth 8", argv[1], LARGE, 8);
    taps();
    return failed;
}
