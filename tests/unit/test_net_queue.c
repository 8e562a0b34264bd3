/*
 * A whole vif queue, io_uring included, against a frontend in this process (net_guest.h).  What Xen
 * itself does with grants and events is fakexen's and the rig's to show.  What a guest is held to:
 * test_net_pace.c.
 */
#include "tests/unit/net_guest.h"
#include "tests/unit/suite.h"

/* ---- transmit ---- */

START_TEST(sends_frames_in_order)
{
    static uint8_t got[sizeof(f)];
    uint16_t id;

    start();
    for (unsigned i = 0; i < 150; i++) {
        size_t len = frame_build(f, FRAME_UDP4, 0, 18 + i);

        f[42] = (uint8_t)i;
        (void)tx_frame(len, 0, NULL);
        if (i % 50 == 49)
            tx_push();
    }
    settle();
    for (unsigned i = 0; i < 150; i++) {
        ck_assert_int_eq(on_wire(got), PORT_HEADER + 60 + i);
        ck_assert_mem_eq(got, &plain, PORT_HEADER);
        ck_assert_uint_eq(got[PORT_HEADER + 42], i);
        ck_assert_int_eq(tx_answer(&id), NETIF_STATUS_OKAY);
        ck_assert_uint_eq(id, 100);
    }
    ck_assert_int_eq(on_wire(got), -1);
    ck_assert_uint_ge(notified[TX_PORT], 1);
    ck_assert_uint_eq(notified[RX_PORT], 0);
    ck_assert_uint_le(copy_calls, (150 + TX_BATCH - 1) / TX_BATCH); /* batches, not frames */
    stop();
}
END_TEST

START_TEST(sends_a_large_segment_whole)
{
    static uint8_t got[sizeof(f)];
    struct netif_extra e = {.type = NETIF_EXTRA_GSO, .u.gso = {1448, NETIF_GSO_TCPV4, 0, 0}};
    size_t len = frame_build(f, FRAME_TCP4, 0, 64000);
    struct virtio_net_hdr h;

    start();
    for (unsigned round = 0; round < 14; round++) {
        unsigned slots = tx_frame(len, NETIF_TXF_CSUM_BLANK, &e);

        tx_push();
        settle();
        ck_assert_int_eq(on_wire(got), PORT_HEADER + (ssize_t)len);
        memcpy(&h, got, sizeof(h));
        ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
        ck_assert_uint_eq(h.gso_size, 1448);
        ck_assert_mem_eq(got + PORT_HEADER, f, len);
        for (unsigned i = 0; i < slots; i++)
            ck_assert_int_eq(tx_answer(NULL), i == 1 ? NETIF_STATUS_NULL : NETIF_STATUS_OKAY);
    }
    stop();
}
END_TEST

/* The answers of a sweep are announced with one event. */
START_TEST(announces_answers_once)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);

    start();
    settle();
    for (unsigned i = 0; i < 3; i++)
        (void)tx_frame(len, 0, NULL);
    tx_push();
    ck_assert_int_eq(net_queue_turn(q, 1000000000), 0);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    ck_assert_uint_eq(notified[TX_PORT], 1);
    settle();
    ck_assert_uint_eq(notified[TX_PORT], 1);
    stop();
}
END_TEST

/* N15: one bad grant in the middle; the neighbours of the packet go out. */
START_TEST(bad_grant_loses_one_packet)
{
    static uint8_t got[sizeof(f)];
    struct netif_extra e = {.type = NETIF_EXTRA_GSO, .u.gso = {1448, NETIF_GSO_TCPV4, 0, 0}};
    size_t small, len;

    start();
    small = frame_build(f, FRAME_UDP4, 0, 18);
    (void)tx_frame(small, 0, NULL);
    len = frame_build(f, FRAME_TCP4, 0, 9000);
    bad_gref[tx_gref + 1] = true;
    ck_assert_uint_eq(tx_frame(len, NETIF_TXF_CSUM_BLANK, &e), 4);
    (void)frame_build(f, FRAME_UDP4, 0, 18);
    (void)tx_frame(small, 0, NULL);
    tx_push();
    settle();
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_NULL);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    ck_assert_int_eq(on_wire(got), PORT_HEADER + (ssize_t)small);
    ck_assert_int_eq(on_wire(got), PORT_HEADER + (ssize_t)small);
    ck_assert_int_eq(on_wire(got), -1);
    stop();
}
END_TEST

