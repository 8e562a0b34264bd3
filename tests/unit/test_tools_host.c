/* What is read from text of the host: PCI addresses, xenstored's answers; and running programs. */
#include "dom0-tools/host.h"
#include "dom0-tools/limits.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(pci_addresses)
{
    char bdf[16];

    ck_assert_int_eq(host_bdf("00:05.0", bdf), 0);
    ck_assert_str_eq(bdf, "0000:00:05.0");
    ck_assert_int_eq(host_bdf("0001:aF:1f.7", bdf), 0);
    ck_assert_str_eq(bdf, "0001:af:1f.7");
    ck_assert_int_eq(host_bdf("00:05", bdf), -EINVAL);
    ck_assert_int_eq(host_bdf("00:05.0x", bdf), -EINVAL);
    ck_assert_int_eq(host_bdf("00:20.0", bdf), -EINVAL);
    ck_assert_int_eq(host_bdf("00:05.8", bdf), -EINVAL);
    ck_assert_int_eq(host_bdf("../../etc", bdf), -EINVAL);
}
END_TEST

/* As xenstored of Xen 4.17 answers. */
START_TEST(quota_answers)
{
    static const char settings[] =
        "Quota settings:\nnodes            :     1000 Nodes per domain\n"
        "watches          :      128 Watches per domain\n"
        "transaction-nodes:     1024 Max. number of accessed nodes per transaction\n";
    uint64_t v;

    ck_assert_int_eq(limits_number(settings, "nodes", &v), 0);
    ck_assert_uint_eq(v, 1000);
    ck_assert_int_eq(limits_number(settings, "watches", &v), 0);
    ck_assert_uint_eq(v, 128);
    /* "transaction" is only the beginning of a name */
    ck_assert_int_eq(limits_number(settings, "transaction", &v), -ENOENT);
    ck_assert_int_eq(limits_number(settings, "memory", &v), -ENOENT);
    ck_assert_int_eq(limits_number("nodes :", "nodes", &v), -ENOENT);
    ck_assert_int_eq(limits_number("", "nodes", &v), -ENOENT);
}
END_TEST

static int run(const char *script, uint64_t timeout_ns, char *buf, size_t size)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};

    return host_run(argv, timeout_ns, buf, size);
}

START_TEST(programs_are_run)
{
    char *const nothing[] = {(char *)"no-such-program-of-drvdom", NULL};
    const uint64_t s = UINT64_C(1000000000);
    char buf[32];

    ck_assert_int_eq(run("echo out; echo err >&2; exit 3", 5 * s, buf, sizeof(buf)), 3);
    ck_assert_str_eq(buf, "out\nerr");
    /* more than fits is read and dropped */
    ck_assert_int_eq(run("yes | head -c 300000", 20 * s, buf, sizeof(buf)), 0);
    ck_assert_uint_eq(strlen(buf), 31);
    ck_assert_int_eq(run("exec sleep 20", s / 20, buf, sizeof(buf)), -ETIMEDOUT);
    ck_assert_int_eq(run("kill -9 $$", 5 * s, buf, sizeof(buf)), -EINTR);
    ck_assert_int_eq(host_run(nothing, s, buf, sizeof(buf)), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tools-host");
    TCase *t = tcase_create("host");

    suite_add_tcase(suite, t);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, pci_addresses);
    tcase_add_test(t, quota_answers);
    tcase_add_test(t, programs_are_run);
    return run_suite(suite);
}
