/* The generated header: what users of a schema may call.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <stdint.h>
#include <string.h>

#include "xenstore-schema/schemac/emit.h"

const char *param_list(const struct form *f, bool out)
{
    char *list = format("%s", "");

    for (size_t i = 0; i < f->nparams; i++) {
        const struct param *p = &f->params[i];
        const char *type =
            p->word ? (out ? "char " : "const char *") : (out ? "unsigned *" : "unsigned ");

        list = format("%s, %s%s%s", list, type, p->name, p->word && out ? "[SCHEMA_WORD_MAX]" : "");
    }
    return list;
}

const char *index_param(const struct key *k)
{
    return k->has_index ? ", unsigned index" : "";
}

const char *full_name(const struct key *k)
{
    return format("%s_%s", k->home->name, k->cname);
}

/* The C parameters that carry a value out of get, or into set. */
const char *value_param(const struct key *k, bool out)
{
    switch (k->k.type) {
    case SCHEMA_UINT:
        return format("uint%d_t %sv", k->k.max > UINT32_MAX ? 64 : 32, out ? "*" : "");
    case SCHEMA_BOOL:
        return out ? "bool *v" : "bool v";
    case SCHEMA_ENUM:
        return format("enum %s %sv", full_name(k), out ? "*" : "");
    case SCHEMA_STRING:
    case SCHEMA_TEXT:
    case SCHEMA_PATH:
        return out ? "char *buf, size_t size" : "const char *v";
    case SCHEMA_MAC:
        return out ? "uint8_t v[VALUE_MAC_LEN]" : "const uint8_t v[VALUE_MAC_LEN]";
    case SCHEMA_RATE:
        return out ? "struct value_rate *v" : "struct value_rate v";
    }
    return "";
}

bool is_string(const struct key *k)
{
    return k->k.type == SCHEMA_STRING || k->k.type == SCHEMA_TEXT || k->k.type == SCHEMA_PATH;
}

/* "queue-%u" -> "queue" */
const char *sub_name(const struct dir *d)
{
    return copy(d->sub, strlen(d->sub) - strlen("-%u"));
}

static void emit_forms(const struct dir *d, FILE *out)
{
    struct form forms[2];
    size_t n = path_forms(d, forms);

    for (size_t i = 0; i < n; i++) {
        const struct form *f = &forms[i];

        fprintf(out, "\n/* \"%s\", %s. */\n", f->pattern, f->doc);
        if (f->nparams == 0)
            fprintf(out, "#define %s_DIR%s \"%s\"\n", upper(d->name), upper(f->suffix), f->pattern);
        fprintf(out, "int %s_dir%s(char *buf, size_t size%s);\n", d->name, f->suffix,
                param_list(f, false));
        fprintf(out, "int %s_dir%s_match(const char *path%s, const char **rest) must_check;\n",
                d->name, f->suffix, param_list(f, true));
    }
}

static void emit_enum(const struct key *k, FILE *out)
{
    const char *name = full_name(k);

    fprintf(out, "enum %s {\n", name);
    for (size_t i = 0; i < k->k.nwords; i++)
        fprintf(out, "    %s_%s, /* \"%s\" */\n", upper(name), upper(k->word_names[i]),
                k->k.words[i]);
    fprintf(out, "};\n");
    fprintf(out, "const char *%s_str(enum %s v);\n", name, name);
}

static void emit_presence(const struct key *k, FILE *out)
{
    switch (k->presence) {
    case PRESENCE_REQUIRED:
        fprintf(out, "required by %s", state_name(k->k.required));
        if (k->k.only_if)
            fprintf(out, " if %s", k->k.only_if);
        if (k->k.unless)
            fprintf(out, " unless %s", k->k.unless);
        break;
    case PRESENCE_DEFAULT:
        fprintf(out, "default \"%s\"", k->k.fallback);
        break;
    case PRESENCE_OPTIONAL:
    case PRESENCE_UNSAID:
        fprintf(out, "optional");
        break;
    }
}

static void emit_key(const struct key *k, FILE *out)
{
    const char *d = k->home->name;
    const char *common = "struct store *s, store_txn t, const char *dir";

    fprintf(out, "\n/* %s\n * Written by: %s; ", k->k.summary, owner_name(k->k.owner));
    emit_presence(k, out);
    fprintf(out, ". */\n#define %s_KEY_%s \"%s\"\n", upper(d), upper(k->cname), k->k.name);
    if (k->has_index)
        fprintf(out, "#define %s_LAST_%s %u\n", upper(d), upper(k->cname), k->k.index_max);
    if (k->k.type == SCHEMA_UINT && k->k.max < UINT64_MAX)
        fprintf(out, "#define %s_MAX_%s UINT%d_C(%llu)\n", upper(d), upper(k->cname),
                k->k.max > UINT32_MAX ? 64 : 32, (unsigned long long)k->k.max);
    if (is_string(k))
        fprintf(out, "enum { %s_SIZE_%s = %llu + 1 }; /* a buffer for it */\n", upper(d),
                upper(k->cname), (unsigned long long)k->k.max);
    if (k->k.type == SCHEMA_ENUM)
        emit_enum(k, out);
    fprintf(out, "int %s_get_%s(%s%s, %s) must_check;\n", d, k->cname, common, index_param(k),
            value_param(k, true));
    fprintf(out, "int %s_set_%s(%s%s, %s) must_check;\n", d, k->cname, common, index_param(k),
            value_param(k, false));
    fprintf(out, "int %s_rm_%s(%s%s) must_check;\n", d, k->cname, common, index_param(k));
}

