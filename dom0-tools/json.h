/*
 * Writes JSON (RFC 8259) into a byte buffer: commas, escapes and indentation, nothing more.  PURE.
 * Lack of memory shows once, at bytes_check().
 */
#ifndef DRVDOM_TOOLS_JSON_H
#define DRVDOM_TOOLS_JSON_H

#include "driver-domain/image/bytes.h"

enum { JSON_DEPTH = 16 };

struct json {
    struct bytes *out; /* the caller's */
    unsigned depth;
    char close[JSON_DEPTH];
    bool some[JSON_DEPTH]; /* the level has a member already */
};

void json_init(struct json *j, struct bytes *out);

/* key is NULL inside an array and at the top.  Nesting deeper than JSON_DEPTH is our bug: asserts.
 */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Closes the innermost; after the outermost a newline is written. */
void json_close(struct json *j);

/* text may hold any bytes: what is not ASCII is taken as Latin-1, so that the output is always
 * valid.  NULL gives null. */
void json_text(struct json *j, const char *key, const char *text);
void json_uint(struct json *j, const char *key, uint64_t v);
void json_bool(struct json *j, const char *key, bool v);
/* Fixed point: v / 10^digits, digits <= 9. */
void json_fixed(struct json *j, const char *key, uint64_t v, unsigned digits);
void json_null(struct json *j, const char *key);

#endif
