/*
 * fakexenctl: xenstore by hand, with the rights of the domain the environment names.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "tests/fakexen/ctl/ctl.h"

static int show(struct xs_handle *xs, const char *path)
{
    unsigned len;
    char *v = xs_read(xs, XBT_NULL, path, &len);

    if (!v) {
        warn("read %s", path);
        return 1;
    }
    printf("%.*s\n", (int)len, v);
    free(v);
    return 0;
}

/* The tree below, one path and value a line; what may not be read is left out. */
static int tree(struct xs_handle *xs, const char *path)
{
    unsigned n, len;
    char **ls = xs_directory(xs, XBT_NULL, path, &n);
    char sub[1024];

    if (!ls)
        return 1;
    for (unsigned i = 0; i < n; i++) {
        snprintf(sub, sizeof(sub), "%s/%s", path, ls[i]);
        char *v = xs_read(xs, XBT_NULL, sub, &len);

        if (v)
            printf("%s = \"%.*s\"\n", sub, (int)len, v);
        free(v);
        tree(xs, sub);
    }
    free(ls);
    return 0;
}

static int watch(struct xs_handle *xs, const char *path, int count)
{
    unsigned n;

    if (!xs_watch(xs, path, "token")) {
        warn("watch %s", path);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char **e = xs_read_watch(xs, &n);

        if (!e || strcmp(e[XS_WATCH_TOKEN], "token") != 0)
            errx(1, "watch %s: lost", path);
        printf("%s\n", e[XS_WATCH_PATH]);
        fflush(stdout);
        free(e);
    }
    return 0;
}

int v_xs(int argc, char **argv)
{
    struct xs_handle *xs = xs_open(0);
    const char *what = argv[0], *path = argv[1], *value = argc > 2 ? argv[2] : "";

    if (!xs)
        err(1, "xenstore");
    if (strcmp(what, "read") == 0)
        return show(xs, path);
    if (strcmp(what, "ls") == 0)
        return tree(xs, path);
    if (strcmp(what, "watch") == 0)
        return watch(xs, path, argc > 2 ? atoi(value) : 1);
    if (strcmp(what, "write") == 0) {
        if (xs_write(xs, XBT_NULL, path, value, (unsigned)strlen(value)))
            return 0;
    } else if (strcmp(what, "rm") == 0) {
        if (xs_rm(xs, XBT_NULL, path))
            return 0;
    } else {
        errx(2, "xs: what is %s?", what);
    }
    warn("%s %s", what, path);
    return 1;
}
