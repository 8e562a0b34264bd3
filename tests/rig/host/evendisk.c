/*
 * evendisk: the disk that is measured where figures shall repeat.  An NBD server without content:
 * reads are zeros, writes are dropped.  It answers when no request has come for MICROSECONDS, and
 * then all there are at once: the machine has gone idle by then, and how fast the test host was
 * does not matter.
 *
 *     evendisk SOCKET BYTES MICROSECONDS
 *
 * Listens on the Unix socket and goes into the background, for one client; it ends with that one,
 * or after a minute without.  The protocol is NBD's fixed newstyle negotiation, and simple replies.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <linux/nbd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../load/load.h"

enum { PENDING_MAX = 256, LENGTH_MAX = 32 << 20, MANY = 1 << 16 };
enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3, INFO_EXPORT = 0, FIXED_NEWSTYLE = 1, NO_ZEROES = 2 };

static const uint64_t init_magic = 0x4e42444d41474943u, opt_magic = 0x49484156454f5054u,
                      reply_magic = 0x3e889045565a9u;
static const uint32_t rep_err_unsup = 0x80000001u;
static const uint16_t disk_flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH;

static uint64_t size;
static int fd;
static struct nbd_request pending[PENDING_MAX];
static unsigned pending_n;

/* All of it, or the end of the process: without the client there is nothing to do. */
static void get(void *to, size_t n)
{
    for (uint8_t *p = to; n > 0;) {
        ssize_t r = read(fd, p, n);

        if (r <= 0)
            exit(r < 0);
        p += r;
        n -= (size_t)r;
    }
}

static void put(const void *from, size_t n)
{
    for (const uint8_t *p = from; n > 0;) {
        ssize_t w = write(fd, p, n);

        if (w <= 0)
            exit(1);
        p += w;
        n -= (size_t)w;
    }
}

static void skip(size_t n)
{
    static uint8_t nowhere[MANY];

    for (size_t part; n > 0; n -= part) {
        part = n < MANY ? n : MANY;
        get(nowhere, part);
    }
}

static void put_option(uint32_t option, uint32_t type, const void *data, uint32_t len)
{
    struct __attribute__((packed)) {
        uint64_t magic;
        uint32_t option, type, len;
    } head = {htobe64(reply_magic), htobe32(option), htobe32(type), htobe32(len)};

    put(&head, sizeof(head));
    put(data, len);
}

/* Until the client has chosen the one export there is, by whatever name. */
static void negotiate(void)
{
    struct __attribute__((packed)) {
        uint64_t magic, opt;
        uint16_t flags;
    } hello = {htobe64(init_magic), htobe64(opt_magic), htobe16(FIXED_NEWSTYLE | NO_ZEROES)};
    struct __attribute__((packed)) {
        uint16_t type;
        uint64_t size;
        uint16_t flags;
    } info = {htobe16(INFO_EXPORT), htobe64(size), htobe16(disk_flags)};
    struct __attribute__((packed)) {
        uint64_t magic;
        uint32_t option, len;
    } wish;
    uint32_t client, option;

    put(&hello, sizeof(hello));
    get(&client, sizeof(client));
    for (;;) {
        get(&wish, sizeof(wish));
        option = be32toh(wish.option);
        if (be64toh(wish.magic) != opt_magic || option == OPT_ABORT)
            exit(1);
        skip(be32toh(wish.len));
        if (option == OPT_EXPORT_NAME) {
            put(&info.size, sizeof(info.size) + sizeof(info.flags));
            return;
        }
        if (option != OPT_GO && option != OPT_INFO) {
            put_option(option, rep_err_unsup, NULL, 0);
            continue;
        }
        put_option(option, REP_INFO, &info, sizeof(info));
        put_option(option, REP_ACK, NULL, 0);
        if (option == OPT_GO)
            return;
    }
}

/* One request: its answer is owed from now on. */
static void take(void)
{
    struct nbd_request *r = &pending[pending_n];
    uint32_t type;

    get(r, sizeof(*r));
    type = be32toh(r->type) & 0xffff; /* the upper half are flags */
    if (be32toh(r->magic) != NBD_REQUEST_MAGIC || be32toh(r->len) > LENGTH_MAX)
        exit(1);
    if (type == NBD_CMD_DISC)
        exit(0);
    if (type == NBD_CMD_WRITE)
        skip(be32toh(r->len));
    r->type = type;
    pending_n++;
}

/* All answers that are owed, in one piece as far as that goes. */
static void answer(void)
{
    struct nbd_reply reply = {.magic = htobe32(NBD_REPLY_MAGIC)};
    size_t at = 0, len = 0;
    uint8_t *out;

    for (unsigned i = 0; i < pending_n; i++)
        len += sizeof(reply) + (pending[i].type == NBD_CMD_READ ? be32toh(pending[i].len) : 0);
    out = calloc(1, len);
    if (!out)
        die("memory");
    for (unsigned i = 0; i < pending_n; i++) {
        bool known = pending[i].type <= NBD_CMD_FLUSH;

        reply.error = htobe32(known ? 0 : EINVAL);
        memcpy(reply.handle, pending[i].handle, sizeof(reply.handle));
        memcpy(out + at, &reply, sizeof(reply));
        at += sizeof(reply) + (pending[i].type == NBD_CMD_READ ? be32toh(pending[i].len) : 0);
    }
    put(out, at);
    free(out);
    pending_n = 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timespec quiet;
    struct pollfd in = {.events = POLLIN};
    int listener;

    if (argc != 4 || strlen(argv[1]) >= sizeof(a.sun_path)) {
        fprintf(stderr, "usage: evendisk SOCKET BYTES MICROSECONDS\n");
        return 2;
    }
    strcpy(a.sun_path, argv[1]);
    size = strtoull(argv[2], NULL, 10);
    quiet.tv_sec = 0;
    quiet.tv_nsec = atol(argv[3]) * 1000;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (void *)&a, sizeof(a)) || listen(listener, 1))
        die(argv[1]);
    if (daemon(1, 0))
        die("daemon");
    alarm(60);
    fd = accept(listener, NULL, NULL);
    unlink(argv[1]);
    if (fd < 0)
        return 1;
    alarm(0);
    close(listener);
    negotiate();
    in.fd = fd;
    for (;;) {
        int rc = ppoll(&in, 1, pending_n ? &quiet : NULL, NULL);

        if (rc < 0)
            return 1;
        if (rc == 0 || pending_n == PENDING_MAX)
            answer();
        else
            take();
    }
}
