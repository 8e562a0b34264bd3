/* See json.h. */
#include "dom0-tools/json.h"

#include <assert.h>
#include <inttypes.h>

void json_init(struct json *j, struct bytes *out)
{
    *j = (struct json){.out = out};
}

static void put_string(struct bytes *out, const char *text)
{
    bytes_add(out, "\"", 1);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            bytes_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p > 0x7e)
            bytes_printf(out, "\\u%04x", *p);
        else
            bytes_add(out, p, 1);
    }
    bytes_add(out, "\"", 1);
}

static void indent(struct json *j)
{
    bytes_add(j->out, "\n", 1);
    for (unsigned i = 0; i < j->depth; i++)
        bytes_add(j->out, "  ", 2);
}

/* Everything that stands before a value. */
static void begin(struct json *j, const char *key)
{
    if (j->depth == 0)
        return;
    if (j->some[j->depth - 1])
        bytes_add(j->out, ",", 1);
    j->some[j->depth - 1] = true;
    indent(j);
    if (!key)
        return;
    put_string(j->out, key);
    bytes_add(j->out, ": ", 2);
}

static void open_level(struct json *j, const char *key, char first, char last)
{
    begin(j, key);
    assert(j->depth < JSON_DEPTH);
    bytes_add(j->out, &first, 1);
    j->close[j->depth] = last;
    j->some[j->depth] = false;
    j->depth++;
}

void json_object(struct json *j, const char *key)
{
    open_level(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
    open_level(j, key, '[', ']');
}

void json_close(struct json *j)
{
    assert(j->depth > 0);
    j->depth--;
    if (j->some[j->depth])
        indent(j);
    bytes_add(j->out, &j->close[j->depth], 1);
    if (j->depth == 0)
        bytes_add(j->out, "\n", 1);
}

void json_text(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    if (text)
        put_string(j->out, text);
    else
        bytes_printf(j->out, "null");
}

void json_uint(struct json *j, const char *key, uint64_t v)
{
    begin(j, key);
    bytes_printf(j->out, "%" PRIu64, v);
}

void json_bool(struct json *j, const char *key, bool v)
{
    begin(j, key);
    bytes_printf(j->out, "%s", v ? "true" : "false");
}

void json_fixed(struct json *j, const char *key, uint64_t v, unsigned digits)
{
    uint64_t unit = 1;

    assert(digits <= 9);
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    begin(j, key);
    if (digits == 0)
        bytes_printf(j->out, "%" PRIu64, v);
    else
        bytes_printf(j->out, "%" PRIu64 ".%0*" PRIu64, v / unit, (int)digits, v % unit);
}

void json_null(struct json *j, const char *key)
{
    begin(j, key);
    bytes_printf(j->out, "null");
}
