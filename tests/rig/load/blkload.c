/*
 * blkload: measures a disk in the rig's guests with next to no cost of its own, which in the
 * emulated machine would be most of the run.  Static; io_submit(2) and O_DIRECT, one thread.
 *
 *   blkload read|write|randread|randwrite|fsync DEV BLOCK DEPTH N
 *       N requests of BLOCK bytes, DEPTH of them in flight (fsync: each write is followed by one):
 *       "mean p50 p99 p99.9 (us) requests/s MiB/s"
 *   blkload paced DEV BLOCK PAUSE N
 *       N random reads, one at a time, with PAUSE us between them: a load that takes the same from
 *       everybody else, however fast the disk is. Prints nothing.
 *   blkload verify DEV MIB
 *       Writes so much in random requests of 4 to 128 KiB at depth 16, reads it back in others,
 *       compares every byte.
 *
 * Exit status 0 only when everything was done without an error.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { DEPTH_MAX = 64, BLOCK_MAX = 128 << 10, UNIT = 4096, HUGE = 2 << 20 };

static int fd;
static aio_context_t ctx;
static uint64_t seed = 88172645463325252u, size;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void open_disk(const char *path)
{
    fd = open(path, O_RDWR | O_DIRECT);
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) || syscall(SYS_io_setup, DEPTH_MAX, &ctx))
        die(path);
}

/*
 * What a large request costs depends on how many of its pages happen to lie behind one another. So
 * it gets a huge page, where there are such; where not, only those bytes of one that it needs.
 */
static uint8_t *memory(size_t bytes)
{
    bool large = bytes == BLOCK_MAX;
    void *p;

    if (posix_memalign(&p, large ? HUGE : UNIT, large ? HUGE : bytes))
        die("memory");
    if (large)
        madvise(p, HUGE, MADV_HUGEPAGE);
    memset(p, 1, bytes);
    return p;
}

struct request {
    struct iocb cb;
    uint8_t *buf;
    uint64_t began_ns;
};

static void submit(struct request *r, int write, uint64_t off, uint32_t len)
{
    struct iocb *list = &r->cb;

    memset(&r->cb, 0, sizeof(r->cb));
    r->cb.aio_data = (uint64_t)(uintptr_t)r;
    r->cb.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    r->cb.aio_fildes = (uint32_t)fd;
    r->cb.aio_buf = (uint64_t)(uintptr_t)r->buf;
    r->cb.aio_nbytes = len;
    r->cb.aio_offset = (int64_t)off;
    r->began_ns = now_ns();
    if (syscall(SYS_io_submit, ctx, 1, &list) != 1)
        die("io_submit");
}

/* Up to n requests that have finished. */
static unsigned reap(struct request **done, unsigned n)
{
    struct io_event e[DEPTH_MAX];
    long got = syscall(SYS_io_getevents, ctx, 1, n, e, NULL);

    if (got < 1)
        die("io_getevents");
    for (long i = 0; i < got; i++) {
        done[i] = (void *)(uintptr_t)e[i].data;
        if (e[i].res != (int64_t)done[i]->cb.aio_nbytes) {
            fprintf(stderr, "blkload: a request at %lld ended with %lld\n",
                    (long long)done[i]->cb.aio_offset, (long long)e[i].res);
            exit(1);
        }
    }
    return (unsigned)got;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void print(uint64_t *took, uint64_t n, uint64_t ns, uint32_t block)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += took[i];
    qsort(took, n, sizeof(*took), by_value);
    printf("%.2f %.2f %.2f %.2f %.0f %.1f\n", (double)sum / (double)n / 1e3,
           (double)took[n / 2] / 1e3, (double)took[n * 99 / 100] / 1e3,
           (double)took[n * 999 / 1000] / 1e3, 1e9 * (double)n / (double)ns,
           1e9 * (double)n / (double)ns * block / 1048576);
}

