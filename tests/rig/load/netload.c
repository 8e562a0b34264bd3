/*
 * netload: what iperf3 does not measure, for the rig's guests and driver domains.  Static, no
 * options:
 *
 *   netload serve             TCP echo, UDP sink, the sink's count, and memory, until it is killed
 *   netload rr HOST N         N times 64 bytes there and back: "mean p50 p99 p99.9 (us) rate (1/s)"
 *   netload udp HOST N        N datagrams of 64 bytes, as fast as they go: "sent/s received/s lost"
 *   netload verify HOST MIB   so much there and back through TCP, every byte compared
 *   netload echo HOST MIB     the same with the echo service of any host (port 7): "MiB/s"
 *   netload stream HOST MIB   the same without looking at the bytes, one MiB after the other: each
 *                             begins when the one before has come back: "MiB/s"
 *   netload icmp HOST N       N pings of 64 bytes, 16 of them under way: "rate (1/s) lost"
 *   netload memory HOST       what is in use there (MemTotal - MemAvailable): "MiB"
 *
 * HOST is an address; for rr also ADDRESS:PORT, where something else echoes.  All payload but a
 * stream's is a function of its place in the stream, and is checked by whoever receives it.
 * Exit status 0 only when everything was measured and every byte was right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum {
    ANYBODY = 7,
    ECHO = 7001,
    SINK = 7002,
    COUNT = 7003,
    MEMORY = 7004,
    SMALL = 64,
    BLOCK = 65536,
    WINDOW = 16
};

/* host: NULL to serve, ADDRESS, or ADDRESS:PORT. */
static int make(int type, const char *host, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type, type == SOCK_RAW ? IPPROTO_ICMP : 0), on = 1;
    char address[INET_ADDRSTRLEN];

    if (fd < 0)
        die("socket");
    if (host && strchr(host, ':')) {
        snprintf(address, sizeof(address), "%.*s", (int)strcspn(host, ":"), host);
        a.sin_port = htons((uint16_t)atoi(strchr(host, ':') + 1));
        host = address;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (host) {
        if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || connect(fd, (void *)&a, sizeof(a)))
            die(host);
    } else if (bind(fd, (void *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(fd, 8))) {
        die("bind");
    }
    return fd;
}

static void put(int fd, const void *data, size_t n)
{
    for (const uint8_t *p = data; n > 0;) {
        ssize_t w = write(fd, p, n);

        if (w <= 0)
            die("write");
        p += w;
        n -= (size_t)w;
    }
}

static void get(int fd, void *data, size_t n)
{
    for (uint8_t *p = data; n > 0;) {
        ssize_t r = read(fd, p, n);

        if (r <= 0)
            die("read");
        p += r;
        n -= (size_t)r;
    }
}

static void fill(uint64_t *p, size_t bytes, uint64_t at)
{
    for (size_t i = 0; i < bytes / 8; i++)
        p[i] = (at + i + 1) * 0x9e3779b97f4a7c15u;
}

static int same(const uint64_t *p, size_t bytes, uint64_t at)
{
    uint64_t diff = 0;

    for (size_t i = 0; i < bytes / 8; i++)
        diff |= p[i] ^ (at + i + 1) * 0x9e3779b97f4a7c15u;
    return diff == 0;
}

/* ---- the server ---- */

static struct {
    uint64_t received, bad, first_ns, last_ns;
} sink;

static void *run_sink(void *arg)
{
    int fd = make(SOCK_DGRAM, NULL, SINK);
    uint64_t p[SMALL / 8];

    (void)arg;
    while (recv(fd, p, sizeof(p), 0) == SMALL) {
        sink.last_ns = now_ns();
        if (sink.received++ == 0)
            sink.first_ns = sink.last_ns;
        /* The first word is the datagram's number, the rest follows from it. */
        sink.bad += !same(p + 1, SMALL - 8, p[0]);
    }
    die("sink");
    return NULL;
}

static void *run_count(void *arg)
{
    int l = make(SOCK_STREAM, NULL, COUNT), fd;

    (void)arg;
    while ((fd = accept(l, NULL, NULL)) >= 0) {
        put(fd, &sink, sizeof(sink));
        memset(&sink, 0, sizeof(sink));
        close(fd);
    }
    die("accept");
    return NULL;
}

