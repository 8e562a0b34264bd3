/*
 * xl's configuration files (xl.cfg(5)), as far as drvdom lint looks: names with a text, a number or
 * a list of texts.  PURE.
 */
#ifndef DRVDOM_TOOLS_XLCFG_H
#define DRVDOM_TOOLS_XLCFG_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/base/arith.h"

enum {
    XLCFG_KEYS = 128,
    XLCFG_VALUES = 64,  /* of one list */
    XLCFG_POOL = 65536, /* all texts together */
    XLCFG_WHY = 160,
};

struct xlcfg_key {
    const char *name;
    unsigned line;
    bool is_list;
    const char *values[XLCFG_VALUES];
    unsigned lines[XLCFG_VALUES];
    unsigned count;
};

struct xlcfg {
    struct xlcfg_key keys[XLCFG_KEYS];
    unsigned count;
    char pool[XLCFG_POOL];
    size_t used;
};

struct xlcfg_error {
    unsigned line;
    char text[XLCFG_WHY];
};

/* 0, or -EINVAL with *err.  A name given twice keeps the last, as xl does; += appends. */
int xlcfg_parse(struct xlcfg *c, const char *text, size_t len, struct xlcfg_error *err) must_check;

const struct xlcfg_key *xlcfg_find(const struct xlcfg *c, const char *name);
/* The text of a name that is no list, or NULL. */
const char *xlcfg_text(const struct xlcfg *c, const char *name);

/* A device line such as "format=raw,vdev=xvda,backend=dd,target=/dev/x": NAME=VALUE, or words whose
 * names are the positions'.  target= takes the rest of the line (xl-disk-configuration(5)). */
enum { SPEC_ITEMS = 24, SPEC_BYTES = 1100 };
struct spec {
    struct {
        const char *name, *value; /* value: "" for a bare word such as "trusted" */
    } items[SPEC_ITEMS];
    unsigned count;
    char text[SPEC_BYTES];
};

/* positions: NULL-terminated names of the bare words in front, or NULL.  0, or -E2BIG. */
int spec_parse(struct spec *s, const char *line, const char *const *positions) must_check;
/* The value, or NULL. */
const char *spec_get(const struct spec *s, const char *name);

#endif
