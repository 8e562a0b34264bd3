/* See store.h. */
#include "tests/fuzz/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The last line that begins with this path. */
static const char *find(const struct store *s, const char *path, size_t *len)
{
    const char *found = NULL, *end = s->text + s->len;
    size_t n = strlen(path);

    for (const char *line = s->text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        stop = stop ? stop : end;
        if ((size_t)(stop - line) >= n && memcmp(line, path, n) == 0 &&
            (line + n == stop || line[n] == '=')) {
            found = line + n;
            *len = (size_t)(stop - found);
        }
        line = stop + 1;
    }
    return found;
}

int store_read(struct store *s, store_txn t, const char *path, char *buf, size_t size)
{
    size_t len = 0;
    const char *v = find(s, path[0] == 'F' ? path + 2 : path, &len);

    (void)t;
    if (!v)
        return -ENOENT;
    if (len == 0)
        return -EACCES;
    v++, len--;
    if (memchr(v, 0, len))
        return -EINVAL;
    if (len + 1 > size)
        return -E2BIG;
    memcpy(buf, v, len);
    buf[len] = '\0';
    return (int)len;
}

int store_exists(struct store *s, store_txn t, const char *path)
{
    size_t len = 0;

    (void)t;
    return find(s, path[0] == 'F' ? path + 2 : path, &len) && len > 0;
}

int store_write(struct store *s, store_txn t, const char *path, const char *value)
{
    (void)s, (void)t;
    assert(strlen(path) < STORE_PATH_MAX && value);
    return 0;
}

int store_rm(struct store *s, store_txn t, const char *path)
{
    (void)s, (void)t, (void)path;
    return 0;
}
