/*
 * A TCP stream whose every word says where it belongs, for scenarios: what arrives is compared as
 * it arrives, and what is wrong can be told apart (cut, altered, or from another place).  No
 * memory of what was sent is needed, so a stream may be as long as it likes.
 *
 *   stream send ADDRESS PORT STOP-FILE   until STOP-FILE exists
 *   stream receive PORT                  one connection, until its end
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* 64 KiB at a time, and a pause, for the processor of the rig has more to do: 3 MB/s. */
enum { WORDS = 8192, GAPS = 5, PAUSE_US = 20000 };
/* Odd, so that a word can be turned back into its place. */
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)

static uint64_t words[WORDS];

static uint64_t inverse(void)
{
    uint64_t x = FACTOR;

    for (int i = 0; i < 6; i++) /* Newton's iteration doubles the good bits */
        x *= 2 - FACTOR * x;
    return x;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    a.sin_addr.s_addr = host ? inet_addr(host) : INADDR_ANY;
    return a;
}

static int send_all(int s, const char *stop)
{
    uint64_t n = 0;
    char c;

    while (access(stop, F_OK) != 0) {
        for (unsigned i = 0; i < WORDS; i++)
            words[i] = (n / 8 + i) * FACTOR;
        for (size_t at = 0; at < sizeof(words);) {
            ssize_t k = send(s, (char *)words + at, sizeof(words) - at, MSG_NOSIGNAL);

            if (k < 0)
                return fail("send");
            at += (size_t)k;
            n += (size_t)k;
        }
        usleep(PAUSE_US);
    }
    shutdown(s, SHUT_WR);
    if (recv(s, &c, 1, 0) != 0) /* the receiver closes when it has read all */
        return fail("end of connection");
    printf("sent %llu bytes\n", (unsigned long long)n);
    return 0;
}

static int send_stream(const char *host, const char *port, const char *stop)
{
    struct sockaddr_in a = address(host, port);
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(s, (struct sockaddr *)&a, sizeof(a)))
        return fail("connect");
    return send_all(s, stop);
}

/* ---- receiving ---- */

static struct {
    uint64_t bytes, wrong, first_wrong, from;
    double gap[GAPS]; /* the longest silences, longest first */
} got;

static void note_gap(double s)
{
    for (unsigned i = 0; i < GAPS; i++) {
        double t = got.gap[i];

        if (s > t) {
            got.gap[i] = s;
            s = t;
        }
    }
}

/* The first whole word at or behind byte i tells where it was sent. */
static uint64_t origin(const uint8_t *p, size_t i, size_t len)
{
    uint64_t word;

    i += (8 - got.bytes % 8) % 8;
    if (i + 8 > len)
        return 0;
    memcpy(&word, p + i, 8);
    return word * inverse() * 8;
}

static void check(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++, got.bytes++) {
        uint64_t want = got.bytes / 8 * FACTOR;

        if (p[i] == (uint8_t)(want >> got.bytes % 8 * 8))
            continue;
        if (got.wrong++ == 0) {
            got.first_wrong = got.bytes;
            got.from = origin(p, i, len);
        }
    }
}

static void report(void)
{
    printf("received %llu bytes\n", (unsigned long long)got.bytes);
    if (got.wrong)
        printf("wrong: %llu bytes, the first at %llu, where there is what belongs to %llu\n",
               (unsigned long long)got.wrong, (unsigned long long)got.first_wrong,
               (unsigned long long)got.from);
    printf("silences:");
    for (unsigned i = 0; i < GAPS; i++)
        printf(" %.0f", got.gap[i] * 1e3);
    printf(" ms\n");
}

static int receive_all(int s)
{
    double last = now();
    ssize_t n;

    while ((n = recv(s, words, sizeof(words), 0)) > 0) {
        note_gap(now() - last);
        check((const uint8_t *)words, (size_t)n);
        last = now();
    }
    report();
    if (n < 0)
        return fail("receive");
    return got.wrong > 0;
}

static int receive_stream(const char *port)
{
    struct sockaddr_in a = address(NULL, port);
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
        return fail("listen");
    s = accept(s, NULL, NULL);
    return s < 0 ? fail("accept") : receive_all(s);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "send") == 0)
        return send_stream(argv[2], argv[3], argv[4]);
    if (argc == 3 && strcmp(argv[1], "receive") == 0)
        return receive_stream(argv[2]);
    fprintf(stderr, "usage: stream send ADDRESS PORT STOP-FILE | stream receive PORT\n");
    return 2;
}
