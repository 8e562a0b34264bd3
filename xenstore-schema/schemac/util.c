/* Memory, text and errors of schemac.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void fail(struct at at, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    if (at.line > 0)
        fprintf(stderr, "%s:%d: ", at.file, at.line);
    else
        fprintf(stderr, "%s: ", at.file);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

void *take(size_t size)
{
    void *p = calloc(1, size);

    if (!p)
        fail((struct at){.file = "schemac"}, "out of memory");
    return p;
}

char *copy(const char *str, size_t len)
{
    char *p = take(len + 1);

    memcpy(p, str, len);
    return p;
}

char *format(const char *fmt, ...)
{
    char *p = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&p, fmt, ap);
    va_end(ap);
    if (n < 0)
        fail((struct at){.file = "schemac"}, "out of memory");
    return p;
}

void *grow(void *array, size_t size, size_t n)
{
    /* Room for a power of two items: it is full exactly when n is one. */
    if (n == 0 || (n & (n - 1)) == 0) {
        array = reallocarray(array, n ? 2 * n : 1, size);
        if (!array)
            fail((struct at){.file = "schemac"}, "out of memory");
    }
    return array;
}

char **split(const char *str, size_t *n)
{
    char **words = NULL;

    *n = 0;
    for (;;) {
        size_t len;

        str += strspn(str, " \t");
        len = strcspn(str, " \t");
        if (len == 0)
            return words;
        PUSH(words, *n, copy(str, len));
        str += len;
    }
}

char *upper(const char *str)
{
    char *p = copy(str, strlen(str));

    for (char *c = p; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return p;
}