/* R18: the ioctl fails as a whole: nothing is known, nothing is sent. */
START_TEST(failed_copy_sends_nothing)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);

    start();
    copy_fails = 1;
    (void)tx_frame(len, 0, NULL);
    (void)tx_frame(len, 0, NULL);
    tx_push();
    settle();
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(on_wire(f), -1);
    stop();
}
END_TEST

/* N3, N8, R1: the ring stops, nothing hangs, the text says why. */
START_TEST(stops_on_broken_rings)
{
    struct netif_extra e = {
        .type = NETIF_EXTRA_GSO, .flags = NETIF_EXTRA_MORE, .u.gso = {1448, NETIF_GSO_TCPV4, 0, 0}};

    for (int i = 0; i < 5; i++) {
        start();
        if (i == 0)
            tx_put(1, TX_DATA, 0, 100, NETIF_TXF_MORE_DATA);
        if (i == 1) {
            tx_put(1, TX_DATA, 0, 100, NETIF_TXF_EXTRA_INFO);
            ring_front_put(&tx, &e, sizeof(e));
        }
        if (i == 2)
            tx_put(1, TX_DATA, 4000, 100, 0);
        tx_push();
        if (i == 3)
            ring_raw_set(&tx, 0, 257);
        if (i == 4)
            ring_raw_set(&rx, 0, 0u - 1);
        kick(TX_PORT);
        settle();
        ck_assert_int_eq(q->fault, -EPROTO);
        ck_assert_ptr_nonnull(q->fault_text);
        ck_assert(!q->serving);
        ck_assert_int_eq(on_wire(f), -1);
        stop();
    }
}
END_TEST

/* ---- receive ---- */

START_TEST(delivers_frames)
{
    start();
    rx_post(256);
    settle();
    for (unsigned i = 0; i < 100; i++) {
        size_t len = frame_build(f, FRAME_UDP4, 0, 18 + i);

        to_wire(&plain, len);
        if (i % 10 == 9)
            settle();
    }
    settle();
    for (unsigned i = 0; i < 100; i++) {
        struct netif_rx_rsp r = rx_answer();

        ck_assert_uint_eq(r.id, (uint16_t)(i * 7 + 3)); /* N19: same slot, same id */
        ck_assert_uint_eq(r.flags, 0);
        ck_assert_int_eq(r.status, (int)(60 + i));
        (void)frame_build(f, FRAME_UDP4, 0, 18 + i);
        ck_assert_mem_eq(page[RX_DATA + i], f, 60 + i);
        /* N26: behind the frame the guest's page is untouched. */
        for (unsigned k = 60 + i; k < GRANT_PAGE; k++)
            ck_assert_uint_eq(page[RX_DATA + i][k], CANARY);
    }
    ck_assert_uint_ge(notified[RX_PORT], 1);
    stop();
}
END_TEST

START_TEST(delivers_a_large_segment)
{
    struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                               .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                               .gso_size = 1448,
                               .csum_start = 34,
                               .csum_offset = 16};
    size_t len = frame_build(f, FRAME_TCP4, 0, 65000), at = 0;
    struct netif_rx_rsp r;
    struct netif_extra e;

    start();
    rx_post(16);
    settle();
    to_wire(&h, len);
    settle();
    ck_assert_int_eq(ring_front_take(&rx, &r), 0); /* 16 pages and the extra, all or nothing */
    stop();
    start();
    rx_post(17);
    settle();
    to_wire(&h, len);
    settle();
    for (unsigned i = 0; i < 17; i++) {
        if (i == 1) {
            ck_assert_int_eq(ring_front_take(&rx, &e), 1);
            ck_assert_uint_eq(e.type, NETIF_EXTRA_GSO);
            ck_assert_uint_eq(e.u.gso.size, 1448);
            continue;
        }
        r = rx_answer();
        ck_assert_int_gt(r.status, 0);
        ck_assert_mem_eq(page[RX_DATA + i], f + at, (size_t)r.status);
        at += (size_t)r.status;
    }
    ck_assert_uint_eq(at, len);
    stop();
}
END_TEST

