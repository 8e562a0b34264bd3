/*
 * schemac: compiles xenstore-schema/ *.xs (see FORMAT.md) to C, Markdown and a man page.
 *
 *   lex.c    a file into lines: directive + argument
 *   parse.c parse_key.c  lines into dirs and keys; know the syntax
 *   check.c  what one line cannot know: defaults fit their type, names exist, nothing twice
 *   emit_h.c emit_c.c emit_doc.c   what is made of it
 *
 * A host tool that runs for milliseconds: memory is taken and never given back, and the first error
 * ends it with "file:line: message" and status 1.
 */
#ifndef DRVDOM_SCHEMAC_H
#define DRVDOM_SCHEMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "xenstore-schema/key.h"

struct at {
    const char *file;
    int line;
};

struct line {
    struct at at;
    char *word; /* the directive */
    char *arg;  /* the rest, trimmed; "" when there is none */
};

struct lines {
    struct line *v;
    size_t n;
};

enum presence { PRESENCE_UNSAID, PRESENCE_REQUIRED, PRESENCE_OPTIONAL, PRESENCE_DEFAULT };

struct dir;

struct key {
    struct at at;
    struct schema_key k; /* what the table will say */
    char *cname;         /* ring_ref_n */
    struct dir *home;    /* the dir whose accessors it has */
    char **word_names;   /* enum: C names of k.words */
    bool has_type, has_owner, has_index, has_perms;
    enum presence presence;
    struct at default_at, only_if_at, unless_at;
    char *spec; /* where it is specified, or NULL */
    char *text; /* long description, or NULL */
};

struct like {
    struct at at;
    char *name;
    int owner; /* enum schema_owner, or -1: all keys */
};

struct dir {
    struct at at;
    char *name;    /* vbd_back */
    char *path;    /* ~/backend/vbd/$GUEST/$DEVID */
    bool external; /* comes from an included file */
    bool has_owner;
    enum schema_owner owner; /* default of its keys */
    char *perms;             /* likewise */
    char *sub;               /* queue-%u */
    unsigned sub_max;
    char **word_params; /* $NAMEs that are words, not numbers */
    size_t nword_params;
    struct like *likes;
    size_t nlikes;
    struct key **keys; /* own keys, then the inherited ones */
    size_t nkeys, nown;
    char *summary, *text;
};

struct schema {
    struct at at;
    const char *file;
    char *name; /* vbd */
    char *summary, *text;
    char **includes; /* schema names of the included files */
    size_t nincludes;
    struct dir **dirs; /* included ones first */
    size_t ndirs;
};

/* --- util.c: never return on failure --- */
void fail(struct at at, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void *take(size_t size);
char *copy(const char *str, size_t len);
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Appends item to a growing array of pointers. */
#define PUSH(array, n, item)                                                                       \
    ((array) = grow((array), sizeof(*(array)), (n)), (array)[(n)++] = (item))
void *grow(void *array, size_t size, size_t n);
/* Splits at blanks. */
char **split(const char *str, size_t *n);
char *upper(const char *str);

/* --- lex.c, parse.c, check.c --- */
struct lines lex_file(const char *file);
struct schema *parse_file(const char *file);
void check_schema(struct schema *s);
struct dir *find_dir(const struct schema *s, const char *name);
struct key *find_key(const struct dir *d, const char *name);
/* 1..4 of "Initialising", "InitWait", "Initialised", "Connected", or 0. */
unsigned state_number(const char *name);
const char *state_name(unsigned state);
const char *owner_name(enum schema_owner owner);

/* --- paths (path.c) --- */
enum { PATH_PARAMS_MAX = 8 };
struct param {
    char *name; /* lower case: guest */
    bool word;
};
/* One way to write a dir's path: relative to a domain's home, or from the root. */
struct form {
    const char *suffix; /* of the C name: "", "_of", "_own" */
    const char *doc;    /* what it is relative to */
    char *pattern;      /* backend/vbd/$GUEST/$DEVID */
    char *fmt;          /* backend/vbd/%u/%u */
    struct param params[PATH_PARAMS_MAX];
    size_t nparams;
};
/* Fills the one or two forms of d's path; checks it. */
size_t path_forms(const struct dir *d, struct form out[2]);

/* --- the emitters write to out --- */
void emit_h(const struct schema *s, FILE *out);
void emit_c(const struct schema *s, FILE *out);
void emit_table(const struct schema *s, FILE *out);
void emit_md(struct schema *const *all, size_t n, FILE *out);
void emit_man(struct schema *const *all, size_t n, FILE *out);
void emit_keys(const struct schema *s, FILE *out);

#endif
