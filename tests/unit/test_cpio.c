/* The newc writer against bytes worked out by hand, and the reader against damaged archives. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver-domain/image/cpio.h"
#include "driver-domain/image/tree.h"
#include "tests/unit/suite.h"

/* ino mode uid gid nlink mtime size major minor rmajor rminor namesize check */
#define HEAD(ino, mode, nlink, size, rmaj, rmin, name)                                             \
    "070701" ino mode "00000000"                                                                   \
    "00000000" nlink "00000000" size "00000000"                                                    \
    "00000000" rmaj rmin name "00000000"

/* a/ (0755), a/f ("hey", 0644), c (char 5:1, 0600), then the trailer: what `cpio -o -H newc
 * --reproducible` writes but for inode numbers and link counts. */
static const char golden[] = HEAD(
    "00000001", "000041ED", "00000002", "00000000", "00000000", "00000000",
    "00000002") "a\0" HEAD("00000002", "000081A4", "00000001", "00000003", "00000000", "00000000",
                           "00000004") "a/f\0\0\0"
                                       "hey\0" HEAD(
                                           "00000003", "00002180", "00000001", "00000000",
                                           "00000005", "00000001",
                                           "00000002") "c\0" HEAD("00000000", "00000000",
                                                                  "00000001", "00000000",
                                                                  "00000000", "00000000",
                                                                  "0000000B") "TRAILER!!!\0\0\0";

static void write_golden(struct bytes *out)
{
    struct cpio c = {.out = out};

    cpio_dir(&c, "a", 0755);
    cpio_file(&c, "a/f", 0644, "hey", 3);
    cpio_char_node(&c, "c", 0600, 5, 1);
    cpio_end(&c);
    ck_assert_int_eq(bytes_check(out), 0);
}

START_TEST(writer_golden)
{
    struct bytes out = {0};

    write_golden(&out);
    /* sizeof counts the literal's own terminator. */
    ck_assert_uint_ge(out.len, sizeof(golden) - 1);
    ck_assert_mem_eq(out.data, golden, sizeof(golden) - 1);
    ck_assert_uint_eq(out.len % 512, 0);
    for (size_t i = sizeof(golden) - 1; i < out.len; i++)
        ck_assert_uint_eq(out.data[i], 0);
    bytes_fini(&out);
}
END_TEST

START_TEST(reader_reads_it_back)
{
    struct bytes out = {0};
    struct cpio_entry e;
    size_t pos = 0;

    write_golden(&out);
    ck_assert_int_eq(cpio_next(out.data, out.len, &pos, &e), 1);
    ck_assert_str_eq(e.path, "a");
    ck_assert(S_ISDIR(e.mode));
    ck_assert_int_eq(cpio_next(out.data, out.len, &pos, &e), 1);
    ck_assert_str_eq(e.path, "a/f");
    ck_assert_uint_eq(e.size, 3);
    ck_assert_mem_eq(e.data, "hey", 3);
    ck_assert_int_eq(cpio_next(out.data, out.len, &pos, &e), 1);
    ck_assert_int_eq(cpio_next(out.data, out.len, &pos, &e), 0);
    bytes_fini(&out);
}
END_TEST

/* Every cut and every single damaged header byte must end in an orderly way (asan watches). */
START_TEST(reader_survives_damage)
{
    struct bytes out = {0};
    struct cpio_entry e;
    size_t pos, cut_errors = 0;

    write_golden(&out);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *copy = malloc(len + 1);
        int rc;

        memcpy(copy, out.data, len);
        pos = 0;
        while ((rc = cpio_next(copy, len, &pos, &e)) > 0)
            ck_assert_ptr_nonnull(memchr(e.path, '\0', (size_t)(copy + len - (uint8_t *)e.path)));
        cut_errors += rc < 0;
        free(copy);
    }
    ck_assert_uint_gt(cut_errors, 300);
    for (size_t i = 0; i < 110; i++) {
        uint8_t was = out.data[i];

        out.data[i] = 'F';
        pos = 0;
        while (cpio_next(out.data, out.len, &pos, &e) > 0)
            ;
        out.data[i] = was;
    }
    out.data[0] = '1';
    pos = 0;
    ck_assert_int_eq(cpio_next(out.data, out.len, &pos, &e), -EINVAL);
    bytes_fini(&out);
}
END_TEST

static struct bytes text(const char *s)
{
    struct bytes b = {0};

    bytes_add(&b, s, strlen(s));
    return b;
}

/* The order of the calls must not show in the archive, and parents come first. */
START_TEST(tree_is_sorted_and_complete)
{
    static const char *const want[] = {"etc", "etc/a", "etc/b", "lib", "lib/x", "lib/x/y", "lib64"};
    struct tree t = {0};
    struct bytes data, out = {0};
    struct cpio_entry e;
    size_t pos = 0, i = 0;

    ck_assert_int_eq(tree_link(&t, "lib64", "lib"), 0);
    data = text("2");
    ck_assert_int_eq(tree_file(&t, "lib/x/y", 0644, &data), 0);
    data = text("1");
    ck_assert_int_eq(tree_file(&t, "etc/b", 0644, &data), 0);
    data = text("0");
    ck_assert_int_eq(tree_file(&t, "etc/a", 0644, &data), 0);
    ck_assert_int_eq(tree_archive(&t, &out), 0);
    while (cpio_next(out.data, out.len, &pos, &e) > 0) {
        ck_assert_uint_lt(i, ARRAY_SIZE(want));
        ck_assert_str_eq(e.path, want[i++]);
    }
    ck_assert_uint_eq(i, ARRAY_SIZE(want));
    bytes_fini(&out);
    tree_fini(&t);
}
END_TEST

START_TEST(tree_refuses_two_contents)
{
    struct tree t = {0};
    struct bytes data = text("1");

    ck_assert_int_eq(tree_file(&t, "f", 0644, &data), 0);
    data = text("1");
    ck_assert_int_eq(tree_file(&t, "f", 0644, &data), 0);
    data = text("2");
    ck_assert_int_eq(tree_file(&t, "f", 0644, &data), -EEXIST);
    ck_assert_uint_eq(t.count, 1);
    tree_fini(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cpio");
    TCase *tc = tcase_create("cpio");

    tcase_add_test(tc, writer_golden);
    tcase_add_test(tc, reader_reads_it_back);
    tcase_add_test(tc, reader_survives_damage);
    tcase_add_test(tc, tree_is_sorted_and_complete);
    tcase_add_test(tc, tree_refuses_two_contents);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
