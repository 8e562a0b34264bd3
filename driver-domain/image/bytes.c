/* See bytes.h.  PURE: no I/O (file.c has the file functions). */
#include "driver-domain/image/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_fini(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

int bytes_reserve(struct bytes *b, size_t cap)
{
    uint8_t *p;

    if (cap <= b->cap)
        return 0;
    p = realloc(b->data, cap);
    if (!p) {
        b->failed = true;
        return -ENOMEM;
    }
    b->data = p;
    b->cap = cap;
    return 0;
}

/* Room for `more` bytes after the end; doubles, so that n appends cost O(n). */
static bool grow(struct bytes *b, size_t more)
{
    size_t want = b->len + more;

    if (b->failed || want < b->len)
        return false;
    if (want > b->cap && bytes_reserve(b, MAX(want, 2 * b->cap)) < 0)
        return false;
    return true;
}

void bytes_add(struct bytes *b, const void *data, size_t len)
{
    if (len == 0 || !grow(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void bytes_zero(struct bytes *b, size_t len)
{
    if (len == 0 || !grow(b, len))
        return;
    memset(b->data + b->len, 0, len);
    b->len += len;
}

void bytes_printf(struct bytes *b, const char *fmt, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    bytes_add(b, text, (size_t)n);
    free(text);
}

int bytes_check(const struct bytes *b)
{
    return b->failed ? -ENOMEM : 0;
}
