/*
 * Lines into dirs and keys.  A directive belongs to the block it stands in: the file (before the
 * first dir), a dir, or a key; a table for each says which are known.  See schemac.h, FORMAT.md.
 */
#include "xenstore-schema/schemac/schemac.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct parser {
    struct schema *s;
    struct dir *dir; /* open block, or NULL */
    struct key *key; /* open block, or NULL */
};

struct directive {
    const char *word;
    void (*fn)(struct parser *p, const struct line *l);
};

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

static void need_arg(const struct line *l)
{
    if (l->arg[0] == '\0')
        fail(l->at, "%s: nothing after it", l->word);
}

static void once(const struct line *l, bool said)
{
    if (said)
        fail(l->at, "%s: said twice", l->word);
}

static void set_once(const struct line *l, char **to)
{
    once(l, *to != NULL);
    need_arg(l);
    *to = l->arg;
}

/* A line of text is added to the paragraph; a bare "text" begins the next one. */
static void add_text(const struct line *l, char **to)
{
    const char *glue = !*to ? "" : (*to)[strlen(*to) - 1] == '\n' ? "" : " ";

    if (l->arg[0] == '\0')
        *to = *to ? format("%s\n\n", *to) : NULL;
    else
        *to = format("%s%s%s", *to ? *to : "", glue, l->arg);
}

static uint64_t number(struct at at, const char *str)
{
    uint64_t v;

    if (value_uint(str, strlen(str), 0, UINT64_MAX, &v))
        fail(at, "\"%s\" is not a number", str);
    return v;
}

/* "MIN..MAX", or "MAX" alone for 0..MAX. */
static void range(struct at at, const char *str, uint64_t *min, uint64_t *max)
{
    const char *dots = strstr(str, "..");

    *min = dots ? number(at, copy(str, (size_t)(dots - str))) : 0;
    *max = number(at, dots ? dots + 2 : str);
    if (*min > *max)
        fail(at, "the range %s is empty", str);
}

static enum schema_owner owner(const struct line *l, const char *name)
{
    unsigned i;

    if (value_word(name, strlen(name), owner_words, ARRAY_SIZE(owner_words), &i))
        fail(l->at, "owner \"%s\" is not toolstack, back or front", name);
    return (enum schema_owner)i;
}

static bool is_c_name(const char *str)
{
    if (str[0] < 'a' || str[0] > 'z')
        return false;
    return strspn(str, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(str);
}

/* "n$BACK r$FRONT": the owner, then who else may; r, w, b(oth) or n(one), as xenstore writes it. */
static void check_perms(const struct line *l)
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
    once(l, p->s->name != NULL);
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

static void open_dir(struct parser *p, const struct line *l)
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
    once(l, p->dir->has_owner);
    p->dir->owner = owner(l, l->arg);
    p->dir->has_owner = true;
}

static void dir_perms(struct parser *p, const struct line *l)
{
    set_once(l, &p->dir->perms);
    check_perms(l);
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
        like.owner = (int)owner(l, words[1]);
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

    once(l, p->dir->sub != NULL);
    if (n != 2 || strlen(words[0]) < 4 || strcmp(strchr(words[0], 0) - 3, "-%u") != 0)
        fail(l->at, "sub: needs NAME-%%u and the largest index");
    p->dir->sub = words[0];
    p->dir->sub_max = (unsigned)number(l->at, words[1]);
}

static void dir_summary(struct parser *p, const struct line *l)
{
    set_once(l, &p->dir->summary);
}

static void dir_text(struct parser *p, const struct line *l)
{
    add_text(l, &p->dir->text);
}

/* --- a key --- */

/* "ring-ref%u" -> ring_ref_n: the C name shows that an index is wanted. */
static char *c_name(const char *name)
{
    char *out = take(2 * strlen(name) + 1);
    size_t n = 0;

    for (; *name; name++) {
        bool alnum = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") > 0;

        if (strncmp(name, "%u", 2) == 0) {
            if (n > 0 && out[n - 1] != '_')
                out[n++] = '_';
            out[n++] = 'n';
            name++;
        } else {
            out[n++] = alnum ? *name : '_';
        }
    }
    return out;
}

static void open_key(struct parser *p, const struct line *l)
{
    struct key *k = take(sizeof(*k));
    const char *mark = strstr(l->arg, "%u");
    char *plain = mark ? format("%.*s0%s", (int)(mark - l->arg), l->arg, mark + 2) : l->arg;

    if (!value_is_path(plain, strlen(plain), 64) || plain[0] == '/')
        fail(l->at, "key \"%s\" cannot be a xenstore name", l->arg);
    if (find_key(p->dir, l->arg))
        fail(l->at, "key %s stands twice in %s", l->arg, p->dir->name);
    k->at = l->at;
    k->home = p->dir;
    k->k.name = l->arg;
    k->cname = c_name(l->arg);
    k->has_owner = p->dir->has_owner;
    k->k.owner = p->dir->owner;
    k->k.perms = p->dir->perms;
    PUSH(p->dir->keys, p->dir->nkeys, k);
    p->dir->nown = p->dir->nkeys;
    p->key = k;
}

