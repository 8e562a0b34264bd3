/*
 * What the schema says of one key, as data: the generated tables (schema/vbd.h ...) are arrays of
 * these.  The accessors, the validator and drvdom lint all read the same table.  PURE: no I/O.
 */
#ifndef DRVDOM_SCHEMA_KEY_H
#define DRVDOM_SCHEMA_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore-schema/value.h"

enum schema_type {
    SCHEMA_UINT,   /* decimal in min..max */
    SCHEMA_BOOL,   /* exactly 0 or 1 */
    SCHEMA_ENUM,   /* one of words[] */
    SCHEMA_STRING, /* printable ASCII, min..max bytes */
    SCHEMA_TEXT,   /* for people: anything up to max bytes, escaped when read and written */
    SCHEMA_PATH,   /* a xenstore path of at most max bytes */
    SCHEMA_MAC,    /* aa:bb:cc:dd:ee:ff */
    SCHEMA_RATE,   /* bytes,usec */
};

enum schema_owner { SCHEMA_TOOLSTACK, SCHEMA_BACK, SCHEMA_FRONT };

enum { SCHEMA_STRING_MAX = 1024, SCHEMA_WHY_MAX = 240 };

struct schema_key {
    const char *name; /* "sectors", or with one index "ring-ref%u" */
    const char *sub;  /* may stand in this subdirectory instead ("queue-%u"), or NULL */
    enum schema_type type;
    enum schema_owner owner;  /* who writes it */
    uint64_t min, max;        /* uint: the value; string, text, path: the length in bytes */
    bool pow2;                /* uint: must be a power of two */
    unsigned index_max;       /* largest index of an indexed name */
    const char *const *words; /* enum: nwords values */
    size_t nwords;
    const char *fallback; /* what absence means, as it would be written; or NULL */
    unsigned required;    /* xenbus state of the owner by which it must exist; 0: never */
    const char *only_if;  /* required only when one of these keys exists; blank-separated */
    const char *unless;   /* not required when one of these keys exists */
    const char *perms;    /* e.g. "n$BACK r$FRONT", xenstore's notation */
    const char *since;    /* or NULL */
    const char *demanded; /* frontends that fail without it, or NULL */
    const char *summary;
};

struct schema_dir {
    const char *name; /* "vbd_back" */
    const char *path; /* "~/backend/vbd/$GUEST/$DEVID", as in the schema */
    const struct schema_key *keys;
    size_t nkeys;
    const char *sub;  /* subdirectory that keys with .sub may stand in, or NULL */
    unsigned sub_max; /* its largest index */
};

/* A parsed value; which member counts is the key's type. */
struct schema_value {
    union {
        uint64_t uint;
        bool flag;
        unsigned word;
        uint8_t mac[VALUE_MAC_LEN];
        struct value_rate rate;
    };
};

/* Longest text a valid value of this key has, in bytes. */
size_t schema_key_maxlen(const struct schema_key *k);

/* Is val a valid value of k?  0 and *out filled (strings: nothing to fill), or -EINVAL. */
int schema_key_parse(const struct schema_key *k, const char *val, size_t len,
                     struct schema_value *out) must_check;

/* One line for a person: `ring-ref: "abc" is not a number in 1..4294967295`.  The value is escaped
 * and cut; buf holds at least SCHEMA_WHY_MAX bytes to be never cut in the middle. */
void schema_key_why(const struct schema_key *k, const char *name, const char *val, size_t len,
                    char *buf, size_t size);

/* Does name (one of a directory listing, or "queue-2" against a sub) match this pattern?  The
 * index, 0 when the pattern has none, goes to *index. */
bool schema_name_match(const char *pattern, const char *name, unsigned max, unsigned *index);

/* The key of the directory that `name` spells, or NULL. */
const struct schema_key *schema_dir_find(const struct schema_dir *d, const char *name,
                                         unsigned *index);

/* A value taken from a path by schema_path_match(): a number, or a word of [a-z0-9_-]. */
enum { SCHEMA_WORD_MAX = 32 };
struct schema_param {
    bool is_word;
    unsigned num;
    char word[SCHEMA_WORD_MAX];
};

/* Matches path against a pattern such as "backend/vbd/$GUEST/$DEVID"; params[i].is_word says what
 * the i-th $NAME must be.  *rest is what follows ("" or "state").  0, or -EINVAL for another path:
 * paths come out of watch events, whose names a peer may have chosen. */
int schema_path_match(const char *pattern, const char *path, struct schema_param *params,
                      size_t nparams, const char **rest) must_check;

#endif
