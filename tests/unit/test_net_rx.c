/* Frames into a guest's receive slots: shape, flags, extra, and what a guest cannot take. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/headers.h"
#include "backends/net/rx.h"
#include "tests/unit/net_frames.h"
#include "tests/unit/suite.h"

static uint8_t f[RX_FRAME_MAX];
static struct rx_plan p;
static const struct rx_caps all = {
    .sg = true, .gso4 = true, .gso6 = true, .csum4 = true, .csum6 = true};
static const struct rx_caps none; /* the smallest frontend */

static struct virtio_net_hdr header(uint8_t flags, uint16_t start, uint16_t offset)
{
    return (struct virtio_net_hdr){.flags = flags, .csum_start = start, .csum_offset = offset};
}

static struct netif_rx_rsp response(unsigned i, uint16_t id, bool ok)
{
    struct netif_rx_rsp rsp;

    rx_response(&p, i, id, ok, &rsp);
    return rsp;
}

START_TEST(small_frame)
{
    uint32_t len = (uint32_t)frame_build(f, FRAME_UDP4, 0, 18);
    struct virtio_net_hdr h = header(0, 0, 0);
    struct netif_rx_rsp r;

    ck_assert_int_eq(rx_plan(&none, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.slots, 1);
    r = response(0, 0xbeef, true);
    ck_assert_uint_eq(r.id, 0xbeef);
    ck_assert_uint_eq(r.offset, 0);
    ck_assert_uint_eq(r.flags, 0);
    ck_assert_int_eq(r.status, 60);
    /* N18: the error stands in the slot of its request. */
    r = response(0, 0xbeef, false);
    ck_assert_uint_eq(r.id, 0xbeef);
    ck_assert_int_eq(r.status, NETIF_STATUS_ERROR);
}
END_TEST

/* All shares together are the frame, in order, each within one page. */
static void check_shares(uint32_t len)
{
    uint32_t at = 0;

    for (unsigned i = 0; i < p.slots; i++) {
        struct netif_rx_rsp r = response(i, 1, true);
        uint32_t from;
        uint16_t n;

        if (rx_is_extra(&p, i))
            continue;
        rx_share(&p, i, &from, &n);
        ck_assert_uint_eq(from, at);
        ck_assert_uint_le(p.headroom + n, 4096);
        ck_assert_uint_gt(n, 0);
        ck_assert_int_eq(r.status, p.headroom + n);
        at += n;
        ck_assert_int_eq(!!(r.flags & NETIF_RXF_MORE_DATA), at < len);
        ck_assert_int_eq(!!(r.flags & NETIF_RXF_EXTRA_INFO), i == 0 && p.extras > 0);
    }
    ck_assert_uint_eq(at, len);
}

START_TEST(slots_of_every_size)
{
    static const uint32_t sizes[] = {14, 60, 4095, 4096, 4097, 8192, 8193, 65535, RX_FRAME_MAX};
    struct virtio_net_hdr h = header(0, 0, 0);

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        ck_assert_int_eq(rx_plan(&all, f, sizes[i], &h, &p), 0);
        ck_assert_uint_eq(p.slots, (sizes[i] + 4095) / 4096);
        ck_assert_uint_le(p.slots, RX_PAGES_MAX);
        check_shares(sizes[i]);
    }
    ck_assert_int_eq(rx_plan(&all, f, 13, &h, &p), -EINVAL);
    ck_assert_int_eq(rx_plan(&all, f, RX_FRAME_MAX + 1, &h, &p), -EINVAL);
    /* Without scatter-gather a frame has one slot. */
    ck_assert_int_eq(rx_plan(&none, f, 4096, &h, &p), 0);
    ck_assert_int_eq(rx_plan(&none, f, 4097, &h, &p), -EINVAL);
}
END_TEST

