/* See xlcfg.h. */
#include "dom0-tools/xlcfg.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct scan {
    struct xlcfg *c;
    const char *p, *end;
    unsigned line;
    struct xlcfg_error *err;
};

static int fail(struct scan *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct scan *s, const char *fmt, ...)
{
    va_list ap;

    s->err->line = s->line;
    va_start(ap, fmt);
    vsnprintf(s->err->text, sizeof(s->err->text), fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static bool at_end(const struct scan *s)
{
    return s->p == s->end;
}

/* Blanks and comments; newlines as well where they mean nothing. */
static void skip(struct scan *s, bool newlines)
{
    while (!at_end(s)) {
        if (*s->p == '#') {
            while (!at_end(s) && *s->p != '\n')
                s->p++;
        } else if (*s->p == '\n') {
            if (!newlines)
                return;
            s->line++;
            s->p++;
        } else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r') {
            s->p++;
        } else if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] == '\n') {
            s->line++;
            s->p += 2;
        } else {
            return;
        }
    }
}

/* A terminated copy in the pool, or NULL. */
static const char *keep(struct scan *s, const char *text, size_t len)
{
    char *at = s->c->pool + s->c->used;

    if (len >= sizeof(s->c->pool) - s->c->used) {
        (void)fail(s, "the file is too large");
        return NULL;
    }
    memcpy(at, text, len);
    at[len] = '\0';
    s->c->used += len + 1;
    return at;
}

static int add_value(struct scan *s, struct xlcfg_key *k, const char *text, size_t len)
{
    const char *v;

    if (k->count == XLCFG_VALUES)
        return fail(s, "%s: more than %d values", k->name, XLCFG_VALUES);
    v = keep(s, text, len);
    if (!v)
        return -EINVAL;
    k->lines[k->count] = s->line;
    k->values[k->count++] = v;
    return 0;
}

/* 'text', "text" or a number. */
static int take_atom(struct scan *s, struct xlcfg_key *k)
{
    const char *start = s->p;
    char quote = at_end(s) ? '\0' : *s->p;

    if (quote == '"' || quote == '\'') {
        for (s->p++; !at_end(s) && *s->p != quote && *s->p != '\n'; s->p++)
            ;
        if (at_end(s) || *s->p != quote)
            return fail(s, "%s: a quote is not closed", k->name);
        s->p++;
        return add_value(s, k, start + 1, (size_t)(s->p - start) - 2);
    }
    while (!at_end(s) && (isalnum((unsigned char)*s->p) || *s->p == '-' || *s->p == '+'))
        s->p++;
    if (s->p == start)
        return fail(s, "%s: a text in quotes, a number or a list must stand here", k->name);
    return add_value(s, k, start, (size_t)(s->p - start));
}

static int take_list(struct scan *s, struct xlcfg_key *k)
{
    k->is_list = true;
    s->p++;
    for (;;) {
        int rc;

        skip(s, true);
        if (!at_end(s) && *s->p == ']') {
            s->p++;
            return 0;
        }
        rc = take_atom(s, k);
        if (rc)
            return rc;
        skip(s, true);
        if (!at_end(s) && *s->p == ',')
            s->p++;
        else if (at_end(s) || *s->p != ']')
            return fail(s, "%s: , or ] must stand here", k->name);
    }
}

static struct xlcfg_key *new_key(struct scan *s, const char *name, size_t len, bool append)
{
    struct xlcfg *c = s->c;
    struct xlcfg_key *k = NULL;

    for (unsigned i = 0; i < c->count && !k; i++) {
        if (strlen(c->keys[i].name) == len && memcmp(c->keys[i].name, name, len) == 0)
            k = &c->keys[i];
    }
    if (k && !append)
        k->count = 0;
    if (k)
        return k;
    if (c->count == XLCFG_KEYS) {
        (void)fail(s, "more than %d names", XLCFG_KEYS);
        return NULL;
    }
    k = &c->keys[c->count];
    *k = (struct xlcfg_key){.name = keep(s, name, len), .line = s->line};
    if (!k->name)
        return NULL;
    c->count++;
    return k;
}

static int take_setting(struct scan *s)
{
    const char *name = s->p;
    struct xlcfg_key *k;
    size_t len;
    bool append;
    int rc;

    while (!at_end(s) && (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '-'))
        s->p++;
    len = (size_t)(s->p - name);
    if (len == 0)
        return fail(s, "a name must stand here");
    skip(s, false);
    append = s->end - s->p > 1 && s->p[0] == '+' && s->p[1] == '=';
    if (append)
        s->p++;
    if (at_end(s) || *s->p != '=')
        return fail(s, "%.*s: = must follow", (int)MIN(len, (size_t)40), name);
    s->p++;
    k = new_key(s, name, len, append);
    if (!k)
        return -EINVAL;
    skip(s, false);
    rc = !at_end(s) && *s->p == '[' ? take_list(s, k) : take_atom(s, k);
    if (rc)
        return rc;
    skip(s, false);
    if (!at_end(s) && *s->p != '\n' && *s->p != ';')
        return fail(s, "%s: the line goes on after its value", k->name);
    if (!at_end(s) && *s->p == ';')
        s->p++;
    return 0;
}

int xlcfg_parse(struct xlcfg *c, const char *text, size_t len, struct xlcfg_error *err)
{
    struct scan s = {.c = c, .p = text, .end = text + len, .line = 1, .err = err};

    c->count = 0;
    c->used = 0;
    if (memchr(text, 0, len))
        return fail(&s, "this is no text file");
    for (;;) {
        int rc;

        skip(&s, true);
        if (at_end(&s))
            return 0;
        rc = take_setting(&s);
        if (rc)
            return rc;
    }
}

const struct xlcfg_key *xlcfg_find(const struct xlcfg *c, const char *name)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (strcmp(c->keys[i].name, name) == 0)
            return &c->keys[i];
    }
    return NULL;
}

const char *xlcfg_text(const struct xlcfg *c, const char *name)
{
    const struct xlcfg_key *k = xlcfg_find(c, name);

    return k && !k->is_list && k->count ? k->values[0] : NULL;
}

/* ---- device lines ---- */

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    return text;
}

int spec_parse(struct spec *s, const char *line, const char *const *positions)
{
    char *p = s->text;
    unsigned position = 0;

    s->count = 0;
    if (strlen(line) >= sizeof(s->text))
        return -E2BIG;
    snprintf(s->text, sizeof(s->text), "%s", line);
    while (p && *p) {
        char *item = p, *comma = strchr(p, ','), *eq;

        if (s->count == SPEC_ITEMS)
            return -E2BIG;
        if (strncmp(item + strspn(item, " \t"), "target=", 7) == 0)
            comma = NULL; /* the rest, commas and all */
        if (comma)
            *comma = '\0';
        p = comma ? comma + 1 : NULL;
        item = trim(item);
        eq = strchr(item, '=');
        if (eq) {
            *eq = '\0';
            s->items[s->count].name = trim(item);
            s->items[s->count++].value = trim(eq + 1);
        } else if (positions && positions[position]) {
            s->items[s->count].name = positions[position++];
            s->items[s->count++].value = item;
        } else if (*item) {
            s->items[s->count].name = item;
            s->items[s->count++].value = "";
        }
    }
    return 0;
}

const char *spec_get(const struct spec *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].name, name) == 0)
            return s->items[i].value;
    }
    return NULL;
}
