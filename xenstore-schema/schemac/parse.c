/*
 * Lines into dirs and keys.  A directive belongs to the block it stands in: the file (before the
 * first dir), a dir, or a key (parse_key.c); a table for each says which are known.  See FORMAT.md.
 */
#include "xenstore-schema/schemac/parse.h"

#include <errno.h>
#include <string.h>

static const char *const owner_words[] = {"toolstack", "back", "front"};
static const char *const state_words[] = {"", "Initialising", "InitWait", "Initialised",
                                          "Connected"};

const char *owner_name(enum schema_owner owner)
{
    return owner_words[owner];
}

const char *state_name(unsigned state)
{
    return state_words[state];
}

unsigned state_number(const char *name)
{
    for (unsigned i = 1; i < ARRAY_SIZE(state_words); i++) {
        if (strcmp(state_words[i], name) == 0)
            return i;
    }
    return 0;
}

struct dir *find_dir(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->ndirs; i++) {
        if (strcmp(s->dirs[i]->name, name) == 0)
            return s->dirs[i];
    }
    return NULL;
}

struct key *find_key(const struct dir *d, const char *name)
{
    for (size_t i = 0; i < d->nkeys; i++) {
        if (strcmp(d->keys[i]->k.name, name) == 0)
            return d->keys[i];
    }
    return NULL;
}

/* --- small parts --- */

void need_arg(const struct line *l)
{
    if (l->arg[0] == '\0')
        fail(l->at, "%s: nothing after it", l->word);
}

void say_once(const struct line *l, bool said)
{
    if (said)
        fail(l->at, "%s: said twice", l->word);
}

void set_once(const struct line *l, char **to)
{
    say_once(l, *to != NULL);
    need_arg(l);
    *to = l->arg;
}

void add_text(const struct line *l, char **to)
{
    const char *glue = !*to ? "" : (*to)[strlen(*to) - 1] == '\n' ? "" : " ";

    if (l->arg[0] == '\0')
        *to = *to ? format("%s\n\n", *to) : NULL;
    else
        *to = format("%s%s%s", *to ? *to : "", glue, l->arg);
}

uint64_t parse_number(struct at at, const char *str)
{
    uint64_t v;

    if (value_uint(str, strlen(str), 0, UINT64_MAX, &v))
        fail(at, "\"%s\" is not a number", str);
    return v;
}

enum schema_owner parse_owner(const struct line *l, const char *name)
{
    unsigned i;

    if (value_word(name, strlen(name), owner_words, ARRAY_SIZE(owner_words), &i))
        fail(l->at, "owner \"%s\" is not toolstack, back or front", name);
    return (enum schema_owner)i;
}

