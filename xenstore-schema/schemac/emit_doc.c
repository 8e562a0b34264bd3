/* The schema for people: Markdown and a man page.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <inttypes.h>
#include <string.h>

#include "xenstore-schema/schemac/emit.h"

/* The value in the notation of Xen's docs/misc/xenstore-paths. */
static const char *notation(const struct schema_key *k)
{
    char *list;

    switch (k->type) {
    case SCHEMA_UINT:
        return "INTEGER";
    case SCHEMA_BOOL:
        return "(\"0\"|\"1\")";
    case SCHEMA_ENUM:
        list = format("%s", "(");
        for (size_t i = 0; i < k->nwords; i++)
            list = format("%s%s\"%s\"", list, i ? "|" : "", k->words[i]);
        return format("%s)", list);
    case SCHEMA_STRING:
    case SCHEMA_TEXT:
        return "STRING";
    case SCHEMA_PATH:
        return "PATH";
    case SCHEMA_MAC:
        return "MAC";
    case SCHEMA_RATE:
        return "INTEGER,INTEGER";
    }
    return "";
}

static const char *range_text(const struct schema_key *k)
{
    switch (k->type) {
    case SCHEMA_UINT:
        return format("%" PRIu64 "..%" PRIu64 "%s", k->min, k->max,
                      k->pow2 ? ", a power of two" : "");
    case SCHEMA_STRING:
        return format("%" PRIu64 "..%" PRIu64 " printable ASCII bytes", k->min, k->max);
    case SCHEMA_TEXT:
        return format("at most %" PRIu64 " bytes, shown escaped", k->max);
    case SCHEMA_PATH:
        return format("at most %" PRIu64 " bytes", k->max);
    case SCHEMA_RATE:
        return "bytes each so many microseconds";
    case SCHEMA_BOOL:
    case SCHEMA_ENUM:
    case SCHEMA_MAC:
        return NULL;
    }
    return NULL;
}

static const char *presence_text(const struct key *k)
{
    const char *cond = "";

    if (k->presence == PRESENCE_DEFAULT)
        return format("optional, default \"%s\"", k->k.fallback);
    if (k->presence != PRESENCE_REQUIRED)
        return "optional";
    if (k->k.only_if)
        cond = format(", if there is %s", k->k.only_if);
    if (k->k.unless)
        cond = format("%s, unless there is %s", cond, k->k.unless);
    return format("required by %s%s", state_name(k->k.required), cond);
}

/* One fact of a key, the same list for both formats. */
struct fact {
    const char *label, *text;
};

static size_t facts(const struct key *k, struct fact out[10])
{
    size_t n = 0;

    out[n++] = (struct fact){"Written by", owner_name(k->k.owner)};
    out[n++] = (struct fact){"Presence", presence_text(k)};
    if (range_text(&k->k))
        out[n++] = (struct fact){"Range", range_text(&k->k)};
    if (k->has_index)
        out[n++] = (struct fact){"Index", format("0..%u", k->k.index_max)};
    if (k->k.sub)
        out[n++] = (struct fact){"Or in", k->k.sub};
    out[n++] = (struct fact){"Permissions", k->k.perms};
    if (k->k.demanded)
        out[n++] = (struct fact){"Demanded by", k->k.demanded};
    if (k->k.since)
        out[n++] = (struct fact){"Since", k->k.since};
    if (k->spec)
        out[n++] = (struct fact){"Specified in", k->spec};
    return n;
}

/* "queue-%u" -> "queue-$N" */
static const char *shown(const char *name)
{
    const char *mark = strstr(name, "%u");

    return mark ? format("%.*s$N%s", (int)(mark - name), name, mark + 2) : name;
}

static void inherited(const struct dir *d, FILE *out, const char *start, const char *end)
{
    for (size_t i = 0; i < d->nlikes; i++)
        fprintf(out, "%sAlso the keys of %s%s%s.%s", start, d->likes[i].name,
                d->likes[i].owner >= 0 ? ", those written by " : "",
                d->likes[i].owner >= 0 ? owner_name((enum schema_owner)d->likes[i].owner) : "",
                end);
}

/* --- Markdown --- */

