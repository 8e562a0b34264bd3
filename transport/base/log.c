/* See log.h. */
#include "transport/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512, BURST = 10 };

static char prefix[48];
static int threshold = -1;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_prefix(const char *p)
{
    snprintf(prefix, sizeof(prefix), "%s: ", p);
}

void log_set_level(enum log_level level)
{
    threshold = (int)level;
}

static int current_threshold(void)
{
    if (threshold < 0) {
        const char *want = getenv("DRVDOM_LOG");

        threshold = LOG_INFO;
        for (int i = LOG_ERROR; want && i <= LOG_DEBUG; i++) {
            if (strcmp(want, level_names[i]) == 0)
                threshold = i;
        }
    }
    return threshold;
}

uint64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

char *log_escape(char *dst, unsigned dst_size, const void *src, unsigned len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = src;
    unsigned at = 0;

    /* Room is always kept for one escape, the dots and the terminator. */
    for (unsigned i = 0; i < len; i++) {
        if (at + 8 > dst_size) {
            if (dst_size >= 4) {
                at = at + 4 > dst_size ? dst_size - 4 : at;
                memcpy(dst + at, "...", 3);
                at += 3;
            }
            break;
        }
        if (s[i] >= 0x20 && s[i] < 0x7f) {
            dst[at++] = (char)s[i];
        } else {
            dst[at++] = '\\';
            dst[at++] = 'x';
            dst[at++] = hex[s[i] >> 4];
            dst[at++] = hex[s[i] & 15];
        }
    }
    if (dst_size)
        dst[at < dst_size ? at : dst_size - 1] = '\0';
    return dst;
}

static void (*tap)(const char *line, size_t len);

static void vwrite(enum log_level level, unsigned suppressed, const char *fmt, va_list ap)
{
    char text[LINE_MAX_BYTES], line[2 * LINE_MAX_BYTES], tail[40] = "";
    int n;

    if ((int)level > current_threshold())
        return;
    n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n < 0)
        return;
    if (suppressed)
        snprintf(tail, sizeof(tail), " (%u like it not shown)", suppressed);
    snprintf(line, 64, "%-5s %s", level_names[level], prefix);
    n = (int)strlen(line);
    log_escape(line + n, (unsigned)(sizeof(line) - sizeof(tail)) - (unsigned)n - 1, text,
               (unsigned)strlen(text));
    n = (int)strlen(line);
    snprintf(line + n, sizeof(line) - (size_t)n, "%s\n", tail);
    if (tap)
        tap(line, strlen(line));
    /* A full or closed stderr must not stop a backend. */
    while (write(STDERR_FILENO, line, strlen(line)) < 0 && errno == EINTR)
        ;
}

void log_set_tap(void (*fn)(const char *line, size_t len))
{
    tap = fn;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vwrite(level, 0, fmt, ap);
    va_end(ap);
}

bool log_limit_ok(struct log_limit *l, uint64_t now_ns, unsigned *suppressed)
{
    uint64_t earned;

    if (!l->started) {
        l->started = true;
        l->tokens = BURST;
        l->last_ns = now_ns;
    }
    earned = (now_ns - l->last_ns) / 1000000000u;
    if (earned > 0) {
        l->tokens = earned + l->tokens > BURST ? BURST : l->tokens + (unsigned)earned;
        l->last_ns += earned * 1000000000u;
    }
    if (l->tokens == 0) {
        l->suppressed++;
        return false;
    }
    l->tokens--;
    *suppressed = l->suppressed;
    l->suppressed = 0;
    return true;
}

void log_write_limited(struct log_limit *l, const char *fmt, ...)
{
    unsigned suppressed = 0;
    va_list ap;

    if (!log_limit_ok(l, clock_ns(), &suppressed))
        return;
    va_start(ap, fmt);
    vwrite(LOG_WARN, suppressed, fmt, ap);
    va_end(ap);
}
