/* What a single line cannot know.  Also resolves `like`.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <string.h>

enum { SUMMARY_MAX = 100 };

static void check_summary(struct at at, const char *what, const char *summary)
{
    if (!summary)
        fail(at, "%s has no summary", what);
    if (strlen(summary) > SUMMARY_MAX)
        fail(at, "%s: the summary is longer than %d bytes", what, SUMMARY_MAX);
}

static void check_default(const struct key *k)
{
    struct schema_value unused;
    char why[SCHEMA_WHY_MAX];

    if (!k->k.fallback)
        return;
    if (schema_key_parse(&k->k, k->k.fallback, strlen(k->k.fallback), &unused)) {
        schema_key_why(&k->k, "default", k->k.fallback, strlen(k->k.fallback), why, sizeof(why));
        fail(k->default_at, "%s", why);
    }
}

/* The keys that a condition names must be in the same directory, or it could never be judged. */
static void check_condition(const struct dir *d, const struct key *k, struct at at,
                            const char *directive, const char *names)
{
    size_t n;
    char **words = names ? split(names, &n) : NULL;

    if (!names)
        return;
    if (k->presence != PRESENCE_REQUIRED)
        fail(at, "%s: %s is not required", directive, k->k.name);
    for (size_t i = 0; i < n; i++) {
        if (!find_key(d, words[i]))
            fail(at, "%s: %s has no key %s", directive, d->name, words[i]);
        if (strcmp(words[i], k->k.name) == 0)
            fail(at, "%s: %s names itself", directive, words[i]);
    }
}

static void check_key(const struct key *k)
{
    bool indexed = strstr(k->k.name, "%u") != NULL;

    if (!k->has_type)
        fail(k->at, "key %s has no type", k->k.name);
    if (!k->has_owner)
        fail(k->at, "key %s has no owner, and its dir has none", k->k.name);
    if (!k->k.perms)
        fail(k->at, "key %s has no perms, and its dir has none", k->k.name);
    if (k->presence == PRESENCE_UNSAID)
        fail(k->at, "key %s: say required STATE, optional or default VALUE", k->k.name);
    if (indexed && !k->has_index)
        fail(k->at, "key %s needs the largest index: index N", k->k.name);
    if (!indexed && k->has_index)
        fail(k->at, "key %s has no %%u for its index", k->k.name);
    check_summary(k->at, k->k.name, k->k.summary);
    check_default(k);
}

/* Two names that differ only in '-' and '_' would become the same C function. */
static void check_c_names(const struct dir *d)
{
    for (size_t i = 0; i < d->nown; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(d->keys[i]->cname, d->keys[j]->cname) == 0)
                fail(d->keys[i]->at, "keys %s and %s have the same name in C", d->keys[j]->k.name,
                     d->keys[i]->k.name);
        }
    }
}

/* The same key in another place: what the base dir said of permissions holds there, not here. */
static struct key *inherited_key(const struct dir *d, const struct key *k)
{
    struct key *mine = take(sizeof(*mine));

    *mine = *k;
    if (d->perms && !k->has_perms)
        mine->k.perms = d->perms;
    return mine;
}

static void inherit(struct dir *d, const struct dir *from, const struct like *like)
{
    if (from->sub && !d->sub) {
        d->sub = from->sub;
        d->sub_max = from->sub_max;
    }
    for (size_t i = 0; i < from->nkeys; i++) {
        struct key *k = from->keys[i];
        const struct key *mine = find_key(d, k->k.name);

        if (like->owner >= 0 && (int)k->k.owner != like->owner)
            continue;
        if (mine)
            fail(mine->home == d ? mine->at : like->at, "key %s is already in %s", k->k.name,
                 k->home->name);
        PUSH(d->keys, d->nkeys, inherited_key(d, k));
    }
}

static void resolve_likes(struct schema *s, struct dir *d)
{
    for (size_t i = 0; i < d->nlikes; i++) {
        const struct dir *from = find_dir(s, d->likes[i].name);

        /* Only dirs above: this one is not resolved yet, nor is any below it. */
        if (!from || from == d || (!from->external && from->at.line > d->at.line))
            fail(d->likes[i].at, "like: there is no dir %s above", d->likes[i].name);
        inherit(d, from, &d->likes[i]);
    }
}

static void check_dir(struct schema *s, struct dir *d)
{
    struct form forms[2];

    if (!d->path)
        fail(d->at, "dir %s has no path", d->name);
    check_summary(d->at, d->name, d->summary);
    path_forms(d, forms);
    for (size_t i = 0; i < d->nown; i++)
        check_key(d->keys[i]);
    check_c_names(d);
    resolve_likes(s, d);
    for (size_t i = 0; i < d->nown; i++) {
        const struct key *k = d->keys[i];

        check_condition(d, k, k->only_if_at, "only-if", k->k.only_if);
        check_condition(d, k, k->unless_at, "unless", k->k.unless);
    }
}

void check_schema(struct schema *s)
{
    if (!s->name)
        fail(s->at, "no schema line");
    check_summary(s->at, s->name, s->summary);
    for (size_t i = 0; i < s->ndirs; i++) {
        if (!s->dirs[i]->external)
            check_dir(s, s->dirs[i]);
    }
}
