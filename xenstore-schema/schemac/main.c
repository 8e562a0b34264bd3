/* The command line of schemac.  See schemac.h. */
#include "xenstore-schema/schemac/schemac.h"

#include <stdlib.h>
#include <string.h>

static void usage(void)
{
    fprintf(stderr, "usage: schemac c --header FILE.xs     C declarations\n"
                    "       schemac c --source FILE.xs     C definitions\n"
                    "       schemac table FILE.xs          only the validator's table, as C\n"
                    "       schemac keys FILE.xs...        dir, key, subdirectory; for scripts\n"
                    "       schemac md FILE.xs...          reference in Markdown\n"
                    "       schemac man FILE.xs...         drvdom-schema(5)\n"
                    "       schemac check FILE.xs...       only the errors\n");
    exit(2);
}

static struct schema **load(char **files, size_t n)
{
    struct schema **all = take((n + 1) * sizeof(*all));

    for (size_t i = 0; i < n; i++) {
        all[i] = parse_file(files[i]);
        check_schema(all[i]);
    }
    return all;
}

static void one_file(const char *verb, const char *option, const struct schema *s)
{
    if (strcmp(verb, "table") == 0)
        emit_table(s, stdout);
    else if (strcmp(option, "--header") == 0)
        emit_h(s, stdout);
    else if (strcmp(option, "--source") == 0)
        emit_c(s, stdout);
    else
        usage();
}

static void many_files(const char *verb, struct schema *const *all, size_t n)
{
    if (strcmp(verb, "keys") == 0) {
        for (size_t i = 0; i < n; i++)
            emit_keys(all[i], stdout);
    } else if (strcmp(verb, "md") == 0) {
        emit_md(all, n, stdout);
    } else if (strcmp(verb, "man") == 0) {
        emit_man(all, n, stdout);
    } else if (strcmp(verb, "check") != 0) {
        usage();
    }
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool c = strcmp(verb, "c") == 0;
    bool one = c || strcmp(verb, "table") == 0;
    int first = c ? 3 : 2;

    if (argc <= first || (one && argc != first + 1))
        usage();
    if (one)
        one_file(verb, c ? argv[2] : "", load(argv + first, 1)[0]);
    else
        many_files(verb, load(argv + first, (size_t)(argc - first)), (size_t)(argc - first));
    if (fflush(stdout) != 0 || ferror(stdout))
        fail((struct at){.file = "schemac"}, "cannot write the output");
    return 0;
}
