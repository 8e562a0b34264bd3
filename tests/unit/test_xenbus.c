/* The handshake machine: each row is one peer's order of states, step by step. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/xenbus_rows.h"

START_TEST(linux_block_attach_and_detach)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_LOOK, 3, 0, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 4, 0, XB_SERVING},
        /* xl block-detach: online=0, own state 5; a busy guest keeps its disk */
        {XB_LOOK, 4 + OFFLINE, 0, XB_SERVING},
        {XB_LOOK, 6 + OFFLINE, CLOSE_UP, XB_CLOSING},
        {XB_DISCONNECTED, 6 + OFFLINE, 0, XB_CLOSING}, /* the gap */
        {XB_TIMER, 6 + OFFLINE, TO_CLOSED, XB_CLOSED},
        {XB_LOOK, 6 + OFFLINE, 0, XB_CLOSED},
        LINGER(6 + OFFLINE),
        {XB_TIMER, 6 + OFFLINE, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(network_connects_at_4_only)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, 0, XB_WAITING}, /* NetBSD writes 3 before its keys */
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
    };
    run(false, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(state_4_waits_for_the_dwell)
{
    const struct row rows[] = {
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 1, XB_ACT_INIT_WAIT | XB_ACT_DWELL, XB_WAITING},
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, 0, XB_SERVING},
        {XB_TIMER, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_TIMER, 4, 0, XB_SERVING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(windows_closes_before_it_starts)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 5, XB_ACT_CLOSING | XB_ACT_GAP, XB_CLOSING},
        {XB_TIMER, 5, 0, XB_CLOSING},
        {XB_LOOK, 6, TO_CLOSED, XB_CLOSED},
        {XB_LOOK, 1, 0, XB_CLOSED},
        {XB_TIMER, 1, XB_ACT_INIT_WAIT, XB_WAITING},
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(grub_hands_over_to_linux)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 6, CLOSE_UP, XB_CLOSING}, /* straight to 6: we pass 5 */
        {XB_TIMER, 6, 0, XB_CLOSING},       /* still draining */
        {XB_DISCONNECTED, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 6, 0, XB_CLOSED},
        {XB_LOOK, 1, XB_ACT_INIT_WAIT, XB_WAITING},
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 3, XB_ACT_SERVE, XB_SERVING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(frontend_restarts_while_served)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 1, CLOSE_UP, XB_CLOSING},
        {XB_TIMER, 1, 0, XB_CLOSING},
        {XB_DISCONNECTED, 1, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 1, XB_ACT_INIT_WAIT, XB_WAITING},
    };
    run(false, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(guest_destroyed_in_every_phase)
{
    const struct row opening[] = {{XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
                                  {XB_LOOK, GONE, 0, XB_OPENING},
                                  {XB_OPENED, GONE, XB_ACT_RELEASE, XB_GONE}};
    const struct row waiting[] = {
        START,
        {XB_LOOK, GONE, 0, XB_CLOSING},
        {XB_LOOK, GONE, XB_ACT_RELEASE, XB_GONE},
    };
    const struct row connecting[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_LOOK, GONE, 0, XB_CONNECTING},
        {XB_CONNECTED, GONE, XB_ACT_DISCONNECT, XB_CLOSING},
        {XB_DISCONNECTED, GONE, XB_ACT_RELEASE, XB_GONE},
    };
    const struct row serving[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 0 + OFFLINE, CLOSE_UP, XB_CLOSING}, /* forced: frontend's directory goes first */
        {XB_DISCONNECTED, 0 + OFFLINE, 0, XB_CLOSING},
        {XB_TIMER, 0 + OFFLINE, TO_CLOSED, XB_CLOSED},
        LINGER(0 + OFFLINE),
        {XB_TIMER, 0 + OFFLINE, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };

    run(true, opening, ARRAY_SIZE(opening));
    run(true, waiting, ARRAY_SIZE(waiting));
    run(true, connecting, ARRAY_SIZE(connecting));
    run(true, serving, ARRAY_SIZE(serving));
}
END_TEST

START_TEST(never_connected_device_is_removed)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 1 + OFFLINE, XB_ACT_CLOSING | XB_ACT_GAP, XB_CLOSING},
        {XB_TIMER, 1 + OFFLINE, TO_CLOSED, XB_CLOSED},
        LINGER(1 + OFFLINE),
        {XB_TIMER, 1 + OFFLINE, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

/* `xl destroy`: the frontend's directory goes first, and much later our `online`. */
START_TEST(closed_device_lingers_before_it_goes)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 0, CLOSE_UP, XB_CLOSING},
        {XB_DISCONNECTED, 0, 0, XB_CLOSING},
        {XB_TIMER, 0, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 0, 0, XB_CLOSED},
        {XB_LOOK, 0 + OFFLINE, XB_ACT_DWELL, XB_CLOSED},
        {XB_LOOK, 0 + OFFLINE, 0, XB_CLOSED},
        {XB_TIMER, 0 + OFFLINE, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(missing_disk)
{
    const struct row rows[] = {
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPEN_FAILED, 1, XB_ACT_FAIL, XB_FAILED},
        {XB_LOOK, 1, 0, XB_FAILED},
        {XB_LOOK, 1 + OFFLINE, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };
    /* libxl gives up: it removes the frontend's directory and leaves ours to us. */
    const struct row given_up[] = {
        {XB_LOOK, 1, XB_ACT_OPEN, XB_OPENING},
        {XB_OPEN_FAILED, 1, XB_ACT_FAIL, XB_FAILED},
        {XB_LOOK, 0, XB_ACT_REMOVE | XB_ACT_RELEASE, XB_GONE},
    };

    run(true, rows, ARRAY_SIZE(rows));
    run(true, given_up, ARRAY_SIZE(given_up));
}
END_TEST

START_TEST(bad_frontend_keys_close_the_device)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 3, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECT_FAILED, 3, XB_ACT_CLOSING | XB_ACT_GAP, XB_CLOSING},
        {XB_TIMER, 3, 0, XB_CLOSING}, /* it must let go first */
        {XB_LOOK, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 6, 0, XB_CLOSED},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(protocol_fault_then_a_better_try)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_FAULT, 4, CLOSE_UP, XB_CLOSING},
        {XB_DISCONNECTED, 4, 0, XB_CLOSING},
        {XB_TIMER, 4, 0, XB_CLOSING},
        {XB_LOOK, 6, TO_CLOSED, XB_CLOSED},
        {XB_TIMER, 1, XB_ACT_INIT_WAIT, XB_WAITING},
    };
    run(true, rows, ARRAY_SIZE(rows));
}
END_TEST