/* N16, N17: without slots little is read from the port, nothing is lost that was read, and a frame
 * goes out exactly when all its slots are there. */
START_TEST(waits_for_slots)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 1472);
    struct netif_rx_rsp r;
    unsigned sent = 0;

    conn.sg = true;
    start();
    rx_post(1);
    settle();
    for (unsigned i = 0; i < 40; i++) {
        static uint8_t out[2048];

        memcpy(out, &plain, PORT_HEADER);
        memcpy(out + PORT_HEADER, f, len);
        out[PORT_HEADER + 42] = (uint8_t)i;
        if (send(wire, out, PORT_HEADER + len, MSG_DONTWAIT) > 0)
            sent++;
        settle();
    }
    ck_assert_uint_gt(sent, 5);
    ck_assert_int_eq(rx_answer().status, (int)len);
    ck_assert_int_eq(ring_front_take(&rx, &r), 0);
    ck_assert_uint_eq(q->rx_filled, 1); /* the rest is left to the port's own queue */
    rx_post(100);
    settle();
    for (unsigned i = 1; i < sent; i++) {
        ck_assert_int_eq(rx_answer().status, (int)len);
        ck_assert_uint_eq(page[RX_DATA + i][42], i);
    }
    ck_assert_int_eq(ring_front_take(&rx, &r), 0);
    stop();
}
END_TEST

START_TEST(frame_of_three_slots_waits_for_three)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 8958);
    struct netif_rx_rsp r;

    start();
    rx_post(1);
    settle();
    to_wire(&plain, len);
    settle();
    rx_post(1);
    settle();
    ck_assert_int_eq(ring_front_take(&rx, &r), 0);
    rx_post(1);
    settle();
    ck_assert_int_eq(rx_answer().status, 4096);
    ck_assert_int_eq(rx_answer().status, 4096);
    ck_assert_int_eq(rx_answer().status, (int)len - 8192);
    stop();
}
END_TEST

/* N18: an error in that slot only. */
START_TEST(bad_receive_grant)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 100);

    start();
    bad_gref[RX_DATA + 1] = true;
    rx_post(4);
    settle();
    for (unsigned i = 0; i < 3; i++)
        to_wire(&plain, len);
    settle();
    ck_assert_int_eq(rx_answer().status, (int)len);
    ck_assert_int_eq(rx_answer().status, NETIF_STATUS_ERROR);
    ck_assert_int_eq(rx_answer().status, (int)len);
    stop();
}
END_TEST

/* ---- policy ---- */

/* N24: only its own source address. */
START_TEST(drops_spoofed_sources)
{
    static uint8_t got[sizeof(f)];
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);

    start();
    f[11] ^= 1;
    (void)tx_frame(len, 0, NULL);
    f[11] ^= 1;
    (void)tx_frame(len, 0, NULL);
    tx_push();
    settle();
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    ck_assert_int_eq(on_wire(got), PORT_HEADER + (ssize_t)len);
    ck_assert_int_eq(on_wire(got), -1);
    shared.filter.any_source = true;
    f[11] ^= 1;
    (void)tx_frame(len, 0, NULL);
    tx_push();
    settle();
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
    stop();
}
END_TEST