/* "connected", or "NAME=VALUE" where the value is no C name (or empty). */
static void add_enum_word(struct key *k, const struct line *l, char *word)
{
    char *eq = strchr(word, '=');
    char *name = c_name(eq ? copy(word, (size_t)(eq - word)) : word);
    const char *value = eq ? eq + 1 : word;
    char **values = (char **)k->k.words;
    size_t n = k->k.nwords;
    unsigned i;

    if (!is_c_name(name))
        fail(l->at, "enum: \"%s\" needs a name: NAME=VALUE", word);
    if (value[0] && !value_is_path(value, strlen(value), 64))
        fail(l->at, "enum: \"%s\" has a byte that xenstore names do not have", word);
    if (value_word(value, strlen(value), k->k.words, n, &i) == 0 ||
        value_word(name, strlen(name), (const char *const *)k->word_names, n, &i) == 0)
        fail(l->at, "enum: \"%s\" stands twice", word);
    PUSH(k->word_names, n, name);
    n = k->k.nwords;
    PUSH(values, n, copy(value, strlen(value)));
    k->k.words = (const char *const *)values;
    k->k.nwords = n;
}

static const char *const type_words[] = {"uint", "bool", "enum", "string",
                                         "text", "path", "mac",  "rate"};

static void type_args(struct key *k, const struct line *l, char **words, size_t n)
{
    size_t want = 1;

    switch (k->k.type) {
    case SCHEMA_UINT:
        k->k.pow2 = n == 3 && strcmp(words[2], "pow2") == 0;
        want = k->k.pow2 ? 3 : 2;
        break;
    case SCHEMA_STRING:
    case SCHEMA_TEXT:
    case SCHEMA_PATH:
        want = 2;
        break;
    case SCHEMA_ENUM:
        if (n < 3)
            fail(l->at, "enum: needs two words or more");
        for (size_t i = 1; i < n; i++)
            add_enum_word(k, l, words[i]);
        return;
    case SCHEMA_BOOL:
    case SCHEMA_MAC:
    case SCHEMA_RATE:
        break;
    }
    if (n != want)
        fail(l->at, "type %s: wrong number of words after it", words[0]);
    if (want >= 2)
        range(l->at, words[1], &k->k.min, &k->k.max);
    if (k->k.type != SCHEMA_UINT && k->k.max > SCHEMA_STRING_MAX)
        fail(l->at, "type %s: longer than %d", words[0], SCHEMA_STRING_MAX);
}

static void key_type(struct parser *p, const struct line *l)
{
    size_t n;
    char **words = split(l->arg, &n);
    unsigned type;

    once(l, p->key->has_type);
    need_arg(l);
    if (value_word(words[0], strlen(words[0]), type_words, ARRAY_SIZE(type_words), &type))
        fail(l->at, "type \"%s\" is unknown", words[0]);
    p->key->has_type = true;
    p->key->k.type = (enum schema_type)type;
    type_args(p->key, l, words, n);
}

static void key_index(struct parser *p, const struct line *l)
{
    uint64_t max = number(l->at, l->arg);

    once(l, p->key->has_index);
    if (max > 4095)
        fail(l->at, "index: more than 4095");
    p->key->has_index = true;
    p->key->k.index_max = (unsigned)max;
}

static void key_owner(struct parser *p, const struct line *l)
{
    p->key->k.owner = owner(l, l->arg);
    p->key->has_owner = true;
}

static void set_presence(struct parser *p, const struct line *l, enum presence presence)
{
    if (p->key->presence != PRESENCE_UNSAID)
        fail(l->at, "%s: only one of required, optional and default", l->word);
    p->key->presence = presence;
}

static void key_required(struct parser *p, const struct line *l)
{
    set_presence(p, l, PRESENCE_REQUIRED);
    p->key->k.required = state_number(l->arg);
    if (p->key->k.required == 0)
        fail(l->at, "required: \"%s\" is not Initialising, InitWait, Initialised or Connected",
             l->arg);
}

static void key_optional(struct parser *p, const struct line *l)
{
    set_presence(p, l, PRESENCE_OPTIONAL);
    if (l->arg[0])
        fail(l->at, "optional: nothing may follow");
}

static void key_default(struct parser *p, const struct line *l)
{
    set_presence(p, l, PRESENCE_DEFAULT);
    p->key->k.fallback = l->arg;
    p->key->default_at = l->at;
}

static void key_only_if(struct parser *p, const struct line *l)
{
    set_once(l, (char **)&p->key->k.only_if);
    p->key->only_if_at = l->at;
}

static void key_unless(struct parser *p, const struct line *l)
{
    set_once(l, (char **)&p->key->k.unless);
    p->key->unless_at = l->at;
}

static void key_in(struct parser *p, const struct line *l)
{
    once(l, p->key->k.sub != NULL);
    if (!p->dir->sub || strcmp(p->dir->sub, l->arg) != 0)
        fail(l->at, "in: %s has no sub %s", p->dir->name, l->arg);
    p->key->k.sub = l->arg;
}

static void key_perms(struct parser *p, const struct line *l)
{
    check_perms(l);
    p->key->k.perms = l->arg;
}

static void key_since(struct parser *p, const struct line *l)
{
    set_once(l, (char **)&p->key->k.since);
}

static void key_demanded(struct parser *p, const struct line *l)
{
    set_once(l, (char **)&p->key->k.demanded);
}

static void key_spec(struct parser *p, const struct line *l)
{
    set_once(l, &p->key->spec);
}

static void key_summary(struct parser *p, const struct line *l)
{
    set_once(l, (char **)&p->key->k.summary);
}

static void key_text(struct parser *p, const struct line *l)
{
    add_text(l, &p->key->text);
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

static const struct directive key_directives[] = {
    {"type", key_type},         {"index", key_index},       {"owner", key_owner},
    {"required", key_required}, {"optional", key_optional}, {"default", key_default},
    {"only-if", key_only_if},   {"unless", key_unless},     {"in", key_in},
    {"perms", key_perms},       {"since", key_since},       {"demanded", key_demanded},
    {"spec", key_spec},         {"summary", key_summary},   {"text", key_text},
    {"key", open_key},          {"dir", open_dir},          {NULL, NULL},
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
