/*
 * What a guest is held to, whole queues against the frontend of net_guest.h: rates, paces, and how
 * often it may wake a worker.
 */
#include "tests/unit/net_guest.h"
#include "tests/unit/suite.h"

/* A limit of 1000 bytes per ms on top of the burst: what waits goes out in time, nothing is lost.
 */
START_TEST(limits_the_rate)
{
    struct net_limits l = {.tx_bytes = 1000, .tx_usec = 1000, .rx_bytes = 1000, .rx_usec = 1000};
    size_t len = frame_build(f, FRAME_UDP4, 0, 1458);
    uint64_t began, took;
    unsigned sent = 0;
    uint8_t raw[NETIF_TX_SLOT];

    start();
    shared_set_limits(&shared, &l);
    began = clock_ns();
    for (unsigned i = 0; i < 188; i++) { /* 282 KB: 131 at once, 151 at 1 MB/s */
        if (i % 94 == 0)
            tx_gref = TX_DATA;
        (void)tx_frame(len, 0, NULL);
    }
    tx_push();
    while (sent < 188) {
        ck_assert_int_eq(net_queue_turn(q, 100000000), 0);
        while (ring_front_take(&tx, raw) == 1)
            sent++;
        while (on_wire(f) > 0)
            ;
    }
    took = clock_ns() - began;
    ck_assert_uint_gt(took, 120000000);
    ck_assert_uint_lt(took, 1000000000);
    (void)frame_build(f, FRAME_UDP4, 0, 1458);
    rx_post(200);
    began = clock_ns();
    for (unsigned i = 0; i < 188; i++) {
        to_wire(&plain, len);
        ck_assert_int_eq(net_queue_turn(q, 1), 0);
    }
    sent = 0;
    while (sent < 188) {
        ck_assert_int_eq(net_queue_turn(q, 100000000), 0);
        while (ring_front_take(&rx, raw) == 1)
            sent++;
    }
    took = clock_ns() - began;
    ck_assert_uint_gt(took, 120000000);
    ck_assert_uint_lt(took, 1000000000);
    stop();
}
END_TEST

/* Frames to a group go out at the pace that neighbours can stand, all of them, in order; what is
 * behind waits with them, and alone it does not wait. */
START_TEST(paces_frames_to_a_group)
{
    enum { FRAMES = 80 };
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);
    static uint8_t got[sizeof(f)];
    uint64_t began;
    unsigned sent = 0;

    start();
    for (unsigned i = 0; i <= FRAMES; i++) {
        f[0] = i < FRAMES; /* the last one is for one guest */
        f[len - 1] = (uint8_t)i;
        (void)tx_frame(len, 0, NULL);
    }
    tx_push();
    began = clock_ns();
    ck_assert_int_eq(net_queue_turn(q, 1), 0);
    while (on_wire(got) > 0)
        sent++;
    ck_assert_uint_ge(sent, GROUP_BURST);
    ck_assert_uint_le(sent, GROUP_BURST + (clock_ns() - began) * GROUP_PER_S / 1000000000 + 1);
    while (sent <= FRAMES) {
        ck_assert_int_eq(net_queue_turn(q, 100000000), 0);
        for (; on_wire(got) > 0; sent++)
            ck_assert_uint_eq(got[PORT_HEADER + len - 1], sent);
    }
    ck_assert_uint_ge(clock_ns() - began,
                      (FRAMES - GROUP_BURST) * UINT64_C(1000000000) / GROUP_PER_S);
    for (unsigned i = 0; i <= FRAMES; i++)
        ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    /* Frames that wait when the guest goes are gone with it. */
    for (unsigned i = 0; i < FRAMES; i++) {
        f[0] = 1;
        tx_gref = TX_DATA + i;
        (void)tx_frame(len, 0, NULL);
    }
    tx_push();
    ck_assert_int_eq(net_queue_turn(q, 1), 0);
    net_queue_disconnect(q);
    connect_queue();
    while (on_wire(got) > 0)
        ;
    f[0] = 0;
    (void)tx_frame(len, 0, NULL);
    tx_push();
    settle();
    ck_assert_int_eq(on_wire(got), PORT_HEADER + (ssize_t)len);
    ck_assert_int_eq(on_wire(got), -1);
    stop();
}
END_TEST

