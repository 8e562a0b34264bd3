/*
 * Module resolution against a small lib/modules/VERSION made here: "modules" compiled from a few
 * lines of C, with the sections that depmod reads.  Needs cc and depmod (kmod), as the build does.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver-domain/image/modules.h"
#include "tests/unit/suite.h"

#define INFO(name, text)                                                                           \
    "static const char i_" name "[] __attribute__((section(\".modinfo\"),used)) = \"" text "\";\n"
#define EXPORT(sym)                                                                                \
    "static const char e_" sym "[] __attribute__((section(\"__ksymtab_strings\"),used)) = \"" sym  \
    "\";\n"                                                                                        \
    "int " sym "(void); int " sym "(void) { return 0; }\n"
#define USE(sym) "extern int " sym "(void); int use_" sym "(void) { return " sym "(); }\n"

/* nic -> mdio; disk -> disk-core -> crc; disk-core wants "digest" softly, which two modules are. */
static const struct {
    const char *name, *source;
} sources[] = {
    {"mdio", EXPORT("mdio_read")},
    {"nic", USE("mdio_read") INFO("a", "alias=pci:v00008086d000010D3sv*sd*bc*sc*i*")},
    {"crc", EXPORT("crc_sum")},
    {"disk-core", USE("crc_sum") EXPORT("disk_add") INFO("s", "softdep=pre: digest")},
    {"disk", USE("disk_add") INFO("a", "alias=pci:v*d*sv*sd*bc01sc08i02*")},
    {"digest-fast", INFO("a", "alias=digest")},
    {"digest-slow", INFO("a", "alias=digest")},
    {"xen-blkback", INFO("a", "alias=xen-backend:vbd")},
};

static char root[] = "/tmp/drvdom-test.XXXXXX";
static char version_dir[128];

static void make_modules(void)
{
    char command[512];
    FILE *cc;

    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(version_dir, sizeof(version_dir), "%s/lib/modules/1.2.3-test", root);
    snprintf(command, sizeof(command),
             "mkdir -p %s/kernel && cd %s && touch modules.order modules.builtin "
             "modules.builtin.modinfo",
             version_dir, version_dir);
    ck_assert_int_eq(system(command), 0);
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        snprintf(command, sizeof(command), "cc -x c -c -o %s/kernel/%s.ko -", version_dir,
                 sources[i].name);
        cc = popen(command, "w");
        ck_assert_ptr_nonnull(cc);
        fputs(sources[i].source, cc);
        fputs(INFO("l", "license=GPL"), cc);
        ck_assert_int_eq(pclose(cc), 0);
    }
}

static void remove_modules(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

/* The load order as "a b c", '-' for optional. */
static const char *order(const struct modules *m)
{
    static char text[512];

    text[0] = '\0';
    for (size_t i = 0; i < m->count; i++) {
        if (i)
            strcat(text, " ");
        if (m->list[i].flags & MODULE_OPTIONAL)
            strcat(text, "-");
        strcat(text, m->list[i].name);
    }
    return text;
}

START_TEST(resolves_in_order)
{
    struct modules m;

    ck_assert_int_eq(modules_open(&m, version_dir), 0);
    ck_assert_int_eq(
        modules_add_modalias(&m, "pci:v00008086d000010D3sv00001234sd00005678bc02sc00i00", 0), 1);
    ck_assert_str_eq(order(&m), "mdio nic");
    ck_assert_int_eq(
        modules_add_modalias(&m, "pci:v0000144Dd0000A808sv00000000sd00000000bc01sc08i02", 0), 1);
    ck_assert_str_eq(order(&m), "mdio nic crc -digest_fast -digest_slow disk_core disk");
    /* Asked for by name it must load; '-' and '_' are the same; twice is once. */
    ck_assert_int_eq(modules_add(&m, "digest-slow", "a=1", 0, "test"), 0);
    ck_assert_int_eq(modules_add(&m, "digest_slow", "b=2", 0, "test"), 0);
    ck_assert_str_eq(order(&m), "mdio nic crc -digest_fast digest_slow disk_core disk");
    ck_assert_str_eq(modules_find(&m, "digest-slow")->args, "a=1 b=2");
    modules_fini(&m);
}
END_TEST

START_TEST(refuses)
{
    struct modules m;

    ck_assert_int_eq(modules_open(&m, "/nonexistent/modules"), -ENOENT);
    modules_fini(&m);
    ck_assert_int_eq(modules_open(&m, version_dir), 0);
    ck_assert_int_eq(modules_add(&m, "nosuch", NULL, 0, "test"), -ENOENT);
    ck_assert_int_eq(modules_add(&m, "xen-blkback", NULL, 0, "test"), -EPERM);
    ck_assert_int_eq(modules_add_modalias(&m, "pci:v0000FFFFd0000FFFFsv00000000sd00000000", 0), 0);
    ck_assert_uint_eq(m.count, 0);
    modules_fini(&m);
}
END_TEST

/* The index is made elsewhere: a kernel's directory may be read-only, and is not ours to write. */
START_TEST(leaves_no_trace)
{
    char path[256], temp[256];
    struct modules m;
    struct stat st;

    ck_assert_int_eq(modules_open(&m, version_dir), 0);
    ck_assert_ptr_nonnull(m.temp_dir);
    snprintf(temp, sizeof(temp), "%s", m.temp_dir);
    ck_assert_int_eq(stat(temp, &st), 0);
    modules_fini(&m);
    ck_assert_int_eq(stat(temp, &st), -1);
    snprintf(path, sizeof(path), "%s/modules.dep.bin", version_dir);
    ck_assert_int_eq(stat(path, &st), -1);
    snprintf(path, sizeof(path), "%s/kernel/nic.ko", version_dir);
    ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("modules");
    TCase *tc = tcase_create("modules");

    tcase_add_unchecked_fixture(tc, make_modules, remove_modules);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, resolves_in_order);
    tcase_add_test(tc, refuses);
    tcase_add_test(tc, leaves_no_trace);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
