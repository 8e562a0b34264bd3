/*
 * schemac against golden files: good input gives the expected output, byte for byte; bad input
 * fails at the right line with the right words.  Run from the root; SCHEMAC names the compiler.
 * Each bad-X.xs says in its first line what must be printed: "# expect LINE: MESSAGE".
 */
#include <check.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/unit/suite.h"

#define GOLDEN "tests/golden/schema/"

enum { OUT_MAX = 1 << 20 };

/* Runs schemac; what it prints (both streams) goes to out.  Returns its exit status. */
static int run(const char *args, char *out)
{
    const char *schemac = getenv("SCHEMAC");
    char cmd[512];
    size_t n;
    FILE *p;
    int status;

    snprintf(cmd, sizeof(cmd), "%s %s 2>&1", schemac ? schemac : "build/host/schemac", args);
    p = popen(cmd, "r");
    ck_assert_ptr_nonnull(p);
    n = fread(out, 1, OUT_MAX - 1, p);
    out[n] = '\0';
    status = pclose(p);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char *read_file(const char *path)
{
    char *buf = malloc(OUT_MAX);
    FILE *f = fopen(path, "r");
    size_t n;

    ck_assert_msg(f != NULL, "no %s", path);
    ck_assert_ptr_nonnull(buf);
    n = fread(buf, 1, OUT_MAX - 1, f);
    buf[n] = '\0';
    fclose(f);
    return buf;
}

static const struct {
    const char *args, *file;
} goods[] = {
    {"c --header " GOLDEN "good.xs", GOLDEN "good.h.out"},
    {"c --source " GOLDEN "good.xs", GOLDEN "good.c.out"},
    {"table " GOLDEN "good.xs", GOLDEN "good.table.out"},
    {"keys " GOLDEN "good-base.xs " GOLDEN "good.xs", GOLDEN "good.keys.out"},
    {"md " GOLDEN "good-base.xs " GOLDEN "good.xs", GOLDEN "good.md.out"},
    {"man " GOLDEN "good-base.xs " GOLDEN "good.xs", GOLDEN "good.man.out"},
};

START_TEST(good_input_gives_the_golden_output)
{
    char *want = read_file(goods[_i].file), *got = malloc(OUT_MAX);

    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(run(goods[_i].args, got), 0);
    /* A wanted change: tests/golden/schema/update.sh, and read the diff. */
    ck_assert_msg(strcmp(got, want) == 0, "schemac %s differs from %s", goods[_i].args,
                  goods[_i].file);
    free(want);
    free(got);
}
END_TEST

static bool ends_with(const char *str, const char *end)
{
    size_t n = strlen(str), m = strlen(end);

    return n >= m && strcmp(str + n - m, end) == 0;
}

START_TEST(bad_input_fails_at_its_line)
{
    char *got = malloc(OUT_MAX);
    glob_t files;

    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(glob(GOLDEN "bad-*.xs", 0, NULL, &files), 0);
    ck_assert_uint_gt(files.gl_pathc, 40);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        static const char mark[] = "# expect ";
        char *src = read_file(files.gl_pathv[i]), args[256];
        size_t len = strcspn(src, "\n");

        ck_assert_msg(strncmp(src, mark, strlen(mark)) == 0, "%s: no expect line",
                      files.gl_pathv[i]);
        /* The expected text up to and with its newline is the end of all that is printed. */
        src[len + 1] = '\0';
        snprintf(args, sizeof(args), "check %s", files.gl_pathv[i]);
        ck_assert_msg(run(args, got) == 1, "%s: not refused", files.gl_pathv[i]);
        ck_assert_msg(ends_with(got, src + strlen(mark)), "%s: said %s", files.gl_pathv[i], got);
        ck_assert_msg(strncmp(got, GOLDEN, strlen(GOLDEN)) == 0, "no file name: %s", got);
        ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
        free(src);
    }
    globfree(&files);
    free(got);
}
END_TEST

START_TEST(bad_command_lines_give_the_usage)
{
    static const char *const bad[] = {
        "",         "c", "c --header", "c --other " GOLDEN "good.xs", "nosuch " GOLDEN "good.xs",
        "table a b"};
    char *got = malloc(OUT_MAX);

    ck_assert_ptr_nonnull(got);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(run(bad[i], got) == 2, "took \"%s\"", bad[i]);
        ck_assert_ptr_nonnull(strstr(got, "usage: schemac"));
    }
    ck_assert_int_eq(run("check nosuch.xs", got), 1);
    ck_assert_str_eq(got, "nosuch.xs: No such file or directory\n");
    free(got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schemac");
    TCase *t = tcase_create("all");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, good_input_gives_the_golden_output, 0,
                        (int)(sizeof(goods) / sizeof(goods[0])));
    tcase_add_test(t, bad_input_fails_at_its_line);
    tcase_add_test(t, bad_command_lines_give_the_usage);
    suite_add_tcase(s, t);
    return run_suite(s);
}