static void alias(FILE *out, const char *to, const char *from)
{
    fprintf(out, "#define %s %s\n", to, from);
}

/* An inherited key is the same function under this dir's name, too. */
static void emit_alias(const struct dir *d, const struct key *k, FILE *out)
{
    static const char *const verbs[] = {"get", "set", "rm"};
    const char *du = upper(d->name), *hu = upper(k->home->name), *ku = upper(k->cname);

    alias(out, format("%s_KEY_%s", du, ku), format("%s_KEY_%s", hu, ku));
    if (k->has_index)
        alias(out, format("%s_LAST_%s", du, ku), format("%s_LAST_%s", hu, ku));
    if (k->k.type == SCHEMA_UINT && k->k.max < UINT64_MAX)
        alias(out, format("%s_MAX_%s", du, ku), format("%s_MAX_%s", hu, ku));
    if (is_string(k))
        alias(out, format("%s_SIZE_%s", du, ku), format("%s_SIZE_%s", hu, ku));
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        alias(out, format("%s_%s_%s", d->name, verbs[i], k->cname),
              format("%s_%s_%s", k->home->name, verbs[i], k->cname));
    if (k->k.type != SCHEMA_ENUM)
        return;
    alias(out, format("%s_%s", d->name, k->cname), full_name(k));
    alias(out, format("%s_%s_str", d->name, k->cname), format("%s_str", full_name(k)));
    for (size_t i = 0; i < k->k.nwords; i++)
        alias(out, format("%s_%s_%s", du, ku, upper(k->word_names[i])),
              format("%s_%s_%s", hu, ku, upper(k->word_names[i])));
}

static void emit_dir(const struct dir *d, FILE *out)
{
    fprintf(out, "\n/* ===== %s: %s\n * %s */\n", d->name, d->path, d->summary);
    fprintf(out, "extern const struct schema_dir schema_dir_%s;\n", d->name);
    if (d->nkeys > 0)
        fprintf(out, "extern const struct schema_key schema_keys_%s[%zu];\n", d->name, d->nkeys);
    emit_forms(d, out);
    if (d->sub) {
        const char *sub = sub_name(d);

        fprintf(out, "\n/* The subdirectory dir/%s; keys that say so may stand there. */\n",
                d->sub);
        fprintf(out, "#define %s_SUB \"%s\"\n", upper(d->name), d->sub);
        fprintf(out, "#define %s_LAST_%s %u\n", upper(d->name), upper(sub), d->sub_max);
        fprintf(out, "int %s_%s_dir(char *buf, size_t size, const char *dir, unsigned index);\n",
                d->name, sub);
    }
    for (size_t i = 0; i < d->nkeys; i++) {
        if (i == d->nown)
            fprintf(out, "\n/* Inherited. */\n");
        if (i < d->nown)
            emit_key(d->keys[i], out);
        else
            emit_alias(d, d->keys[i], out);
    }
}

/* "driver-domain" -> "DRIVER_DOMAIN" */
static char *guard(const char *name)
{
    char *p = upper(name);

    for (char *c = p; *c; c++) {
        if (*c == '-')
            *c = '_';
    }
    return p;
}

void emit_h(const struct schema *s, FILE *out)
{
    fprintf(out,
            "/*\n * Generated by schemac from %s.xs: change that, not this.\n"
            " * %s\n *\n"
            " * dir is what a NAME_dir() function gave.  Errors, and what is asserted: access.h.\n"
            " * NAME_dir() returns the length; NAME_dir_match() 0 or -EINVAL, and the rest of the "
            "path.\n"
            " */\n"
            "#ifndef DRVDOM_SCHEMA_%s_H\n#define DRVDOM_SCHEMA_%s_H\n\n",
            s->name, s->summary, guard(s->name), guard(s->name));
    for (size_t i = 0; i < s->nincludes; i++)
        fprintf(out, "#include \"schema/%s.h\"\n", s->includes[i]);
    fprintf(out, "#include \"xenstore-schema/access.h\"\n");
    for (size_t i = 0; i < s->ndirs; i++) {
        if (!s->dirs[i]->external)
            emit_dir(s->dirs[i], out);
    }
    fprintf(out, "\n#endif\n");
}