static void md_key(const struct dir *d, const struct key *k, FILE *out)
{
    struct fact list[10];
    size_t n = facts(k, list);

    fprintf(out, "\n#### %s/%s = %s [%s]\n\n%s\n\n", d->path, shown(k->k.name), notation(&k->k),
            upper(owner_name(k->k.owner)), k->k.summary);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "- %s: %s\n", list[i].label, list[i].text);
    if (k->text)
        fprintf(out, "\n%s\n", k->text);
}

static void md_schema(const struct schema *s, FILE *out)
{
    fprintf(out, "\n## %s\n\n%s\n", s->name, s->summary);
    if (s->text)
        fprintf(out, "\n%s\n", s->text);
    for (size_t i = 0; i < s->ndirs; i++) {
        const struct dir *d = s->dirs[i];

        if (d->external)
            continue;
        fprintf(out, "\n### %s: %s\n\n%s\n", d->name, d->path, d->summary);
        if (d->text)
            fprintf(out, "\n%s\n", d->text);
        inherited(d, out, "\n", "\n");
        for (size_t j = 0; j < d->nown; j++)
            md_key(d, d->keys[j], out);
    }
}

void emit_md(struct schema *const *all, size_t n, FILE *out)
{
    fprintf(out, "# Xenstore keys of drvdom\n\n"
                 "Made by schemac from xenstore-schema/\\*.xs. Notation as in Xen's "
                 "docs/misc/xenstore-paths: `~` is a\ndomain's home /local/domain/$DOMID.\n");
    for (size_t i = 0; i < n; i++)
        md_schema(all[i], out);
}

/* --- man page --- */

/* roff: a '.' or ''' at the start of a line is a request, '\' an escape, '-' a hyphen. */
static void roff(const char *str, FILE *out)
{
    bool start = true;

    for (; *str; str++) {
        if (start && (*str == '.' || *str == '\''))
            fputs("\\&", out);
        start = *str == '\n';
        if (*str == '\\')
            fputs("\\e", out);
        else if (*str == '-')
            fputs("\\-", out);
        else
            fputc(*str, out);
    }
}

static void roff_text(const char *text, FILE *out)
{
    for (;;) {
        const char *end = strstr(text, "\n\n");

        roff(end ? copy(text, (size_t)(end - text)) : text, out);
        fputc('\n', out);
        if (!end)
            return;
        fputs(".PP\n", out);
        text = end + 2;
    }
}

static void man_key(const struct key *k, FILE *out)
{
    struct fact list[10];
    size_t n = facts(k, list);

    fprintf(out, ".TP\n\\fB");
    roff(shown(k->k.name), out);
    fprintf(out, "\\fR = ");
    roff(notation(&k->k), out);
    fprintf(out, "\n");
    roff_text(k->k.summary, out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, ".br\n\\fI%s\\fR: ", list[i].label);
        roff(list[i].text, out);
        fputc('\n', out);
    }
    if (k->text) {
        fprintf(out, ".IP\n");
        roff_text(k->text, out);
    }
}

static void man_dir(const struct dir *d, FILE *out)
{
    fprintf(out, ".SS ");
    roff(d->path, out);
    fputc('\n', out);
    roff_text(d->summary, out);
    if (d->text) {
        fputs(".PP\n", out);
        roff_text(d->text, out);
    }
    inherited(d, out, ".PP\n", "\n");
    for (size_t i = 0; i < d->nown; i++)
        man_key(d->keys[i], out);
}

void emit_man(struct schema *const *all, size_t n, FILE *out)
{
    fprintf(out, ".TH DRVDOM\\-SCHEMA 5 \"\" drvdom\n.SH NAME\n"
                 "drvdom\\-schema \\- the xenstore keys of drvdom\n.SH DESCRIPTION\n"
                 "Made by schemac from the schema sources. Notation as in Xen's\n"
                 "docs/misc/xenstore\\-paths: ~ is a domain's home /local/domain/$DOMID.\n");
    for (size_t i = 0; i < n; i++) {
        fprintf(out, ".SH %s\n", upper(all[i]->name));
        roff_text(all[i]->summary, out);
        if (all[i]->text) {
            fputs(".PP\n", out);
            roff_text(all[i]->text, out);
        }
        for (size_t j = 0; j < all[i]->ndirs; j++) {
            if (!all[i]->dirs[j]->external)
                man_dir(all[i]->dirs[j], out);
        }
    }
}
