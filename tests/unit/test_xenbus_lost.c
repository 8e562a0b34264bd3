/* The handshake machine when its worker is lost: a successor, unseen by the guest, or an orderly
 * end. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/xenbus_rows.h"

/* The worker may end while the device is closed (another medium): no way back to 2 without one. */
START_TEST(lost_while_closed)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 6, CLOSE_UP, XB_CLOSING},
        {XB_TIMER, 6, 0, XB_CLOSING},
        {XB_DISCONNECTED, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 6, 0, XB_CLOSED},
        {XB_WORKER_LOST, 6, 0, XB_CLOSED},
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
    };

    run(true, rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

START_TEST(lost_worker_gets_a_successor)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_FAULT, 4, CLOSE_UP, XB_CLOSING},
        {XB_FAULT, 4, 0, XB_CLOSING}, /* the process is gone: nothing to wait for */
        {XB_TIMER, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(worker_is_replaced_unseen)
{
    const struct row rows[] = {
        START,
        {XB_WORKER_LOST, 1, XB_ACT_OPEN, XB_OPENING}, /* state 2 stands: not written again */
        {XB_OPENED, 1, 0, XB_WAITING},
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_WORKER_LOST, 3, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 3, 0, XB_WAITING},
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        {XB_LOOK, 4, 0, XB_OPENING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING}, /* again, on its way up */
        {XB_OPENED, 4, XB_ACT_RESUME, XB_CONNECTING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 4, XB_ACT_RESUME, XB_CONNECTING},
        {XB_CONNECTED, 4, 0, XB_SERVING}, /* 4 is not written again */
        /* an orderly end is as ever, and the next connection is a fresh one */
        {XB_LOOK, 6, CLOSE_UP, XB_CLOSING},
        {XB_WORKER_LOST, 6, 0, XB_CLOSING},
        {XB_TIMER, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 6, 0, XB_CLOSED},
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
        {XB_TIMER, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(lost_before_state_4_is_written_once)
{
    const struct row rows[] = {
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, 0, XB_SERVING}, /* held by the dwell */
        {XB_WORKER_LOST, 3, XB_ACT_OPEN, XB_OPENING},
        {XB_TIMER, 3, 0, XB_OPENING},
        {XB_OPENED, 3, XB_ACT_RESUME, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(the_guest_goes_while_nobody_serves_it)
{
    const struct row gone[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, GONE, XB_ACT_RELEASE, XB_GONE},
    };
    const struct row closed[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 6, XB_ACT_RESUME, XB_CONNECTING},
        {XB_CONNECTED, 6, CLOSE_UP, XB_CLOSING},
    };
    const struct row lost[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        /* the disk is not there any more: closed, with a way back */
        {XB_OPEN_FAILED, 4, XB_ACT_CLOSING | XB_ACT_GAP, XB_CLOSING},
        {XB_TIMER, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 1, XB_ACT_OPEN, XB_OPENING},
    };
    const struct row unreadable[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_WORKER_LOST, 4, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 4, XB_ACT_RESUME, XB_CONNECTING},
        /* the journal is damaged: not served from there, closed */
        {XB_CONNECT_FAILED, 4, XB_ACT_CLOSING | XB_ACT_GAP, XB_CLOSING},
    };
    run(true, gone, ARRAY_SIZE(gone));
    run(true, closed, ARRAY_SIZE(closed));
    run(true, lost, ARRAY_SIZE(lost));
    run(true, unreadable, ARRAY_SIZE(unreadable));
}
END_TEST

START_TEST(adopted_in_state_4)
{
    struct xenbus_dev d;
    struct xenbus_view v = view(4);

    xenbus_adopt(&d, false);
    ck_assert_uint_eq(xenbus_step(&d, XB_LOOK, &v), XB_ACT_OPEN);
    ck_assert_uint_eq(xenbus_step(&d, XB_OPENED, &v), XB_ACT_RESUME);
    ck_assert_uint_eq(xenbus_step(&d, XB_CONNECTED, &v), 0);
    ck_assert_int_eq((int)d.phase, XB_SERVING);
}
END_TEST

/* Found by fuzz_xenbus: it was forgotten that there is no worker, and a start went into the void.
 */
START_TEST(worker_lost_while_closed)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 6, CLOSE_UP, XB_CLOSING},
        {XB_DISCONNECTED, 6, 0, XB_CLOSING},
        {XB_TIMER, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 6, 0, XB_CLOSED},
        {XB_FAULT, 6, 0, XB_CLOSED}, /* it dies */
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

/* Found by fuzz_xenbus: the way back began with taking up a connection that was no more. */
START_TEST(adopted_and_lost_for_good)
{
    struct xenbus_dev d;
    struct xenbus_view v = view(4);

    xenbus_adopt(&d, true);
    ck_assert_uint_eq(xenbus_step(&d, XB_LOOK, &v), XB_ACT_OPEN);
    ck_assert_uint_eq(xenbus_step(&d, XB_OPENED, &v), XB_ACT_RESUME);
    ck_assert_uint_eq(xenbus_step(&d, XB_FAULT, &v), XB_ACT_CLOSING | XB_ACT_GAP);
    v = view(6);
    ck_assert_uint_eq(xenbus_step(&d, XB_TIMER, &v), TO_CLOSED);
    v = view(1);
    ck_assert_uint_eq(xenbus_step(&d, XB_TIMER, &v), XB_ACT_OPEN);
    ck_assert_uint_eq(xenbus_step(&d, XB_OPENED, &v), XB_ACT_INIT_WAIT | XB_ACT_DWELL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xenbus_lost");
    TCase *t = tcase_create("lost");

    tcase_add_test(t, lost_while_closed);
    tcase_add_test(t, lost_worker_gets_a_successor);
    tcase_add_test(t, worker_is_replaced_unseen);
    tcase_add_test(t, lost_before_state_4_is_written_once);
    tcase_add_test(t, the_guest_goes_while_nobody_serves_it);
    tcase_add_test(t, adopted_in_state_4);
    tcase_add_test(t, worker_lost_while_closed);
    tcase_add_test(t, adopted_and_lost_for_good);
    suite_add_tcase(s, t);
    return run_suite(s);
}