/* S5: no sequence of states, however odd, writes 4 without a connect in this round, writes two
 * states in one step, or acts after release.  All sequences of length 7 over events and front
 * states. */
static void check_step(const struct xenbus_dev *before, enum xenbus_event ev, unsigned got)
{
    unsigned writes = got & (XB_ACT_CLOSING | XB_ACT_CLOSED | XB_ACT_INIT_WAIT | XB_ACT_SERVE);

    ck_assert_msg((writes & (writes - 1)) == 0, "two states in one step: %#x", got);
    if (before->phase == XB_GONE)
        ck_assert_uint_eq(got, 0);
    if (got & XB_ACT_SERVE)
        ck_assert(before->phase == XB_CONNECTING || before->phase == XB_SERVING);
    if (got & XB_ACT_INIT_WAIT)
        ck_assert(before->phase == XB_OPENING || before->phase == XB_CLOSED);
    if (got & XB_ACT_CLOSED)
        ck_assert(before->phase == XB_CLOSING && (before->drained || ev == XB_DISCONNECTED ||
                                                  ev == XB_FAULT || ev == XB_WORKER_LOST));
}

static unsigned long explored;

static void explore(const struct xenbus_dev *d, unsigned depth)
{
    static const int fronts[] = {GONE, 0, 1, 3, 4, 5, 6, 8, 4 + OFFLINE, 6 + OFFLINE};

    if (depth == 0)
        return;
    for (int ev = XB_LOOK; ev <= XB_TIMER; ev++) {
        for (size_t f = 0; f < ARRAY_SIZE(fronts); f++) {
            struct xenbus_view v = view(fronts[f]);
            struct xenbus_dev next = *d;

            check_step(d, (enum xenbus_event)ev, xenbus_step(&next, (enum xenbus_event)ev, &v));
            explored++;
            explore(&next, depth - 1);
        }
    }
}