START_TEST(gso)
{
    uint32_t len = (uint32_t)frame_build(f, FRAME_TCP6, 0, 60000);
    struct virtio_net_hdr h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 54, 16);
    struct netif_extra e;

    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    h.gso_size = 1428;
    ck_assert_int_eq(rx_plan(&all, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.slots, 16);
    check_shares(len);
    ck_assert_uint_eq(response(0, 1, true).flags, NETIF_RXF_CSUM_BLANK | NETIF_RXF_DATA_VALIDATED |
                                                      NETIF_RXF_MORE_DATA | NETIF_RXF_EXTRA_INFO);
    ck_assert(rx_is_extra(&p, 1));
    rx_response(&p, 1, 77, true, &e);
    ck_assert_uint_eq(e.type, NETIF_EXTRA_GSO);
    ck_assert_uint_eq(e.flags, 0);
    ck_assert_uint_eq(e.u.gso.type, NETIF_GSO_TCPV6);
    ck_assert_uint_eq(e.u.gso.size, 1428);
    ck_assert_uint_eq(e.u.gso.pad | e.u.gso.features, 0);
    /* ECN is the sender's affair: netif has no word for it. */
    h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    ck_assert_int_eq(rx_plan(&all, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.gso_type, NETIF_GSO_TCPV6);
}
END_TEST

START_TEST(gso_that_was_not_accepted)
{
    uint32_t len = (uint32_t)frame_build(f, FRAME_TCP4, 0, 9000);
    struct virtio_net_hdr h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 34, 16);
    struct rx_caps caps = all;

    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = 1448;
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), 0);
    caps.gso4 = false;
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), -EINVAL);
    caps = all;
    caps.csum4 = false;
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), -EINVAL);
    h.gso_type = VIRTIO_NET_HDR_GSO_UDP;
    ck_assert_int_eq(rx_plan(&all, f, len, &h, &p), -EINVAL);
    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = 0;
    ck_assert_int_eq(rx_plan(&all, f, len, &h, &p), -EINVAL);
}
END_TEST

/* The sum over pseudo header and all, as a receiver checks it. */
static bool checks_out(uint32_t len, uint16_t l4)
{
    uint8_t copy[2048];
    struct headers t;
    uint16_t sum, got;

    memcpy(copy, f, len);
    ck_assert_int_eq(headers_parse(copy, len, &t), 0);
    memcpy(&got, copy + t.csum, 2);
    sum = headers_pseudo_sum(copy, len, &t);
    memcpy(copy + t.csum, &sum, 2);
    headers_fill_csum(copy, len, l4, (uint16_t)(t.csum - l4));
    memcpy(&sum, copy + t.csum, 2);
    return sum == got;
}

static uint32_t blank_frame(enum frame_kind kind, unsigned tags, struct virtio_net_hdr *h)
{
    uint32_t len = (uint32_t)frame_build(f, kind, tags, 501);
    struct headers t;
    uint16_t sum;

    ck_assert_int_eq(headers_parse(f, len, &t), 0);
    sum = headers_pseudo_sum(f, len, &t);
    memcpy(f + t.csum, &sum, 2);
    *h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, t.l4, (uint16_t)(t.csum - t.l4));
    return len;
}

START_TEST(checksum_flags)
{
    struct virtio_net_hdr h;
    struct rx_caps caps = all;
    uint32_t len = blank_frame(FRAME_TCP4, 0, &h);

    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.flags, NETIF_RXF_CSUM_BLANK | NETIF_RXF_DATA_VALIDATED);
    ck_assert(!checks_out(len, h.csum_start)); /* left blank */
    caps.csum4 = false;
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.flags, NETIF_RXF_DATA_VALIDATED);
    ck_assert(checks_out(len, h.csum_start)); /* filled in */
    caps = all;
    caps.csum6 = false;
    len = blank_frame(FRAME_UDP6, 0, &h);
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.flags, NETIF_RXF_DATA_VALIDATED);
    ck_assert(checks_out(len, h.csum_start));
    h = header(VIRTIO_NET_HDR_F_DATA_VALID, 0, 0);
    ck_assert_int_eq(rx_plan(&none, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.flags, NETIF_RXF_DATA_VALIDATED);
}
END_TEST

