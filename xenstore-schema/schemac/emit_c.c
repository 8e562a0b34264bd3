/* The generated source: the tables, and accessors that are one call each.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <inttypes.h>
#include <string.h>

#include "xenstore-schema/schemac/emit.h"

static const char *const type_names[] = {
    [SCHEMA_UINT] = "SCHEMA_UINT",     [SCHEMA_BOOL] = "SCHEMA_BOOL", [SCHEMA_ENUM] = "SCHEMA_ENUM",
    [SCHEMA_STRING] = "SCHEMA_STRING", [SCHEMA_TEXT] = "SCHEMA_TEXT", [SCHEMA_PATH] = "SCHEMA_PATH",
    [SCHEMA_MAC] = "SCHEMA_MAC",       [SCHEMA_RATE] = "SCHEMA_RATE",
};

static const char *const owner_names[] = {
    [SCHEMA_TOOLSTACK] = "SCHEMA_TOOLSTACK",
    [SCHEMA_BACK] = "SCHEMA_BACK",
    [SCHEMA_FRONT] = "SCHEMA_FRONT",
};

/* A C string literal, or NULL. The lexer let only printable ASCII in. */
static void emit_string(const char *field, const char *str, FILE *out)
{
    if (!str)
        return;
    fprintf(out, "        .%s = \"", field);
    for (; *str; str++) {
        if (*str == '"' || *str == '\\')
            fputc('\\', out);
        fputc(*str, out);
    }
    fprintf(out, "\",\n");
}