bool is_c_name(const char *str)
{
    if (str[0] < 'a' || str[0] > 'z')
        return false;
    return strspn(str, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(str);
}

void parse_perms(const struct line *l)
{
    size_t n;
    char **words = split(l->arg, &n);

    need_arg(l);
    for (size_t i = 0; i < n; i++) {
        if (!strchr("rwbn", words[i][0]) || words[i][1] != '$' || words[i][2] == '\0')
            fail(l->at, "perms: \"%s\" is not r, w, b or n and a $DOMAIN", words[i]);
    }
}

/* --- the file --- */

static void file_schema(struct parser *p, const struct line *l)
{
    say_once(l, p->s->name != NULL);
    need_arg(l);
    if (!is_c_name(copy(l->arg, strcspn(l->arg, "-"))))
        fail(l->at, "schema \"%s\" is not a name", l->arg);
    p->s->name = l->arg;
    p->s->at = l->at;
}

static void file_summary(struct parser *p, const struct line *l)
{
    set_once(l, &p->s->summary);
}

static void file_text(struct parser *p, const struct line *l)
{
    add_text(l, &p->s->text);
}

static void file_include(struct parser *p, const struct line *l)
{
    const char *slash = strrchr(l->at.file, '/');
    int head = slash ? (int)(slash + 1 - l->at.file) : 0;
    char *file = format("%.*s%s", head, l->at.file, l->arg);
    struct schema *other;

    need_arg(l);
    if (strcmp(file, l->at.file) == 0)
        fail(l->at, "the file includes itself");
    if (!(other = parse_file(file))->name)
        fail(l->at, "%s has no schema line", file);
    /* One level is all we need, and it cannot go in circles. */
    if (other->nincludes > 0)
        fail(l->at, "%s has includes of its own", file);
    check_schema(other);
    PUSH(p->s->includes, p->s->nincludes, other->name);
    for (size_t i = 0; i < other->ndirs; i++) {
        other->dirs[i]->external = true;
        PUSH(p->s->dirs, p->s->ndirs, other->dirs[i]);
    }
}

/* --- a dir --- */

void open_dir(struct parser *p, const struct line *l)
{
    struct dir *d = take(sizeof(*d));

    if (!p->s->name)
        fail(l->at, "dir before the schema line");
    if (!is_c_name(l->arg))
        fail(l->at, "dir \"%s\" is not a name of a-z, 0-9 and _", l->arg);
    if (find_dir(p->s, l->arg))
        fail(l->at, "dir %s stands twice", l->arg);
    d->at = l->at;
    d->name = l->arg;
    PUSH(p->s->dirs, p->s->ndirs, d);
    p->dir = d;
    p->key = NULL;
}

static void dir_path(struct parser *p, const struct line *l)
{
    set_once(l, &p->dir->path);
}

static void dir_owner(struct parser *p, const struct line *l)
{
    say_once(l, p->dir->has_owner);
    p->dir->owner = parse_owner(l, l->arg);
    p->dir->has_owner = true;
}

static void dir_perms(struct parser *p, const struct line *l)
{
    set_once(l, &p->dir->perms);
    parse_perms(l);
}

static void dir_like(struct parser *p, const struct line *l)
{
    struct like like = {.at = l->at, .owner = -1};
    size_t n;
    char **words = split(l->arg, &n);

    if (n != 1 && n != 2)
        fail(l->at, "like: needs a dir, and perhaps an owner");
    like.name = words[0];
    if (n == 2)
        like.owner = (int)parse_owner(l, words[1]);
    PUSH(p->dir->likes, p->dir->nlikes, like);
}

static void dir_word(struct parser *p, const struct line *l)
{
    need_arg(l);
    PUSH(p->dir->word_params, p->dir->nword_params, l->arg);
}

static void dir_sub(struct parser *p, const struct line *l)
{
    size_t n;
    char **words = split(l->arg, &n);

    say_once(l, p->dir->sub != NULL);
    if (n != 2 || strlen(words[0]) < 4 || strcmp(strchr(words[0], 0) - 3, "-%u") != 0)
        fail(l->at, "sub: needs NAME-%%u and the largest index");
    p->dir->sub = words[0];
    p->dir->sub_max = (unsigned)parse_number(l->at, words[1]);
}

static void dir_summary(struct parser *p, const struct line *l)
{
    set_once(l, &p->dir->summary);
}

static void dir_text(struct parser *p, const struct line *l)
{
    add_text(l, &p->dir->text);
}

/* --- which directive is known where --- */

static const struct directive file_directives[] = {
    {"schema", file_schema},   {"summary", file_summary}, {"text", file_text},
    {"include", file_include}, {"dir", open_dir},         {NULL, NULL},
};

static const struct directive dir_directives[] = {
    {"path", dir_path}, {"owner", dir_owner}, {"perms", dir_perms}, {"like", dir_like},
    {"word", dir_word}, {"sub", dir_sub},     {"text", dir_text},   {"summary", dir_summary},
    {"key", open_key},  {"dir", open_dir},    {NULL, NULL},
};

static void parse_line(struct parser *p, const struct line *l)
{
    const struct directive *d = p->key ? key_directives : p->dir ? dir_directives : file_directives;

    for (; d->word; d++) {
        if (strcmp(d->word, l->word) == 0) {
            d->fn(p, l);
            return;
        }
    }
    fail(l->at, "\"%s\" is not known %s", l->word,
         p->key   ? "in a key"
         : p->dir ? "in a dir"
                  : "before the first dir");
}

struct schema *parse_file(const char *file)
{
    struct parser p = {.s = take(sizeof(*p.s))};
    struct lines lines = lex_file(file);

    p.s->file = file;
    p.s->at.file = file;
    for (size_t i = 0; i < lines.n; i++)
        parse_line(&p, &lines.v[i]);
    return p.s;
}
