/* The parser of xl configurations, and each rule of drvdom lint. */
#include "dom0-tools/lint_cfg.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct xlcfg cfg;
static char said[8192];

static int parse(const char *text)
{
    struct xlcfg_error err = {0};
    int rc = xlcfg_parse(&cfg, text, strlen(text), &err);

    if (rc)
        snprintf(said, sizeof(said), "%u: %s", err.line, err.text);
    return rc;
}

START_TEST(values_of_all_kinds)
{
    const struct xlcfg_key *k;

    ck_assert_int_eq(parse("# head\nname = 'a b' # tail\nmemory=96; vcpus = 2\n"
                           "disk = [ 'one,x', # first\n  \"two\",\n]\nvif=[]\nmemory = 128\n"
                           "disk += ['three']\n"),
                     0);
    ck_assert_str_eq(xlcfg_text(&cfg, "name"), "a b");
    ck_assert_str_eq(xlcfg_text(&cfg, "memory"), "128");
    ck_assert_str_eq(xlcfg_text(&cfg, "vcpus"), "2");
    k = xlcfg_find(&cfg, "disk");
    ck_assert(k && k->is_list && k->count == 3);
    ck_assert_str_eq(k->values[1], "two");
    ck_assert_uint_eq(k->lines[1], 5);
    ck_assert_ptr_null(xlcfg_text(&cfg, "disk"));
    ck_assert_uint_eq(xlcfg_find(&cfg, "vif")->count, 0);
}
END_TEST

START_TEST(bad_files_fail_at_their_line)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"name='x'\nmemory 96\n", "2: memory: = must follow"},
        {"name=\"x\n", "1: name: a quote is not closed"},
        {"\n\ndisk=['a' 'b']", "3: disk: , or ] must stand here"},
        {"disk=['a'", "1: disk: , or ] must stand here"},
        {"x=1 y=2", "1: x: the line goes on after its value"},
        {"x=", "1: x: a text in quotes"},
        {"= 3", "1: a name must stand here"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ck_assert_int_eq(parse(bad[i].text), -EINVAL);
        ck_assert_msg(strstr(said, bad[i].want) == said, "%s", said);
    }
}
END_TEST

/* The parser never reads past the end: every prefix of a good file, in memory of its size. */
START_TEST(prefixes)
{
    static const char good[] = "name = 'x'\ndisk = [ 'a,b=c', \"d\" ]\nmemory += 5 # end\n";

    for (size_t len = 0; len < sizeof(good); len++) {
        struct xlcfg_error err;
        char *copy = malloc(len ? len : 1);

        memcpy(copy, good, len);
        (void)!xlcfg_parse(&cfg, copy, len, &err);
        free(copy);
    }
}
END_TEST

START_TEST(device_lines)
{
    static const char *const positions[] = {"target", "format", "vdev", "access", NULL};
    struct spec s;

    ck_assert_int_eq(spec_parse(&s, "/dev/x, raw,xvda, rw,backend=dd", positions), 0);
    ck_assert_str_eq(spec_get(&s, "target"), "/dev/x");
    ck_assert_str_eq(spec_get(&s, "vdev"), "xvda");
    ck_assert_str_eq(spec_get(&s, "backend"), "dd");
    ck_assert_int_eq(spec_parse(&s, "vdev=a, target=/x,y=z", positions), 0);
    ck_assert_str_eq(spec_get(&s, "target"), "/x,y=z");
    ck_assert_ptr_null(spec_get(&s, "y"));
}
END_TEST

/* ---- the rules, over a host that is made up ---- */

static bool no_iommu;

static enum lint_backend backend_of(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "dd") == 0)
        return LINT_BACKEND_READY;
    if (strcmp(name, "plain") == 0)
        return LINT_BACKEND_NOT_DRIVER;
    return strcmp(name, "off") == 0 ? LINT_BACKEND_STOPPED : LINT_BACKEND_UNKNOWN;
}

static bool file_is(void *arg, const char *path)
{
    (void)arg;
    return strncmp(path, "/img/", 5) == 0;
}

static bool iommu_is(void *arg)
{
    (void)arg;
    return !no_iommu;
}

static enum lint_pci pci_of(void *arg, const char *bdf, char *driver, size_t size)
{
    (void)arg;
    snprintf(driver, size, "e1000e");
    if (strcmp(bdf, "00:05.0") == 0)
        return LINT_PCI_GIVEN;
    return strcmp(bdf, "00:06.0") == 0 ? LINT_PCI_BOUND : LINT_PCI_ABSENT;
}

static const char *user_of(void *arg, const char *backend, const char *target, const char *self)
{
    (void)arg;
    (void)self;
    return strcmp(backend, "dd") == 0 && strcmp(target, "/used") == 0 ? "g7" : NULL;
}

static void note(void *arg, const struct lint_finding *f)
{
    size_t len = strlen(said);

    (void)arg;
    ck_assert(f->remedy && f->remedy[0]);
    snprintf(said + len, sizeof(said) - len, "%u %s %s\n", f->line, f->error ? "E" : "W", f->text);
}

