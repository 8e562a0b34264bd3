/*
 * A table for people: a head line and rows, columns as wide as their longest cell.  PURE.
 */
#ifndef DRVDOM_TOOLS_TABLE_H
#define DRVDOM_TOOLS_TABLE_H

#include "driver-domain/image/bytes.h"

enum { TABLE_COLUMNS = 16 };

struct table {
    unsigned columns;
    unsigned filled;             /* cells of the row that is being written */
    unsigned right;              /* bit mask of columns that are aligned to the right */
    size_t width[TABLE_COLUMNS]; /* bytes; cells are printable ASCII */
    struct bytes cells;          /* terminated strings, row by row */
};

/* heads: blank-separated; a leading '>' aligns the column to the right. */
void table_init(struct table *t, const char *heads);
void table_fini(struct table *t);

/* The next cell; unprintable bytes are escaped, an empty one shows as "-". */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends the lines; rows that are not complete are our bug and assert. */
void table_print(const struct table *t, struct bytes *out);

#endif