START_TEST(flapping_never_breaks_the_rules)
{
    struct xenbus_dev d;
    struct xenbus_view v = view(1);

    xenbus_init(&d, true);
    (void)xenbus_step(&d, XB_LOOK, &v);
    (void)xenbus_step(&d, XB_OPENED, &v);
    explore(&d, 3);
    ck_assert_uint_gt(explored, 500000);
}
END_TEST

/* Linux asks for headroom: 7, answered with 8 once it is in force, and back to 4. */
START_TEST(reconfigured_while_served)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_CONNECTED, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_ADAPTED, 4, 0, XB_SERVING}, /* of limits */
        {XB_LOOK, 7, XB_ACT_ADAPT, XB_SERVING},
        {XB_LOOK, 7, 0, XB_SERVING},
        {XB_ADAPTED, 7, XB_ACT_RECONFIGURED, XB_SERVING},
        {XB_ADAPTED, 7, 0, XB_SERVING},
        {XB_LOOK, 4, XB_ACT_SERVE, XB_SERVING},
        {XB_LOOK, 4, 0, XB_SERVING},
        {XB_LOOK, 7, XB_ACT_ADAPT, XB_SERVING},
        /* its worker dies before it has adapted */
        {XB_WORKER_LOST, 7, XB_ACT_OPEN, XB_OPENING},
        {XB_OPENED, 7, XB_ACT_RESUME, XB_CONNECTING},
        {XB_CONNECTED, 7, XB_ACT_ADAPT, XB_SERVING},
        {XB_ADAPTED, 7, XB_ACT_RECONFIGURED, XB_SERVING},
        {XB_LOOK, 6, CLOSE_UP, XB_CLOSING},
    };
    run(false, rows, ARRAY_SIZE(rows));
}
END_TEST

/* 7 before 4 was ever shown is no frontend's way: nothing happens. */
START_TEST(reconfiguring_too_early)
{
    const struct row rows[] = {
        START,
        {XB_LOOK, 7, 0, XB_WAITING},
        {XB_LOOK, 4, XB_ACT_CONNECT, XB_CONNECTING},
        {XB_LOOK, 7, 0, XB_CONNECTING},
        {XB_ADAPTED, 7, 0, XB_CONNECTING},
        {XB_CONNECTED, 7, XB_ACT_SERVE | XB_ACT_ADAPT, XB_SERVING},
    };
    run(false, rows, ARRAY_SIZE(rows));
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(xenbus_state_name(2), "InitWait");
    ck_assert_str_eq(xenbus_state_name(99), "invalid");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xenbus");
    TCase *t = tcase_create("machine");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, linux_block_attach_and_detach);
    tcase_add_test(t, network_connects_at_4_only);
    tcase_add_test(t, state_4_waits_for_the_dwell);
    tcase_add_test(t, windows_closes_before_it_starts);
    tcase_add_test(t, grub_hands_over_to_linux);
    tcase_add_test(t, frontend_restarts_while_served);
    tcase_add_test(t, guest_destroyed_in_every_phase);
    tcase_add_test(t, never_connected_device_is_removed);
    tcase_add_test(t, missing_disk);
    tcase_add_test(t, closed_device_lingers_before_it_goes);
    tcase_add_test(t, bad_frontend_keys_close_the_device);
    tcase_add_test(t, protocol_fault_then_a_better_try);
    tcase_add_test(t, flapping_never_breaks_the_rules);
    tcase_add_test(t, reconfigured_while_served);
    tcase_add_test(t, reconfiguring_too_early);
    tcase_add_test(t, names);
    suite_add_tcase(s, t);
    return run_suite(s);
}