/* Who has used up the store loses frames to groups, at once, and no others. */
START_TEST(drops_a_flood_to_a_group)
{
    enum { AT_A_TIME = 50, ROUNDS = 14 };
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);
    unsigned ok = 0, lost = 0;
    uint64_t began;

    start();
    began = clock_ns();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i <= AT_A_TIME; i++) {
            f[0] = i < AT_A_TIME; /* the last one is for one guest */
            (void)tx_frame(len, 0, NULL);
        }
        tx_push();
        while (q->tx.prod != tx.prod) {
            ck_assert_int_eq(net_queue_turn(q, 10000000), 0);
            while (on_wire(f) > 0)
                ;
            (void)frame_build(f, FRAME_UDP4, 0, 18);
        }
        for (unsigned i = 0; i < AT_A_TIME; i++) {
            bool sent = tx_answer(NULL) == NETIF_STATUS_OKAY;

            ck_assert(!sent || lost == 0 || clock_ns() - began > 1000000000 / NET_GROUP_PER_S);
            ok += sent;
            lost += !sent;
        }
        ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    }
    ck_assert_uint_ge(ok, GROUP_STORE);
    ck_assert_uint_le(ok, GROUP_STORE + 1 + (clock_ns() - began) * NET_GROUP_PER_S / 1000000000);
    ck_assert_uint_gt(lost, 0);
    stop();
}
END_TEST

/* N16: after 10 s what is held is dropped, after 60 s the link counts as down, until slots come. */
START_TEST(gives_up_on_a_guest_that_takes_nothing)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 8958);

    start();
    rx_post(1);
    settle();
    to_wire(&plain, len);
    settle();
    ck_assert_uint_eq(q->rx_filled - q->rx_placed, 1);
    ck_assert_uint_ne(q->rx_short_since_ns, 0);
    q->rx_short_since_ns -= 11000000000u;
    kick(RX_PORT);
    settle();
    ck_assert_uint_eq(q->rx_filled - q->rx_placed, 0);
    ck_assert_uint_eq(stats.errors[STAT_READ], 1);
    ck_assert(!q->rx_stalled);
    to_wire(&plain, len);
    settle();
    q->rx_short_since_ns = clock_ns() - 61000000000u;
    kick(RX_PORT);
    settle();
    ck_assert(q->rx_stalled);
    ck_assert(q->changed);
    rx_post(3);
    settle();
    ck_assert(!q->rx_stalled);
    ck_assert_uint_eq(q->rx_short_since_ns, 0);
    stop();
}
END_TEST

/* R8: events without work are acknowledged ever later; work ends that. */
START_TEST(throttles_a_storm)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);
    uint64_t began;

    start();
    settle();
    unmasked = 0;
    began = clock_ns();
    while (clock_ns() - began < 300000000u) {
        kick(TX_PORT);
        ck_assert_int_eq(net_queue_turn(q, 1000000), 0);
    }
    ck_assert_uint_gt(unmasked, 10);
    ck_assert_uint_lt(unmasked, 40);
    (void)tx_frame(len, 0, NULL);
    tx_push();
    began = clock_ns();
    while (ring_front_take(&tx, f) == 0 && clock_ns() - began < 2000000000u)
        ck_assert_int_eq(net_queue_turn(q, 1000000), 0);
    ck_assert_uint_eq(q->idle_wakes, 0);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net pace");
    TCase *t = tcase_create("net pace");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, limits_the_rate);
    tcase_add_test(t, paces_frames_to_a_group);
    tcase_add_test(t, drops_a_flood_to_a_group);
    tcase_add_test(t, gives_up_on_a_guest_that_takes_nothing);
    tcase_add_test(t, throttles_a_storm);
    suite_add_tcase(s, t);
    return run_suite(s);
}