static double used_mib(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    double kib, total = 0, available = 0;

    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "MemTotal: %lf", &kib) == 1)
            total = kib;
        if (sscanf(line, "MemAvailable: %lf", &kib) == 1)
            available = kib;
    }
    if (f)
        fclose(f);
    return (total - available) / 1024;
}

static void *run_memory(void *arg)
{
    int l = make(SOCK_STREAM, NULL, MEMORY), fd;
    double mib;

    (void)arg;
    while ((fd = accept(l, NULL, NULL)) >= 0) {
        mib = used_mib();
        put(fd, &mib, sizeof(mib));
        close(fd);
    }
    die("accept");
    return NULL;
}

static void *echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    uint8_t *buf = malloc(BLOCK);
    ssize_t n;

    while (buf && (n = read(fd, buf, BLOCK)) > 0)
        put(fd, buf, (size_t)n);
    free(buf);
    close(fd);
    return NULL;
}

static int serve(void)
{
    int l = make(SOCK_STREAM, NULL, ECHO), fd, on = 1;
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    if (pthread_create(&t, NULL, run_sink, NULL) || pthread_create(&t, NULL, run_count, NULL) ||
        pthread_create(&t, NULL, run_memory, NULL))
        die("thread");
    while ((fd = accept(l, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (pthread_create(&t, NULL, echo, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
    die("accept");
    return 1;
}

/* ---- the client ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int rr(const char *host, uint64_t n)
{
    int fd = make(SOCK_STREAM, host, ECHO);
    uint64_t *took = calloc(n, sizeof(*took)), sum = 0, p[SMALL / 8];

    for (uint64_t i = 0; i < n; i++) {
        uint64_t began = now_ns();

        fill(p, SMALL, i);
        put(fd, p, SMALL);
        get(fd, p, SMALL);
        if (!same(p, SMALL, i))
            die("an answer with other bytes");
        took[i] = now_ns() - began;
        sum += took[i];
    }
    qsort(took, n, sizeof(*took), by_value);
    printf("%.1f %.1f %.1f %.1f %.0f\n", (double)sum / (double)n / 1e3, (double)took[n / 2] / 1e3,
           (double)took[n * 99 / 100] / 1e3, (double)took[n * 999 / 1000] / 1e3,
           1e9 * (double)n / (double)sum);
    return 0;
}

static int udp(const char *host, uint64_t n)
{
    int fd = make(SOCK_DGRAM, host, SINK), control;
    uint64_t p[SMALL / 8], began = now_ns(), ended;

    for (uint64_t i = 0; i < n; i++) {
        p[0] = i;
        fill(p + 1, SMALL - 8, i);
        if (send(fd, p, SMALL, 0) != SMALL)
            die("send");
    }
    ended = now_ns();
    usleep(50000);
    control = make(SOCK_STREAM, host, COUNT);
    get(control, &sink, sizeof(sink));
    if (sink.bad || sink.received < 2 || sink.received > n) {
        fprintf(stderr, "udp: %llu of %llu received, %llu bad\n", (unsigned long long)sink.received,
                (unsigned long long)n, (unsigned long long)sink.bad);
        return 1;
    }
    printf("%.0f %.0f %llu\n", 1e9 * (double)n / (double)(ended - began),
           1e9 * (double)(sink.received - 1) / (double)(sink.last_ns - sink.first_ns),
           (unsigned long long)(n - sink.received));
    return 0;
}

/* ---- pings: what answers is the other end's kernel ---- */

struct ping {
    struct icmphdr head;
    uint8_t payload[SMALL - sizeof(struct icmphdr)];
};

static void send_ping(int fd, uint64_t number)
{
    struct ping p = {.head = {.type = ICMP_ECHO,
                              .un.echo = {.id = htons((uint16_t)getpid()),
                                          .sequence = htons((uint16_t)number)}}};
    uint32_t sum = 0;
    uint16_t word[sizeof(p) / 2];

    memcpy(word, &p, sizeof(p));
    for (size_t i = 0; i < sizeof(p) / 2; i++)
        sum += word[i];
    sum = (sum & 0xffff) + (sum >> 16);
    p.head.checksum = (uint16_t) ~(sum + (sum >> 16));
    if (send(fd, &p, sizeof(p), 0) != sizeof(p))
        die("send");
}

/* 1: an answer of ours; 0: something else; -1: nothing has come for a second. */
static int get_ping(int fd)
{
    uint8_t buf[sizeof(struct iphdr) + sizeof(struct ping) + 40];
    ssize_t n = recv(fd, buf, sizeof(buf), 0);
    struct icmphdr head;
    size_t at = (buf[0] & 15u) * 4u;

    if (n < 0 && errno == EAGAIN)
        return -1;
    if (n < (ssize_t)(at + sizeof(struct ping)))
        return 0;
    memcpy(&head, buf + at, sizeof(head));
    return head.type == ICMP_ECHOREPLY && head.un.echo.id == htons((uint16_t)getpid());
}

static int icmp(const char *host, uint64_t n)
{
    int fd = make(SOCK_RAW, host, 0), got = 0;
    struct timeval patience = {.tv_sec = 1};
    uint64_t sent = 0, done = 0, lost = 0, began = now_ns();

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (done + lost < n) {
        while (sent < n && sent - done - lost < WINDOW)
            send_ping(fd, sent++);
        got = get_ping(fd);
        if (got < 0)
            lost = sent - done;
        else
            done += (uint64_t)got;
    }
    printf("%.0f %llu\n", 1e9 * (double)done / (double)(now_ns() - began),
           (unsigned long long)lost);
    return done == 0;
}

/* ---- streams ---- */

struct stream {
    int fd;
    bool plain; /* the bytes are of no interest, and no MiB begins before the last one is back */
    uint64_t blocks;
    sem_t back;
};

enum { MIB_BLOCKS = (1 << 20) / BLOCK };

static void *send_all(void *arg)
{
    struct stream *s = arg;
    uint64_t *buf = calloc(1, BLOCK);

    for (uint64_t b = 0; buf && b < s->blocks; b++) {
        if (!s->plain)
            fill(buf, BLOCK, b * (BLOCK / 8));
        else if (b > 0 && b % MIB_BLOCKS == 0)
            sem_wait(&s->back);
        put(s->fd, buf, BLOCK);
    }
    return NULL;
}

static int there_and_back(const char *host, uint16_t port, uint64_t mib, bool plain)
{
    struct stream s = {
        .fd = make(SOCK_STREAM, host, port), .plain = plain, .blocks = mib * MIB_BLOCKS};
    uint64_t *buf = malloc(BLOCK);
    pthread_t t;

    if (!buf || sem_init(&s.back, 0, 0) || pthread_create(&t, NULL, send_all, &s))
        die("thread");
    for (uint64_t b = 0; b < s.blocks; b++) {
        get(s.fd, buf, BLOCK);
        if (!plain && !same(buf, BLOCK, b * (BLOCK / 8))) {
            fprintf(stderr, "verify: other bytes than sent in block %llu\n", (unsigned long long)b);
            return 1;
        }
        if (b % MIB_BLOCKS == MIB_BLOCKS - 1)
            sem_post(&s.back);
    }
    return 0;
}

static int echo_rate(const char *host, uint64_t mib, bool plain)
{
    uint64_t began = now_ns();
    int rc = there_and_back(host, ANYBODY, mib, plain);

    if (rc == 0)
        printf("%.3f\n", 1e9 * (double)mib / (double)(now_ns() - began));
    return rc;
}

static int memory(const char *host)
{
    double mib = 0;

    get(make(SOCK_STREAM, host, MEMORY), &mib, sizeof(mib));
    printf("%.1f\n", mib);
    return mib <= 0;
}

int main(int argc, char **argv)
{
    uint64_t n = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;

    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    if (n > 1 && strcmp(argv[1], "rr") == 0)
        return rr(argv[2], n);
    if (n > 1 && strcmp(argv[1], "udp") == 0)
        return udp(argv[2], n);
    if (n > 0 && strcmp(argv[1], "verify") == 0)
        return there_and_back(argv[2], ECHO, n, false);
    if (n > 0 && strcmp(argv[1], "echo") == 0)
        return echo_rate(argv[2], n, false);
    if (n > 0 && strcmp(argv[1], "stream") == 0)
        return echo_rate(argv[2], n, true);
    if (n > 1 && strcmp(argv[1], "icmp") == 0)
        return icmp(argv[2], n);
    if (argc == 3 && strcmp(argv[1], "memory") == 0)
        return memory(argv[2]);
    fprintf(
        stderr,
        "usage: netload serve | rr|udp|icmp HOST N | verify|echo|stream HOST MIB | memory HOST\n");
    return 2;
}
