/* Shared by the parser's files: parse.c (file and dir), parse_key.c (key).  See schemac.h. */
#ifndef DRVDOM_SCHEMAC_PARSE_H
#define DRVDOM_SCHEMAC_PARSE_H

#include "xenstore-schema/schemac/schemac.h"

struct parser {
    struct schema *s;
    struct dir *dir; /* open block, or NULL */
    struct key *key; /* open block, or NULL */
};

struct directive {
    const char *word;
    void (*fn)(struct parser *p, const struct line *l);
};

/* What is known in a key; ends with a NULL word. */
extern const struct directive key_directives[];

/* --- parts of a line; a wrong one fails at l->at --- */
void need_arg(const struct line *l);
void say_once(const struct line *l, bool said);
void set_once(const struct line *l, char **to);
/* A line of text is added to the paragraph; a bare "text" begins the next one. */
void add_text(const struct line *l, char **to);
uint64_t parse_number(struct at at, const char *str);
enum schema_owner parse_owner(const struct line *l, const char *name);
/* "n$BACK r$FRONT": the owner, then who else may; r, w, b(oth) or n(one), as xenstore writes it. */
void parse_perms(const struct line *l);
bool is_c_name(const char *str);

/* --- directives that open a block; known in a dir and in a key --- */
void open_dir(struct parser *p, const struct line *l);
void open_key(struct parser *p, const struct line *l);

#endif
