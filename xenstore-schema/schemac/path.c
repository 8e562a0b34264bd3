/* The paths of a directory: how they are written, and in which C functions.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <ctype.h>
#include <string.h>

static bool is_word_param(const struct dir *d, const char *name)
{
    for (size_t i = 0; i < d->nword_params; i++) {
        if (strcmp(d->word_params[i], name) == 0)
            return true;
    }
    return false;
}

static void add_param(const struct dir *d, struct form *f, const char *name)
{
    struct param *p = &f->params[f->nparams++];

    if (name[0] == '\0')
        fail(d->at, "%s: '$' without a name in the path", d->name);
    p->word = is_word_param(d, name);
    p->name = copy(name, strlen(name));
    for (char *c = p->name; *c; c++) {
        if (!isupper((unsigned char)*c))
            fail(d->at, "%s: $%s: a parameter is upper case letters", d->name, name);
        *c = (char)tolower((unsigned char)*c);
    }
    for (size_t i = 0; i + 1 < f->nparams; i++) {
        if (strcmp(f->params[i].name, p->name) == 0)
            fail(d->at, "%s: $%s stands twice in the path", d->name, name);
    }
}

/* From the pattern to the printf format and its parameters. */
static void fill(const struct dir *d, struct form *f)
{
    const char *p = f->pattern;

    f->fmt = format("%s", "");
    while (*p) {
        size_t len = strcspn(p, "/");
        char *part = copy(p, len);

        if (part[0] == '$') {
            if (f->nparams == PATH_PARAMS_MAX)
                fail(d->at, "%s: more than %d parameters", d->name, PATH_PARAMS_MAX);
            add_param(d, f, part + 1);
            part = f->params[f->nparams - 1].word ? "%s" : "%u";
        } else if (len > 0 && !value_is_path(part, len, 64)) {
            fail(d->at, "%s: \"%s\" cannot stand in a xenstore path", d->name, part);
        }
        f->fmt = format("%s%s%s", f->fmt, part, p[len] ? "/" : "");
        p += len + (p[len] ? 1 : 0);
    }
}

static const char home[] = "/local/domain/$";

size_t path_forms(const struct dir *d, struct form out[2])
{
    const char *own = "relative to the home of the domain that asks";
    const char *abs = "from the root";
    size_t n = 1;

    memset(out, 0, 2 * sizeof(out[0]));
    if (strstr(d->path, "//") || d->path[strlen(d->path) - 1] == '/')
        fail(d->at, "%s: empty component in the path", d->name);
    if (d->path[0] == '~' && d->path[1] == '/') {
        /* Written relative: the owner's view comes first, dom0's gets "_of". */
        out[0] = (struct form){.suffix = "", .doc = own, .pattern = d->path + 2};
        out[1] = (struct form){
            .suffix = "_of", .doc = abs, .pattern = format("/local/domain/$DOMID/%s", d->path + 2)};
        n = 2;
    } else if (strncmp(d->path, home, strlen(home)) == 0) {
        char *rest = strchr(d->path + strlen(home), '/');

        out[0] = (struct form){.suffix = "", .doc = abs, .pattern = d->path};
        out[1] = (struct form){.suffix = "_own", .doc = own, .pattern = rest ? rest + 1 : ""};
        n = 2;
    } else if (d->path[0] == '/') {
        out[0] = (struct form){.suffix = "", .doc = abs, .pattern = d->path};
    } else {
        fail(d->at, "%s: a path begins with '/' or \"~/\"", d->name);
    }
    for (size_t i = 0; i < n; i++)
        fill(d, &out[i]);
    return n;
}
