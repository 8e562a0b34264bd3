/* How every unit test program ends. */
#ifndef DRVDOM_TESTS_SUITE_H
#define DRVDOM_TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs it, as CK_VERBOSITY and the like say; what main() returns.  The suite is freed. */
static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    int failed;

    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
