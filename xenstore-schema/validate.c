/* See validate.h. */
#include "xenstore-schema/validate.h"

#include <stdio.h>
#include <string.h>

/* Longer than this no name of the schema is; the path limit of xenstore is above it. */
enum { NAME_MAX_LEN = 128, CLOSING = 5, CLOSED = 6 };

struct run {
    const struct schema_dir *d;
    const struct schema_node *nodes;
    size_t n;
    struct schema_ends ends;
    unsigned state[3]; /* by enum schema_owner: how far its end has come */
    void (*report)(void *arg, const struct schema_finding *f);
    void *arg;
    size_t found;
};

static void tell(struct run *r, enum schema_fault fault, const struct schema_key *k,
                 const char *text)
{
    const struct schema_finding f = {.fault = fault, .key = k, .text = text};

    r->found++;
    r->report(r->arg, &f);
}

/* A name with its subdirectory taken off: "queue-2/ring-ref" -> "ring-ref", in_sub.  Names that
 * stand in the directory itself come back whole. */
static const char *local_name(const struct schema_dir *d, const char *name, bool *in_sub,
                              unsigned *sub)
{
    const char *slash = strchr(name, '/');
    char first[NAME_MAX_LEN];

    *in_sub = false;
    if (!d->sub || !slash || (size_t)(slash - name) >= sizeof(first))
        return name;
    memcpy(first, name, (size_t)(slash - name));
    first[slash - name] = '\0';
    if (!schema_name_match(d->sub, first, d->sub_max, sub))
        return name;
    *in_sub = true;
    return slash + 1;
}

/* Does any index of the pattern exist, in the directory (sub < 0) or in that subdirectory? */
static bool present(const struct run *r, const char *pattern, int sub)
{
    for (size_t i = 0; i < r->n; i++) {
        unsigned at = 0, index;
        bool in_sub;
        const char *name = local_name(r->d, r->nodes[i].name, &in_sub, &at);

        if (in_sub == (sub >= 0) && (!in_sub || at == (unsigned)sub) &&
            schema_name_match(pattern, name, UINT32_MAX, &index))
            return true;
    }
    return false;
}

/* Takes the next of a blank-separated list of names: its key, or NULL at the end.  The compiler has
 * seen to it that all are keys of the directory. */
static const struct schema_key *next_named(const struct run *r, const char **names)
{
    size_t len = strcspn(*names, " ");
    const char *name = *names;

    *names += len + strspn(*names + len, " ");
    for (size_t i = 0; i < r->d->nkeys && len > 0; i++) {
        const struct schema_key *k = &r->d->keys[i];

        if (strlen(k->name) == len && memcmp(k->name, name, len) == 0)
            return k;
    }
    return NULL;
}

/* Is one of the keys there?  One that can stand in a queue is looked for in the same queue, any
 * other above it, as ring-page-order. */
static bool any_present(const struct run *r, const char *names, int sub)
{
    const struct schema_key *k;

    while ((k = next_named(r, &names))) {
        if (present(r, k->name, k->sub ? sub : -1))
            return true;
    }
    return false;
}

/* Of two keys that stand in for each other only the first is reported. */
static bool reported_by_other(const struct run *r, const struct schema_key *k)
{
    const char *names = k->unless ? k->unless : "";
    const struct schema_key *other;

    while ((other = next_named(r, &names))) {
        if (other < k && other->required && other->required <= r->state[other->owner])
            return true;
    }
    return false;
}

/* Largest number of a subdirectory that exists, or -1. */
static int last_sub(const struct run *r)
{
    int last = -1;

    for (size_t i = 0; i < r->n; i++) {
        unsigned at;
        bool in_sub;

        local_name(r->d, r->nodes[i].name, &in_sub, &at);
        if (in_sub && (int)at > last)
            last = (int)at;
    }
    return last;
}

static void say_missing(struct run *r, const struct schema_key *k, int sub)
{
    static const char *const states[] = {"", "Initialising", "InitWait", "Initialised",
                                         "Connected"};
    char where[64] = "", text[SCHEMA_WHY_MAX];
    const char *mark = strstr(k->name, "%u");
    int head = (int)(mark ? mark - k->name : (ptrdiff_t)strlen(k->name));

    if (sub >= 0)
        snprintf(where, sizeof(where), "%.*s%d/", (int)(strlen(r->d->sub) - 2), r->d->sub, sub);
    snprintf(text, sizeof(text), "%s%.*s%s%s: missing, must be there by %s%s%.80s%s", where, head,
             k->name, mark ? "0" : "", mark ? mark + 2 : "", states[k->required],
             k->demanded ? " (demanded by: " : "", k->demanded ? k->demanded : "",
             k->demanded ? ")" : "");
    tell(r, SCHEMA_MISSING, k, text);
}

