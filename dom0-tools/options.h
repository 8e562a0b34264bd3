/*
 * The options that all verbs share, so that they are spelt and refused alike.
 */
#ifndef DRVDOM_TOOLS_OPTIONS_H
#define DRVDOM_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { OPTIONS_ARGS = 32 };

/* One option of a verb's own: "--nic BDF" may stand several times. */
struct option_own {
    const char *name; /* without the dashes */
    bool takes_value;
    const char **values; /* where its values go, `max` of them; unused without a value */
    unsigned max, count; /* how often it was given */
};

struct options {
    bool json;
    bool has_timeout;
    uint64_t timeout_ns;
    const char *args[OPTIONS_ARGS]; /* what is no option, in order */
    unsigned nargs;
};

/* Parses argv[1..]; own may be NULL.  Everything after "--" is an argument.
 * 0; 1: --help was given and help has been printed; -EINVAL: wrong, and said so. */
int options_parse(struct options *o, int argc, char **argv, const char *help,
                  struct option_own *own, unsigned nown) must_check;

/* "2", "0.5": seconds as nanoseconds, at most a day.  0 or -EINVAL. */
int options_seconds(const char *text, uint64_t *ns) must_check;

#endif