static void emit_words(const struct key *k, FILE *out)
{
    fprintf(out, "\nstatic const char *const words_%s[] = {", full_name(k));
    for (size_t i = 0; i < k->k.nwords; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", k->k.words[i]);
    fprintf(out, "};\n");
}

static void emit_entry(const struct key *k, FILE *out)
{
    fprintf(out, "    {\n");
    emit_string("name", k->k.name, out);
    emit_string("sub", k->k.sub, out);
    fprintf(out, "        .type = %s,\n        .owner = %s,\n", type_names[k->k.type],
            owner_names[k->k.owner]);
    if (k->k.min || k->k.max)
        fprintf(out,
                "        .min = UINT64_C(%" PRIu64 "),\n        .max = UINT64_C(%" PRIu64 "),\n",
                k->k.min, k->k.max);
    if (k->k.pow2)
        fprintf(out, "        .pow2 = true,\n");
    if (k->has_index)
        fprintf(out, "        .index_max = %u,\n", k->k.index_max);
    if (k->k.type == SCHEMA_ENUM)
        fprintf(out, "        .words = words_%s,\n        .nwords = %zu,\n", full_name(k),
                k->k.nwords);
    emit_string("fallback", k->k.fallback, out);
    if (k->k.required)
        fprintf(out, "        .required = %u, /* %s */\n", k->k.required,
                state_name(k->k.required));
    emit_string("only_if", k->k.only_if, out);
    emit_string("unless", k->k.unless, out);
    emit_string("perms", k->k.perms, out);
    emit_string("since", k->k.since, out);
    emit_string("demanded", k->k.demanded, out);
    emit_string("summary", k->k.summary, out);
    fprintf(out, "    },\n");
}

/* The words of an inherited enum are static in another file: say them again here, once a file. */
static void emit_all_words(const struct schema *s, FILE *out)
{
    struct key **done = NULL;
    size_t ndone = 0;

    for (size_t i = 0; i < s->ndirs; i++) {
        for (size_t j = 0; j < s->dirs[i]->nkeys; j++) {
            struct key *k = s->dirs[i]->keys[j];
            bool seen = s->dirs[i]->external || k->k.type != SCHEMA_ENUM;

            for (size_t n = 0; n < ndone && !seen; n++)
                seen = strcmp(full_name(done[n]), full_name(k)) == 0;
            if (!seen) {
                emit_words(k, out);
                PUSH(done, ndone, k);
            }
        }
    }
}

static void emit_dir_table(const struct dir *d, FILE *out)
{
    if (d->nkeys > 0) {
        fprintf(out, "\nconst struct schema_key schema_keys_%s[%zu] = {\n", d->name, d->nkeys);
        for (size_t i = 0; i < d->nkeys; i++)
            emit_entry(d->keys[i], out);
        fprintf(out, "};\n");
    }
    fprintf(out, "\nconst struct schema_dir schema_dir_%s = {\n", d->name);
    emit_string("name", d->name, out);
    emit_string("path", d->path, out);
    if (d->nkeys > 0)
        fprintf(out, "        .keys = schema_keys_%s,\n        .nkeys = %zu,\n", d->name, d->nkeys);
    emit_string("sub", d->sub, out);
    if (d->sub)
        fprintf(out, "        .sub_max = %u,\n", d->sub_max);
    fprintf(out, "};\n");
}

void emit_table(const struct schema *s, FILE *out)
{
    emit_all_words(s, out);
    for (size_t i = 0; i < s->ndirs; i++) {
        if (!s->dirs[i]->external)
            emit_dir_table(s->dirs[i], out);
    }
}

/* --- functions --- */

static void emit_build(const struct dir *d, const struct form *f, FILE *out)
{
    fprintf(out, "\nint %s_dir%s(char *buf, size_t size%s)\n{\n", d->name, f->suffix,
            param_list(f, false));
    if (f->nparams == 0) {
        fprintf(out, "    int n = snprintf(buf, size, \"%%s\", \"%s\");\n\n", f->fmt);
    } else {
        fprintf(out, "    int n = snprintf(buf, size, \"%s\"", f->fmt);
        for (size_t i = 0; i < f->nparams; i++)
            fprintf(out, ", %s", f->params[i].name);
        fprintf(out, ");\n\n");
    }
    fprintf(out, "    assert(n >= 0 && (size_t)n < size);\n    return n;\n}\n");
}

static void emit_match(const struct dir *d, const struct form *f, FILE *out)
{
    fprintf(out, "\nint %s_dir%s_match(const char *path%s, const char **rest)\n{\n", d->name,
            f->suffix, param_list(f, true));
    if (f->nparams == 0) {
        fprintf(out, "    return schema_path_match(\"%s\", path, NULL, 0, rest);\n}\n", f->pattern);
        return;
    }
    fprintf(out, "    struct schema_param p[%zu] = {", f->nparams);
    for (size_t i = 0; i < f->nparams; i++)
        fprintf(out, "%s{.is_word = %s}", i ? ", " : "", f->params[i].word ? "true" : "false");
    fprintf(out, "};\n\n    if (schema_path_match(\"%s\", path, p, %zu, rest))\n", f->pattern,
            f->nparams);
    fprintf(out, "        return -EINVAL;\n");
    for (size_t i = 0; i < f->nparams; i++) {
        if (f->params[i].word)
            fprintf(out, "    memcpy(%s, p[%zu].word, SCHEMA_WORD_MAX);\n", f->params[i].name, i);
        else
            fprintf(out, "    *%s = p[%zu].num;\n", f->params[i].name, i);
    }
    fprintf(out, "    return 0;\n}\n");
}

static const char *get_call(const struct key *k)
{
    switch (k->k.type) {
    case SCHEMA_UINT:
        return k->k.max > UINT32_MAX ? "u64" : "u32";
    case SCHEMA_BOOL:
        return "bool";
    case SCHEMA_ENUM:
        return "word";
    case SCHEMA_STRING:
    case SCHEMA_TEXT:
    case SCHEMA_PATH:
        return "string";
    case SCHEMA_MAC:
        return "mac";
    case SCHEMA_RATE:
        return "rate";
    }
    return "";
}

static const char *set_call(const struct key *k)
{
    return k->k.type == SCHEMA_UINT || k->k.type == SCHEMA_BOOL ? "uint" : get_call(k);
}

static void emit_accessors(const struct key *k, size_t i, FILE *out)
{
    const char *d = k->home->name, *index = k->has_index ? "index" : "0";
    const char *common = "struct store *s, store_txn t, const char *dir";
    char *args = format("s, t, dir, &schema_keys_%s[%zu], %s", d, i, index);

    fprintf(out, "\nint %s_get_%s(%s%s, %s)\n{\n", d, k->cname, common, index_param(k),
            value_param(k, true));
    if (k->k.type == SCHEMA_ENUM)
        fprintf(out,
                "    unsigned word;\n    int rc = schema_get_word(%s, &word);\n\n"
                "    if (rc == 0)\n        *v = (enum %s)word;\n    return rc;\n}\n",
                args, full_name(k));
    else
        fprintf(out, "    return schema_get_%s(%s, %s);\n}\n", get_call(k), args,
                is_string(k) ? "buf, size" : "v");
    fprintf(out, "\nint %s_set_%s(%s%s, %s)\n{\n    return schema_set_%s(%s, v);\n}\n", d, k->cname,
            common, index_param(k), value_param(k, false), set_call(k), args);
    fprintf(out, "\nint %s_rm_%s(%s%s)\n{\n    return schema_rm(%s);\n}\n", d, k->cname, common,
            index_param(k), args);
    if (k->k.type == SCHEMA_ENUM)
        fprintf(out,
                "\nconst char *%s_str(enum %s v)\n{\n    assert((unsigned)v < %zu);\n"
                "    return words_%s[v];\n}\n",
                full_name(k), full_name(k), k->k.nwords, full_name(k));
}

static void emit_functions(const struct dir *d, FILE *out)
{
    struct form forms[2];
    size_t n = path_forms(d, forms);

    for (size_t i = 0; i < n; i++) {
        emit_build(d, &forms[i], out);
        emit_match(d, &forms[i], out);
    }
    if (d->sub)
        fprintf(out,
                "\nint %s_%s_dir(char *buf, size_t size, const char *dir, unsigned index)\n{\n"
                "    assert(index <= %u);\n"
                "    return schema_join_index(buf, size, dir, \"%s\", index);\n}\n",
                d->name, sub_name(d), d->sub_max, d->sub);
    for (size_t i = 0; i < d->nown; i++)
        emit_accessors(d->keys[i], i, out);
}

void emit_c(const struct schema *s, FILE *out)
{
    fprintf(out, "/* Generated by schemac from %s.xs: change that, not this. */\n", s->name);
    fprintf(out, "#include \"schema/%s.h\"\n\n", s->name);
    fprintf(out, "#include <assert.h>\n#include <errno.h>\n#include <stdio.h>\n"
                 "#include <string.h>\n");
    emit_table(s, out);
    for (size_t i = 0; i < s->ndirs; i++) {
        if (!s->dirs[i]->external)
            emit_functions(s->dirs[i], out);
    }
}

/* One key a line, for scripts: dir, name, subdirectory or "-". */
void emit_keys(const struct schema *s, FILE *out)
{
    for (size_t i = 0; i < s->ndirs; i++) {
        const struct dir *d = s->dirs[i];

        for (size_t j = 0; j < d->nown && !d->external; j++)
            fprintf(out, "%s %s %s\n", d->name, d->keys[j]->k.name,
                    d->keys[j]->k.sub ? d->keys[j]->k.sub : "-");
    }
}