/* Behind a VLAN tag a frontend does not look for the field. */
START_TEST(checksum_behind_a_tag)
{
    struct virtio_net_hdr h;
    uint32_t len = blank_frame(FRAME_TCP4, 1, &h);

    ck_assert_int_eq(rx_plan(&all, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.flags, NETIF_RXF_DATA_VALIDATED);
    ck_assert(checks_out(len, h.csum_start));
}
END_TEST

START_TEST(checksum_outside_the_frame)
{
    struct virtio_net_hdr h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 60, 16);

    ck_assert_int_eq(rx_plan(&all, f, 77, &h, &p), -EINVAL);
    ck_assert_int_eq(rx_plan(&all, f, 78, &h, &p), 0);
    h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0xffff, 0xffff);
    ck_assert_int_eq(rx_plan(&all, f, 1000, &h, &p), -EINVAL);
}
END_TEST

START_TEST(slots_needed)
{
    struct rx_caps sg = {.sg = true};

    ck_assert_uint_eq(rx_slots_needed(&none, 9014), 1);
    ck_assert_uint_eq(rx_slots_needed(&sg, 1514), 1);
    ck_assert_uint_eq(rx_slots_needed(&sg, 9014), 3);
    ck_assert_uint_eq(rx_slots_needed(&all, 1514), 18);
    sg = all;
    sg.headroom = RX_HEADROOM_MAX;
    sg.hash = (struct net_hash){.algorithm = NETIF_HASH_TOEPLITZ, .types = 15};
    ck_assert_uint_eq(rx_slots_needed(&sg, 1514), RX_SLOTS_MAX);
}
END_TEST

/* Room in front of each slot's data, all three extra infos in the order of their types. */
START_TEST(headroom_and_hash)
{
    uint32_t len = (uint32_t)frame_build(f, FRAME_TCP4, 0, 60000);
    struct virtio_net_hdr h = header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 34, 16);
    struct rx_caps caps = all;
    struct netif_extra e[3];
    uint32_t value;

    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = 1448;
    caps.headroom = 256;
    caps.hash = (struct net_hash){.algorithm = NETIF_HASH_TOEPLITZ, .types = 15, .key = {1, 2, 3}};
    ck_assert_int_eq(rx_plan(&caps, f, len, &h, &p), 0);
    ck_assert_uint_eq(p.extras, 3);
    ck_assert_uint_eq(p.slots, 3 + (len + 3839) / 3840);
    check_shares(len);
    for (unsigned i = 0; i < 3; i++)
        rx_response(&p, 1 + i, 9, true, &e[i]);
    ck_assert_uint_eq(e[0].type, NETIF_EXTRA_GSO);
    ck_assert_uint_eq(e[1].type, NETIF_EXTRA_HASH);
    ck_assert_uint_eq(e[2].type, NETIF_EXTRA_XDP);
    ck_assert_uint_eq(e[0].flags & e[1].flags, NETIF_EXTRA_MORE);
    ck_assert_uint_eq(e[2].flags, 0);
    ck_assert_uint_eq(e[1].u.hash.type, NETIF_HASH_IPV4_TCP);
    ck_assert_uint_eq(e[1].u.hash.algorithm, NETIF_HASH_TOEPLITZ);
    memcpy(&value, e[1].u.hash.value, 4);
    ck_assert_uint_eq(value, p.hash_value);
    ck_assert_uint_eq(e[2].u.xdp.headroom, 256);
    /* A frame that has no hash, at a guest without scatter-gather. */
    caps.sg = caps.gso4 = false;
    memset(f, 0xff, 60);
    h = header(0, 0, 0);
    ck_assert_int_eq(rx_plan(&caps, f, 60, &h, &p), 0);
    ck_assert_uint_eq(p.slots, 2);
    check_shares(60);
    ck_assert_int_eq(rx_plan(&caps, f, 3840, &h, &p), 0);
    ck_assert_int_eq(rx_plan(&caps, f, 3841, &h, &p), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net rx");
    TCase *t = tcase_create("net rx");

    tcase_add_test(t, small_frame);
    tcase_add_test(t, slots_of_every_size);
    tcase_add_test(t, gso);
    tcase_add_test(t, gso_that_was_not_accepted);
    tcase_add_test(t, checksum_flags);
    tcase_add_test(t, checksum_behind_a_tag);
    tcase_add_test(t, checksum_outside_the_frame);
    tcase_add_test(t, slots_needed);
    tcase_add_test(t, headroom_and_hash);
    suite_add_tcase(s, t);
    return run_suite(s);
}
