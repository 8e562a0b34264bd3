/* See table.h. */
#include "dom0-tools/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/base/log.h"

/* Longer cells (a driver domain's error text) are cut: the whole text is in --json and `show`. */
enum { CELL_MAX = 256 };

static void add(struct table *t, const char *text)
{
    size_t len = strlen(text);

    if (len > t->width[t->filled])
        t->width[t->filled] = len;
    bytes_add(&t->cells, text, len + 1);
    t->filled = (t->filled + 1) % t->columns;
}

void table_init(struct table *t, const char *heads)
{
    const char *p = heads;

    memset(t, 0, sizeof(*t));
    for (const char *q = heads; *q; q++)
        t->columns += *q == ' ';
    t->columns++;
    assert(t->columns <= TABLE_COLUMNS);
    for (unsigned i = 0; i < t->columns; i++) {
        size_t len = strcspn(p, " ");
        char head[32];

        if (*p == '>') {
            t->right |= 1u << i;
            p++;
            len--;
        }
        snprintf(head, sizeof(head), "%.*s", (int)len, p);
        add(t, head);
        p += len + (p[len] == ' ');
    }
}

void table_fini(struct table *t)
{
    bytes_fini(&t->cells);
}

void table_cell(struct table *t, const char *fmt, ...)
{
    char raw[1200], text[CELL_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    log_escape(text, sizeof(text), raw, (unsigned)strlen(raw));
    add(t, text[0] ? text : "-");
}

void table_print(const struct table *t, struct bytes *out)
{
    const char *p = (const char *)t->cells.data;
    unsigned col = 0;

    assert(t->filled == 0);
    if (t->cells.failed) {
        out->failed = true;
        return;
    }
    for (const char *end = p + t->cells.len; p < end; p += strlen(p) + 1) {
        bool last = col + 1 == t->columns;

        if (t->right & (1u << col))
            bytes_printf(out, "%*s", (int)t->width[col], p);
        else if (last) /* no blanks at the end of a line */
            bytes_printf(out, "%s", p);
        else
            bytes_printf(out, "%-*s", (int)t->width[col], p);
        bytes_printf(out, "%s", last ? "\n" : "  ");
        col = last ? 0 : col + 1;
    }
}
