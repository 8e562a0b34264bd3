/*
 * Log lines to stderr: one line each, "<level> <prefix>: text", never from a data path without a
 * rate limit.  In a driver domain stderr is the console, which dom0 keeps.
 */
#ifndef DRVDOM_BASE_LOG_H
#define DRVDOM_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Sets the word in front of each line (copied, at most 47 bytes), e.g. "blkback 3/51712". */
void log_set_prefix(const char *prefix);

/* Lines above this level are dropped.  Default LOG_INFO, or $DRVDOM_LOG=error|warn|info|debug. */
void log_set_level(enum log_level level);

/* Writes one line in one write(2), so that lines of several processes do not mix.
 * Unprintable bytes (a peer may have chosen them) come out as \xNN.  Does not allocate. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Every line written also goes to fn (whole, with its newline); NULL: to nobody.  fn must not log.
 */
void log_set_tap(void (*fn)(const char *line, size_t len));

/* A peer can cause lines at will (XSA-43), so each such place owns a bucket: `burst` lines, then
 * one per second; suppressed lines are counted and the count is told with the next one. */
struct log_limit {
    uint64_t last_ns;
    unsigned tokens;
    unsigned suppressed;
    bool started;
};

/* True when the caller may log now.  Fills *suppressed with how many lines were swallowed before.
 */
bool log_limit_ok(struct log_limit *l, uint64_t now_ns, unsigned *suppressed);

/* log_warn behind a bucket of its own per call site. */
#define log_peer(...)                                                                              \
    do {                                                                                           \
        static struct log_limit limit_;                                                            \
        log_write_limited(&limit_, __VA_ARGS__);                                                   \
    } while (0)
void log_write_limited(struct log_limit *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Monotonic nanoseconds: the only clock used for deadlines (a wall clock may jump). */
uint64_t clock_ns(void);

/* Escapes src (len bytes) into dst so that it can be shown on a terminal; always terminated,
 * cut with "..." when it does not fit.  Returns dst. */
char *log_escape(char *dst, unsigned dst_size, const void *src, unsigned len);

#endif
