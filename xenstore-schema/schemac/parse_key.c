/* The directives of a key.  See schemac.h, parse.h. */
#include "xenstore-schema/schemac/parse.h"

#include <string.h>

/* "MIN..MAX", or "MAX" alone for 0..MAX. */
static void range(struct at at, const char *str, uint64_t *min, uint64_t *max)
{
    const char *dots = strstr(str, "..");

    *min = dots ? parse_number(at, copy(str, (size_t)(dots - str))) : 0;
    *max = parse_number(at, dots ? dots + 2 : str);
    if (*min > *max)
        fail(at, "the range %s is empty", str);
}

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

void open_key(struct parser *p, const struct line *l)
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

    say_once(l, p->key->has_type);
    need_arg(l);
    if (value_word(words[0], strlen(words[0]), type_words, ARRAY_SIZE(type_words), &type))
        fail(l->at, "type \"%s\" is unknown", words[0]);
    p->key->has_type = true;
    p->key->k.type = (enum schema_type)type;
    type_args(p->key, l, words, n);
}

static void key_index(struct parser *p, const struct line *l)
{
    uint64_t max = parse_number(l->at, l->arg);

    say_once(l, p->key->has_index);
    if (max > 4095)
        fail(l->at, "index: more than 4095");
    p->key->has_index = true;
    p->key->k.index_max = (unsigned)max;
}

static void key_owner(struct parser *p, const struct line *l)
{
    p->key->k.owner = parse_owner(l, l->arg);
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
    say_once(l, p->key->k.sub != NULL);
    if (!p->dir->sub || strcmp(p->dir->sub, l->arg) != 0)
        fail(l->at, "in: %s has no sub %s", p->dir->name, l->arg);
    p->key->k.sub = l->arg;
}

static void key_perms(struct parser *p, const struct line *l)
{
    parse_perms(l);
    p->key->k.perms = l->arg;
    p->key->has_perms = true;
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

const struct directive key_directives[] = {
    {"type", key_type},         {"index", key_index},       {"owner", key_owner},
    {"required", key_required}, {"optional", key_optional}, {"default", key_default},
    {"only-if", key_only_if},   {"unless", key_unless},     {"in", key_in},
    {"perms", key_perms},       {"since", key_since},       {"demanded", key_demanded},
    {"spec", key_spec},         {"summary", key_summary},   {"text", key_text},
    {"key", open_key},          {"dir", open_dir},          {NULL, NULL},
};