static unsigned lint(const char *text)
{
    static const struct lint_env env = {
        .backend = backend_of, .file = file_is, .iommu = iommu_is, .pci = pci_of, .user = user_of};

    ck_assert_msg(parse(text) == 0, "%s", said);
    said[0] = '\0';
    return lint_cfg(&cfg, &env, note, NULL);
}

#define GUEST      "name='g'\n"
#define DISK(rest) GUEST "disk=['format=raw,vdev=xvda,backend=dd," rest "']"

START_TEST(good_configurations_are_clean)
{
    ck_assert_uint_eq(lint(DISK("target=/dev/x")), 0);
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(lint(GUEST "vif=['mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd']"), 0);
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(lint("name='d'\nkernel='/img/k'\nramdisk='/img/r'\nmemory=96\ntype='pv'\n"
                           "driver_domain=1\npci=['00:05.0,permissive=1']"),
                      0);
    ck_assert_str_eq(said, "");
    /* What dom0 serves is none of our business. */
    ck_assert_uint_eq(lint(GUEST "disk=['/x.qcow2,qcow2,xvda,rw']"), 0);
    ck_assert_uint_eq(lint(DISK("access=ro,target=/used")), 0);
}
END_TEST

START_TEST(each_fault_is_named)
{
    static const struct {
        const char *cfg, *want;
    } bad[] = {
        {"memory=1", "1 E name= is missing"},
        {GUEST "\ndisk=['vdev=xvda,backend=no,target=/x']", "3 E backend=no: no domain"},
        {GUEST "disk=['vdev=xvda,backend=plain,target=/x']",
         "2 E backend=plain: that domain is not"},
        {GUEST "disk=['vdev=xvda,backend=off,target=/x']",
         "2 W backend=off: the driver domain does"},
        {GUEST "disk=['vdev=xvda,backend=dd']", "2 E the disk has no target"},
        {DISK("target=x"), "2 E target=x is not an absolute path"},
        {DISK("target=/used"), "2 E target=/used of dd is in use by g7"},
        {DISK("colour=red,target=/x"), "2 E \"colour\" is no key"},
        {DISK("backendtype=qdisk,target=/x"), "2 E backendtype=qdisk"},
        {DISK("script=s,target=/x"), "2 W script= is not run"},
        {"bootloader='pygrub'\n" DISK("target=/x"), "3 E bootloader=pygrub"},
        {GUEST "disk=['format=qcow2,vdev=xvda,backend=dd,target=/x']", "2 E format=qcow2"},
        {GUEST "disk=['backend=dd,target=/x']", "2 E the disk has no vdev"},
        {GUEST "disk=['vdev=a,target=/x','vdev=a,target=/y']", "2 E vdev=a stands twice"},
        {GUEST "vif=['mac=00:16,backend=dd']", "2 E mac=00:16 is no hardware address"},
        {GUEST "vif=['mac=01:16:3e:00:00:01,backend=dd']", "multicast address"},
        {GUEST "vif=['bridge=a123456789012345,backend=dd']", "is too long"},
        {GUEST "vif=['mac=a'\n,'mac=a']", "3 E mac=a stands twice"},
        {"name='d'\nramdisk='/img/r'\nkernel='/img/k'\nmemory=96",
         "1 E driver_domain=1 is missing"},
        {"name='d'\ndriver_domain=1\nramdisk='/no/r'\nkernel='/img/k'",
         "3 E ramdisk=/no/r: there is"},
        {"name='d'\ndriver_domain=1\nramdisk='/img/r'", "1 E kernel= is missing"},
        {"name='d'\ndriver_domain=1\ntype='pvh'\npci=['00:05.0']", "3 E type=pvh"},
        {"name='d'\ndriver_domain=1\nmemory=64", "3 W less than 80 MB"},
        {"name='d'\ndriver_domain=1\npci=['00:06.0']",
         "3 E pci 00:06.0 is bound to dom0's driver e1000e"},
        {"name='d'\ndriver_domain=1\npci=['00:09.0']", "3 E pci 00:09.0: no such device"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        (void)lint(bad[i].cfg);
        ck_assert_msg(strstr(said, bad[i].want), "wanted %s, got %s", bad[i].want, said);
    }
    no_iommu = true;
    (void)lint("name='d'\ndriver_domain=1\npci=['00:05.0']");
    ck_assert_ptr_nonnull(strstr(said, "3 E Xen has no IOMMU"));
    no_iommu = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lint-cfg");
    TCase *t = tcase_create("lint-cfg");

    suite_add_tcase(suite, t);
    tcase_add_test(t, values_of_all_kinds);
    tcase_add_test(t, bad_files_fail_at_their_line);
    tcase_add_test(t, prefixes);
    tcase_add_test(t, device_lines);
    tcase_add_test(t, good_configurations_are_clean);
    tcase_add_test(t, each_fault_is_named);
    return run_suite(suite);
}