static int16_t mcast(uint8_t type, const uint8_t addr[6])
{
    struct netif_extra e = {.type = type};
    uint8_t raw[NETIF_TX_SLOT] = {0};
    int16_t status;

    memcpy(e.u.mcast, addr, 6);
    memcpy(raw, &e, sizeof(e));
    tx_put(1, 0, 0, 0, NETIF_TXF_EXTRA_INFO);
    ring_front_put(&tx, raw, sizeof(raw));
    tx_push();
    settle();
    status = tx_answer(NULL);
    ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_NULL);
    return status;
}

/* N13, and the filter at work. */
START_TEST(filters_multicast)
{
    static const uint8_t a[6] = {1, 0, 0x5e, 0, 0, 1}, b[6] = {1, 0, 0x5e, 0, 0, 2};
    static const uint8_t all_ones[6] = {255, 255, 255, 255, 255, 255};
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);
    struct netif_rx_rsp r;

    start();
    filter_reset(&shared.filter, true);
    ck_assert_int_eq(mcast(NETIF_EXTRA_MCAST_ADD, a), NETIF_STATUS_OKAY);
    ck_assert_int_eq(mcast(NETIF_EXTRA_MCAST_ADD, f), NETIF_STATUS_ERROR); /* unicast */
    ck_assert_int_eq(mcast(NETIF_EXTRA_MCAST_DEL, b), NETIF_STATUS_OKAY);  /* not there */
    rx_post(8);
    settle();
    to_wire(&plain, len);
    memcpy(f, a, 6);
    to_wire(&plain, len);
    memcpy(f, b, 6);
    to_wire(&plain, len);
    memcpy(f, all_ones, 6);
    to_wire(&plain, len);
    settle();
    for (unsigned i = 0; i < 3; i++)
        (void)rx_answer();
    ck_assert_int_eq(ring_front_take(&rx, &r), 0);
    ck_assert_mem_eq(page[RX_DATA + 1], a, 6);
    ck_assert_mem_eq(page[RX_DATA + 2], all_ones, 6);
    ck_assert_int_eq(mcast(NETIF_EXTRA_MCAST_DEL, a), NETIF_STATUS_OKAY);
    memcpy(f, a, 6);
    to_wire(&plain, len);
    settle();
    ck_assert_int_eq(ring_front_take(&rx, &r), 0);
    stop();
}
END_TEST

/* ---- life ---- */

START_TEST(reconnects)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 18);

    start();
    for (int i = 0; i < 20; i++) {
        rx_post(8);
        to_wire(&plain, len);
        (void)tx_frame(len, 0, NULL);
        tx_push();
        settle();
        ck_assert_int_eq(tx_answer(NULL), NETIF_STATUS_OKAY);
        ck_assert_int_eq(rx_answer().status, (int)len);
        net_queue_disconnect(q);
        ck_assert_uint_eq(q->rx_reading + q->tx_writing, 0);
        conn.queue[0].rx_port = i % 2 ? RX_PORT : TX_PORT; /* split or not */
        connect_queue();
    }
    bad_gref[RX_RING] = true;
    net_queue_disconnect(q);
    {
        struct why why;

        ck_assert_int_lt(net_queue_connect(q, &conn, 1500, &why), 0);
        ck_assert_ptr_nonnull(strstr(why.text, "rx ring"));
        ck_assert_ptr_null(q->tx_page);
    }
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net queue");
    TCase *t = tcase_create("net queue");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, sends_frames_in_order);
    tcase_add_test(t, sends_a_large_segment_whole);
    tcase_add_test(t, announces_answers_once);
    tcase_add_test(t, bad_grant_loses_one_packet);
    tcase_add_test(t, failed_copy_sends_nothing);
    tcase_add_test(t, stops_on_broken_rings);
    tcase_add_test(t, delivers_frames);
    tcase_add_test(t, delivers_a_large_segment);
    tcase_add_test(t, waits_for_slots);
    tcase_add_test(t, frame_of_three_slots_waits_for_three);
    tcase_add_test(t, bad_receive_grant);
    tcase_add_test(t, drops_spoofed_sources);
    tcase_add_test(t, filters_multicast);
    tcase_add_test(t, reconnects);
    suite_add_tcase(s, t);
    return run_suite(s);
}