static void check_missing(struct run *r, const struct schema_key *k, int sub)
{
    if (k->required == 0 || k->required > r->state[k->owner])
        return;
    if (k->only_if && !any_present(r, k->only_if, sub))
        return;
    if (k->unless && (any_present(r, k->unless, sub) || reported_by_other(r, k)))
        return;
    if (!present(r, k->name, sub))
        say_missing(r, k, sub);
}

/* Is there a node below this one?  Then it is a directory, not a key. */
static bool has_children(const struct run *r, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < r->n; i++) {
        if (strncmp(r->nodes[i].name, name, len) == 0 && r->nodes[i].name[len] == '/')
            return true;
    }
    return false;
}

/* "n$BACK r$FRONT" -> "n1,r5".  False when it names a domain that is no end of this device. */
static bool expand_perms(const struct run *r, const char *perms, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = '\0';
    while (*perms && n < size) {
        size_t len = strcspn(perms, " ");
        unsigned id;

        if (len == 6 && memcmp(perms + 1, "$BACK", 5) == 0)
            id = r->ends.back_id;
        else if (len == 7 && memcmp(perms + 1, "$FRONT", 6) == 0)
            id = r->ends.front_id;
        else if (len == 6 && memcmp(perms + 1, "$DOM0", 5) == 0)
            id = 0;
        else
            return false;
        n += (size_t)snprintf(buf + n, size - n, "%s%c%u", n ? "," : "", perms[0], id);
        perms += len + strspn(perms + len, " ");
    }
    return n < size;
}

static void check_perms(struct run *r, const struct schema_node *node, const struct schema_key *k,
                        const char *shown)
{
    char want[64], got[48], text[SCHEMA_WHY_MAX];

    if (!node->perms || !expand_perms(r, k->perms, want, sizeof(want)))
        return;
    if (strcmp(want, node->perms) == 0)
        return;
    value_escape(got, sizeof(got), node->perms, strlen(node->perms));
    snprintf(text, sizeof(text), "%s: permissions are %s, must be %s", shown, got, want);
    tell(r, SCHEMA_BAD_PERMS, k, text);
}

static void check_node(struct run *r, const struct schema_node *node)
{
    char text[SCHEMA_WHY_MAX], shown[64];
    const struct schema_key *k;
    struct schema_value v;
    unsigned sub, index;
    bool in_sub;
    const char *name = local_name(r->d, node->name, &in_sub, &sub);

    value_escape(shown, sizeof(shown), node->name, strlen(node->name));
    k = schema_dir_find(r->d, name, &index);
    if (k && in_sub && !k->sub)
        k = NULL;
    if (k)
        check_perms(r, node, k, shown);
    if (k && schema_key_parse(k, node->value, node->len, &v)) {
        schema_key_why(k, shown, node->value, node->len, text, sizeof(text));
        tell(r, SCHEMA_BAD_VALUE, k, text);
    } else if (!k && !(node->len == 0 && has_children(r, node->name))) {
        snprintf(text, sizeof(text), "%s: not a key of %s", shown, r->d->name);
        tell(r, SCHEMA_UNKNOWN, NULL, text);
    }
}

/* How far an end has come.  One that closes, or is unknown, owes only what it began with. */
static unsigned progress(unsigned state)
{
    if (state == 0 || state == CLOSING || state == CLOSED)
        return 1;
    return MIN(state, 4U);
}

size_t schema_validate(const struct schema_dir *d, const struct schema_node *nodes, size_t n,
                       struct schema_ends ends,
                       void (*report)(void *arg, const struct schema_finding *f), void *arg)
{
    struct run r = {.d = d, .nodes = nodes, .n = n, .ends = ends, .report = report, .arg = arg};
    int last = last_sub(&r);

    r.state[SCHEMA_TOOLSTACK] = 4;
    r.state[SCHEMA_BACK] = progress(ends.back_state);
    r.state[SCHEMA_FRONT] = progress(ends.front_state);
    for (size_t i = 0; i < n; i++)
        check_node(&r, &nodes[i]);
    for (size_t i = 0; i < d->nkeys; i++) {
        const struct schema_key *k = &d->keys[i];

        if (!k->sub || last < 0)
            check_missing(&r, k, -1);
        else
            /* With queues, each up to the last one needs its own; a gap is a missing queue. */
            for (int s = 0; s <= last; s++)
                check_missing(&r, k, s);
    }
    return r.found;
}
