/* A file into lines.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LEN_MAX = 400 };

static void check_bytes(struct at at, const char *str, size_t len)
{
    if (len > LINE_LEN_MAX)
        fail(at, "line longer than %d bytes", LINE_LEN_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)str[i];

        /* The text ends up in C comments, roff and Markdown: plain ASCII is safe in all of them. */
        if ((c < 0x20 && c != '\t') || c > 0x7e)
            fail(at, "byte 0x%02x: only printable ASCII is allowed", c);
    }
}

/* Trimmed copy of str[0..len). */
static char *trimmed(const char *str, size_t len)
{
    size_t skip = strspn(str, " \t");

    skip = skip < len ? skip : len;
    str += skip;
    len -= skip;
    while (len > 0 && (str[len - 1] == ' ' || str[len - 1] == '\t'))
        len--;
    return copy(str, len);
}

static void lex_line(struct lines *out, struct at at, const char *str, size_t len)
{
    char *whole;
    size_t word;

    check_bytes(at, str, len);
    whole = trimmed(str, len);
    /* '#' opens a comment only at the start of a line: texts may speak of "#". */
    if (whole[0] == '\0' || whole[0] == '#')
        return;
    if (strstr(whole, "/*") || strstr(whole, "*/"))
        fail(at, "a C comment mark: the text stands in C comments");
    word = strcspn(whole, " \t");
    PUSH(out->v, out->n,
         ((struct line){.at = at,
                        .word = copy(whole, word),
                        .arg = trimmed(whole + word, strlen(whole + word))}));
}

struct lines lex_file(const char *file)
{
    struct at at = {.file = file};
    struct lines out = {0};
    FILE *in = fopen(file, "r");
    char *buf = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!in)
        fail(at, "%s", strerror(errno));
    while ((len = getline(&buf, &cap, in)) >= 0) {
        at.line++;
        if (len > 0 && buf[len - 1] == '\n')
            buf[--len] = '\0';
        lex_line(&out, at, buf, (size_t)len);
    }
    if (ferror(in))
        fail((struct at){.file = file}, "read error");
    fclose(in);
    free(buf);
    return out;
}
