/* See options.h. */
#include "dom0-tools/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/base/log.h"

int options_seconds(const char *text, uint64_t *ns)
{
    char *end;
    double v;

    errno = 0;
    v = strtod(text, &end);
    if (errno || end == text || *end || !(v >= 0) || v > 86400)
        return -EINVAL;
    *ns = (uint64_t)(v * 1e9);
    return 0;
}

/* The value of an option: "--name=value" or the next argument. */
static const char *value_of(int argc, char **argv, int *i, const char *eq)
{
    if (eq)
        return eq + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static int set_timeout(struct options *o, const char *value)
{
    if (!value || options_seconds(value, &o->timeout_ns)) {
        log_error("--timeout: give seconds, 0 to 86400");
        return -EINVAL;
    }
    o->has_timeout = true;
    return 0;
}

static int set_own(struct option_own *own, int argc, char **argv, int *i, const char *eq)
{
    const char *value;

    if (!own->takes_value) {
        own->count++;
        return eq ? -EINVAL : 0;
    }
    value = value_of(argc, argv, i, eq);
    if (!value) {
        log_error("--%s: a value is missing", own->name);
        return -EINVAL;
    }
    if (own->count == own->max) {
        log_error("--%s: given more than %u times", own->name, own->max);
        return -EINVAL;
    }
    own->values[own->count++] = value;
    return 0;
}

static int take(struct options *o, int argc, char **argv, int *i, const char *help,
                struct option_own *own, unsigned nown)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '=');
    size_t len = eq ? (size_t)(eq - name) : strlen(name);

    if (strcmp(name, "help") == 0) {
        fputs(help, stdout);
        return 1;
    }
    if (strcmp(name, "json") == 0) {
        o->json = true;
        return 0;
    }
    if (len == 7 && memcmp(name, "timeout", 7) == 0)
        return set_timeout(o, value_of(argc, argv, i, eq));
    for (unsigned k = 0; k < nown; k++) {
        if (strlen(own[k].name) == len && memcmp(own[k].name, name, len) == 0)
            return set_own(&own[k], argc, argv, i, eq);
    }
    log_error("unknown option %s: see --help", argv[*i]);
    return -EINVAL;
}

int options_parse(struct options *o, int argc, char **argv, const char *help,
                  struct option_own *own, unsigned nown)
{
    bool only_args = false;

    memset(o, 0, sizeof(*o));
    for (int i = 1; i < argc; i++) {
        int rc = 0;

        if (!only_args && strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (!only_args && strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return 1;
        } else if (!only_args && strncmp(argv[i], "--", 2) == 0) {
            rc = take(o, argc, argv, &i, help, own, nown);
        } else if (o->nargs == OPTIONS_ARGS) {
            log_error("more than %d arguments", OPTIONS_ARGS);
            rc = -EINVAL;
        } else {
            o->args[o->nargs++] = argv[i];
        }
        if (rc)
            return rc;
    }
    return 0;
}