static int measure(const char *how, uint32_t block, unsigned depth, uint64_t n)
{
    int write = strstr(how, "write") || strcmp(how, "fsync") == 0, sync = strcmp(how, "fsync") == 0;
    int random = strncmp(how, "rand", 4) == 0;
    uint64_t *took = calloc(n, sizeof(*took)), sent = 0, done = 0, at = 0, began = now_ns(), now;
    struct request r[DEPTH_MAX], *out[DEPTH_MAX];

    for (unsigned i = 0; i < depth; i++)
        r[i].buf = memory(block);
    for (unsigned i = 0; i < depth && sent < n; i++, sent++, at += block)
        submit(&r[i], write, random ? any() % (size / block) * block : at, block);
    while (done < n) {
        unsigned got = reap(out, depth);

        for (unsigned i = 0; i < got; i++) {
            if (sync && fsync(fd))
                die("fsync");
            now = now_ns();
            took[done++] = now - out[i]->began_ns;
            if (sent++ < n) {
                submit(out[i], write, random ? any() % (size / block) * block : at % size, block);
                at += block;
            }
        }
    }
    print(took, n, now_ns() - began, block);
    return 0;
}

static int paced(uint32_t block, unsigned pause_us, uint64_t n)
{
    struct request r = {.buf = memory(block)}, *done;

    for (uint64_t i = 0; i < n; i++) {
        submit(&r, 0, any() % (size / block) * block, block);
        reap(&done, 1);
        usleep(pause_us);
    }
    return 0;
}

/* Every word of the disk tells where it is. */
static void fill(uint8_t *buf, uint64_t off, uint32_t len)
{
    for (uint32_t i = 0; i < len; i += 8) {
        uint64_t v = (off + i + 1) * 0x9e3779b97f4a7c15u;

        memcpy(buf + i, &v, 8);
    }
}

static int same(const uint8_t *buf, uint64_t off, uint32_t len)
{
    uint64_t diff = 0, v;

    for (uint32_t i = 0; i < len; i += 8) {
        memcpy(&v, buf + i, 8);
        diff |= v ^ (off + i + 1) * 0x9e3779b97f4a7c15u;
    }
    return diff == 0;
}

/* Covers [0, bytes) once in requests of random sizes, written or read and compared. */
static void sweep(struct request *r, unsigned depth, uint64_t bytes, int write)
{
    struct request *idle[DEPTH_MAX], *out[DEPTH_MAX];
    unsigned n = depth;
    uint64_t at = 0;

    for (unsigned i = 0; i < depth; i++)
        idle[i] = &r[i];
    while (at < bytes || n < depth) {
        while (n > 0 && at < bytes) {
            uint64_t len = (1 + any() % (BLOCK_MAX / UNIT)) * UNIT;

            len = len < bytes - at ? len : bytes - at;
            n--;
            if (write)
                fill(idle[n]->buf, at, (uint32_t)len);
            else
                memset(idle[n]->buf, 0, len);
            submit(idle[n], write, at, (uint32_t)len);
            at += len;
        }
        for (unsigned got = reap(out, depth), i = 0; i < got; i++) {
            if (!write && !same(out[i]->buf, (uint64_t)out[i]->cb.aio_offset,
                                (uint32_t)out[i]->cb.aio_nbytes)) {
                fprintf(stderr, "blkload: other bytes than written at %lld\n",
                        (long long)out[i]->cb.aio_offset);
                exit(1);
            }
            idle[n++] = out[i];
        }
    }
}

static int verify(uint64_t mib)
{
    struct request r[16];

    for (unsigned i = 0; i < 16; i++)
        r[i].buf = memory(BLOCK_MAX);
    sweep(r, 16, mib << 20, 1);
    sweep(r, 16, mib << 20, 0);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t block = argc > 3 ? strtoull(argv[3], NULL, 10) : 0,
             depth = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;

    if (argc == 4 && strcmp(argv[1], "verify") == 0) {
        open_disk(argv[2]);
        return verify(block);
    }
    if (argc != 6 || !block || block > BLOCK_MAX || block % 512 || !depth ||
        (depth > DEPTH_MAX && strcmp(argv[1], "paced") != 0)) {
        fprintf(
            stderr,
            "usage: blkload HOW DEV BLOCK DEPTH N | paced DEV BLOCK PAUSE N | verify DEV MIB\n");
        return 2;
    }
    open_disk(argv[2]);
    if (strcmp(argv[1], "paced") == 0)
        return paced((uint32_t)block, (unsigned)depth, strtoull(argv[5], NULL, 10));
    return measure(argv[1], (uint32_t)block, (unsigned)depth, strtoull(argv[5], NULL, 10));
}
