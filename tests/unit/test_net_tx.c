/* Transmit chains: every row of the hostile-peer catalogue that can be decided from slots and
 * frame alone (N1..N12, N15), and the golden vectors of the offload mapping. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "backends/net/tx.h"
#include "tests/unit/net_frames.h"
#include "tests/unit/suite.h"

static struct tx_packet p;
static struct tx_rules rules;
static uint8_t f[70000];

enum { MORE = NETIF_TXF_MORE_DATA, EXTRA = NETIF_TXF_EXTRA_INFO, BLANK = NETIF_TXF_CSUM_BLANK };

static void fresh(void)
{
    rules = (struct tx_rules){.frame_max = 1514, .gso4 = true, .gso6 = true};
    memset(&p, 0xa5, sizeof(p)); /* nothing may depend on what was there */
    tx_begin(&p);
}

static int slot(uint16_t id, uint16_t offset, uint16_t size, uint16_t flags)
{
    struct netif_tx_req r = {
        .gref = 1000u + id, .offset = offset, .flags = flags, .id = id, .size = size};

    return tx_feed(&p, &r);
}

static int extra(struct netif_extra e)
{
    uint8_t raw[NETIF_TX_SLOT] = {0};

    memcpy(raw, &e, sizeof(e));
    return tx_feed(&p, raw);
}

static struct netif_extra gso(uint16_t size, uint8_t type)
{
    struct netif_extra e = {.type = NETIF_EXTRA_GSO};

    e.u.gso.size = size;
    e.u.gso.type = type;
    return e;
}

/* ---- shape of the chain ---- */

START_TEST(one_slot)
{
    fresh();
    ck_assert_int_eq(slot(7, 100, 60, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    ck_assert_uint_eq(p.len, 60);
    ck_assert_uint_eq(p.nsegs, 1);
    ck_assert_uint_eq(p.seg[0].gref, 1007);
    ck_assert_uint_eq(p.seg[0].off, 100);
    ck_assert_uint_eq(p.seg[0].len, 60);
}
END_TEST

/* The first slot's own share is the total less the others. */
START_TEST(three_slots_and_gso)
{
    fresh();
    ck_assert_int_eq(slot(1, 0, 1300, MORE | EXTRA | BLANK), 1);
    ck_assert_int_eq(extra(gso(500, NETIF_GSO_TCPV4)), 1);
    ck_assert_int_eq(slot(2, 8, 1000, MORE), 1);
    ck_assert_int_eq(slot(3, 4000, 96, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    ck_assert_uint_eq(p.nsegs, 3);
    ck_assert_uint_eq(p.seg[0].len, 204);
    ck_assert_uint_eq(p.seg[2].off + p.seg[2].len, 4096);
    ck_assert_uint_eq(p.nslots, 4);
    /* N15: every slot answered in order, the extra's with NULL. */
    ck_assert_int_eq(tx_response(&p, 0, NETIF_STATUS_ERROR).status, NETIF_STATUS_ERROR);
    ck_assert_int_eq(tx_response(&p, 1, NETIF_STATUS_ERROR).status, NETIF_STATUS_NULL);
    ck_assert_uint_eq(tx_response(&p, 2, NETIF_STATUS_OKAY).id, 2);
    ck_assert_uint_eq(tx_response(&p, 3, NETIF_STATUS_OKAY).id, 3);
}
END_TEST

START_TEST(n1_too_short)
{
    for (uint16_t size = 0; size < 14; size++) {
        fresh();
        ck_assert_int_eq(slot(1, 0, size, 0), 0);
        ck_assert_int_eq(tx_check(&p, &rules), TX_DROP);
    }
}
END_TEST

START_TEST(n2_crosses_its_page)
{
    fresh();
    ck_assert_int_eq(slot(1, 4037, 60, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_FATAL);
    fresh(); /* u16 + u16 wraps to 59 */
    ck_assert_int_eq(slot(1, 0xffff, 60, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_FATAL);
    fresh();
    ck_assert_int_eq(slot(1, 0, 1000, MORE), 1);
    ck_assert_int_eq(slot(2, 0xfff0, 0x20, 0), -EPROTO);
    fresh(); /* exactly the end is inside */
    ck_assert_int_eq(slot(1, 4036, 60, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    fresh(); /* of slot 1 only its own share counts */
    ck_assert_int_eq(slot(1, 4000, 1096, MORE), 1);
    ck_assert_int_eq(slot(2, 0, 1000, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    fresh();
    ck_assert_int_eq(slot(1, 4001, 1096, MORE), 1);
    ck_assert_int_eq(slot(2, 0, 1000, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_FATAL);
}
END_TEST

/* `more` slots of one byte behind the first; the last tx_feed's answer. */
static int chain(unsigned more)
{
    int rc;

    fresh();
    rc = slot(0, 0, 100, more ? MORE : 0);
    for (unsigned i = 1; i <= more && rc > 0; i++)
        rc = slot((uint16_t)i, 0, 1, i < more ? MORE : 0);
    return rc;
}

START_TEST(n4_slots)
{
    ck_assert_int_eq(chain(18), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND); /* N7: 1 + 18 slots, 100 bytes */
    ck_assert_uint_eq(p.nsegs, 19);
    ck_assert_int_eq(chain(19), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_DROP);
    ck_assert_uint_eq(p.nslots, 20); /* all consumed, all answered */
    ck_assert_int_eq(chain(20), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_DROP);
    ck_assert_int_eq(chain(21), -EPROTO);
    ck_assert_int_eq(chain(100), -EPROTO);
    ck_assert_ptr_nonnull(p.reason);
}
END_TEST

START_TEST(n5_fragments_beyond_the_total)
{
    fresh();
    ck_assert_int_eq(slot(1, 0, 100, MORE), 1);
    ck_assert_int_eq(slot(2, 0, 101, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_DROP);
    ck_assert_uint_eq(p.nslots, 2);
    fresh(); /* 17 x 4096 = 69632: the sum does not fit 16 bits */
    ck_assert_int_eq(slot(1, 0, 5000, MORE), 1);
    for (unsigned i = 0; i < 17; i++)
        ck_assert_int_eq(slot(2, 0, 4096, i < 16 ? MORE : 0), i < 16);
    ck_assert_int_eq(tx_check(&p, &rules), TX_DROP);
}
END_TEST

START_TEST(n6_empty_fragments)
{
    fresh();
    ck_assert_int_eq(slot(1, 0, 64, MORE), 1);
    ck_assert_int_eq(slot(2, 0, 0, MORE), 1);
    ck_assert_int_eq(slot(3, 0, 64, MORE), 1); /* nothing is left for slot 1 */
    ck_assert_int_eq(slot(4, 4096, 0, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    ck_assert_uint_eq(p.nsegs, 1);
    ck_assert_uint_eq(p.seg[0].gref, 1003);
    ck_assert_uint_eq(p.nslots, 4);
}
END_TEST

START_TEST(n8_extra_types)
{
    static const uint8_t bad[] = {0, 5, 6, 255};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        fresh();
        ck_assert_int_eq(slot(1, 0, 100, EXTRA), 1);
        ck_assert_int_eq(extra((struct netif_extra){.type = bad[i]}), -EPROTO);
    }
}
END_TEST

/* The rule: each type once; multicast makes the packet a request, whatever else it carries. */
START_TEST(n9_extra_combinations)
{
    struct netif_extra e = gso(500, NETIF_GSO_TCPV4);
    struct netif_extra m = {.type = NETIF_EXTRA_MCAST_ADD, .u.mcast = {1, 0, 0x5e, 0, 0, 1}};

    fresh();
    e.flags = NETIF_EXTRA_MORE;
    ck_assert_int_eq(slot(1, 0, 100, EXTRA), 1);
    ck_assert_int_eq(extra(e), 1);
    ck_assert_int_eq(extra(e), -EPROTO);
    fresh();
    ck_assert_int_eq(slot(1, 0, 100, EXTRA | MORE), 1);
    ck_assert_int_eq(extra(m), 1);
    ck_assert_int_eq(slot(2, 0, 50, 0), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_CONTROL);
    ck_assert_uint_eq(p.mcast_type, NETIF_EXTRA_MCAST_ADD);
    ck_assert_mem_eq(p.mcast, m.u.mcast, 6);
    ck_assert_uint_eq(p.nslots, 3);
    fresh(); /* a request alone has size 0 */
    m.type = NETIF_EXTRA_MCAST_DEL;
    ck_assert_int_eq(slot(1, 0, 0, EXTRA), 1);
    ck_assert_int_eq(extra(m), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_CONTROL);
    /* "more" of the extra, not of the slot, says whether another extra follows. */
    fresh();
    ck_assert_int_eq(slot(1, 0, 100, EXTRA | MORE), 1);
    ck_assert_int_eq(extra(gso(500, NETIF_GSO_TCPV4)), 1);
    ck_assert_int_eq(slot(2, 0, 50, 0), 0);
}
END_TEST

static enum tx_verdict gso_verdict(struct netif_extra e, uint16_t size)
{
    fresh();
    ck_assert_int_eq(slot(1, 0, size, EXTRA | BLANK), 1);
    ck_assert_int_eq(extra(e), 0);
    return tx_check(&p, &rules);
}

START_TEST(n10_gso_fatal)
{
    ck_assert_int_eq(gso_verdict(gso(0, NETIF_GSO_TCPV4), 1000), TX_FATAL);
    ck_assert_int_eq(gso_verdict(gso(500, 0), 1000), TX_FATAL);
    ck_assert_int_eq(gso_verdict(gso(500, 3), 1000), TX_FATAL);
    /* Fatal even when something else would drop the packet. */
    ck_assert_int_eq(gso_verdict(gso(0, NETIF_GSO_TCPV4), 5), TX_FATAL);
}
END_TEST

/* ---- the frame ---- */

static struct virtio_net_hdr h;

/* One packet of `kind`, with `payload` bytes, in as many slots as it takes. */
static enum tx_verdict send_frame(enum frame_kind kind, unsigned tags, size_t payload,
                                  uint16_t flags, uint16_t mss)
{
    bool v6 = kind == FRAME_TCP6 || kind == FRAME_UDP6;
    size_t len = frame_build(f, kind, tags, payload), rest;
    enum tx_verdict v;
    int rc;

    tx_begin(&p);
    rest = len > 4096 ? len - 4096 : 0;
    rc = slot(0, 0, (uint16_t)len, (uint16_t)(flags | (mss ? EXTRA : 0) | (rest ? MORE : 0)));
    if (mss)
        rc = extra(gso(mss, v6 ? NETIF_GSO_TCPV6 : NETIF_GSO_TCPV4));
    while (rest > 0) {
        size_t n = rest > 4096 ? 4096 : rest;

        rest -= n;
        rc = slot(0, 0, (uint16_t)n, rest ? MORE : 0);
    }
    ck_assert_int_eq(rc, 0);
    v = tx_check(&p, &rules);
    if (v != TX_SEND)
        return v;
    memset(&h, 0xa5, sizeof(h));
    return tx_header(&p, &rules, f, &h);
}

START_TEST(header_plain)
{
    fresh();
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 100, 0, 0), TX_SEND);
    ck_assert_uint_eq(h.flags, 0);
    ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 100, NETIF_TXF_DATA_VALIDATED, 0), TX_SEND);
    ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_DATA_VALID);
    ck_assert_uint_eq(h.csum_start | h.csum_offset | h.hdr_len | h.gso_size, 0);
}
END_TEST

START_TEST(header_golden)
{
    static const struct {
        enum frame_kind kind;
        unsigned tags;
        uint16_t mss;
        uint16_t start, offset, hdr_len;
        uint8_t gso_type;
    } want[] = {
        {FRAME_TCP4, 0, 0, 34, 16, 0, 0},
        {FRAME_UDP4, 0, 0, 34, 6, 0, 0},
        {FRAME_TCP6, 0, 0, 54, 16, 0, 0},
        {FRAME_UDP6, 0, 0, 54, 6, 0, 0},
        {FRAME_TCP4, 1, 0, 38, 16, 0, 0},
        {FRAME_TCP4, 0, 500, 34, 16, 54, VIRTIO_NET_HDR_GSO_TCPV4},
        {FRAME_TCP6, 0, 500, 54, 16, 74, VIRTIO_NET_HDR_GSO_TCPV6},
        {FRAME_TCP6, 2, 500, 62, 16, 82, VIRTIO_NET_HDR_GSO_TCPV6},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
        fresh();
        ck_assert_int_eq(send_frame(want[i].kind, want[i].tags, 1300, BLANK, want[i].mss), TX_SEND);
        ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        ck_assert_uint_eq(h.csum_start, want[i].start);
        ck_assert_uint_eq(h.csum_offset, want[i].offset);
        ck_assert_uint_eq(h.gso_type, want[i].gso_type);
        ck_assert_uint_eq(h.gso_size, want[i].mss);
        ck_assert_uint_eq(h.hdr_len, want[i].hdr_len);
    }
}
END_TEST

/* Large segments whose checksum the guest has filled in: the field gets the pseudo header's sum
 * back; with a blank one the guest's bytes are left alone. */
START_TEST(header_gso_without_blank)
{
    uint16_t before, blank, filled;

    fresh();
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, BLANK, 1448), TX_SEND);
    memcpy(&before, f + 50, 2);
    ck_assert_uint_eq(before, 0);
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, 0, 1448), TX_SEND);
    ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    memcpy(&filled, f + 50, 2);
    /* 10.0.0.1 + 10.0.0.2 + TCP + 9020, as RFC 1071 sums them: 0x3745 */
    memcpy(&blank, "\x37\x45", 2);
    ck_assert_uint_eq(filled, blank);
}
END_TEST

START_TEST(n11_gso_drops)
{
    fresh();
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 1300, BLANK, 1400), TX_DROP); /* beyond it */
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, BLANK, 1461), TX_DROP); /* beyond the MTU */
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, BLANK, 1460), TX_SEND);
    ck_assert_int_eq(send_frame(FRAME_TCP4, 1, 9000, BLANK, 1460), TX_SEND);
    ck_assert_int_eq(send_frame(FRAME_UDP4, 0, 9000, BLANK, 500), TX_DROP); /* not TCP */
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, BLANK, 1), TX_DROP);   /* 9000 segments */
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 1000, BLANK, 1), TX_SEND);   /* 1000 are allowed */
    rules.gso6 = false;
    ck_assert_int_eq(send_frame(FRAME_TCP6, 0, 9000, BLANK, 1000), TX_DROP);
    rules.gso4 = false;
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 9000, BLANK, 1000), TX_DROP);
}
END_TEST

/* A type that does not fit the frame, and headers that are cut off. */
START_TEST(n11_gso_lies)
{
    size_t len = frame_build(f, FRAME_TCP6, 0, 1000);

    fresh();
    ck_assert_int_eq(slot(0, 0, (uint16_t)len, EXTRA | BLANK), 1);
    ck_assert_int_eq(extra(gso(500, NETIF_GSO_TCPV4)), 0);
    ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
    ck_assert_int_eq(tx_header(&p, &rules, f, &h), TX_DROP);
    for (uint16_t cut = 14; cut < 54; cut++) {
        (void)frame_build(f, FRAME_TCP4, 0, 1000);
        tx_begin(&p);
        ck_assert_int_eq(slot(0, 0, cut, EXTRA | BLANK), 1);
        ck_assert_int_eq(extra(gso(10, NETIF_GSO_TCPV4)), 0);
        ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
        ck_assert_int_eq(tx_header(&p, &rules, f, &h), TX_DROP);
    }
}
END_TEST

/* What is one segment anyway goes out as a plain frame with a blank checksum. */
START_TEST(gso_of_one_segment)
{
    fresh();
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 1300, BLANK, 1300), TX_SEND);
    ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    ck_assert_uint_eq(h.gso_size, 0);
    ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
}
END_TEST

START_TEST(n12_blank_checksum_of_nothing)
{
    static const uint16_t lens[] = {14, 20, 33, 40, 53};

    fresh();
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        (void)frame_build(f, FRAME_TCP4, 0, 100);
        tx_begin(&p);
        ck_assert_int_eq(slot(0, 0, lens[i], BLANK), 0);
        ck_assert_int_eq(tx_check(&p, &rules), TX_SEND);
        ck_assert_int_eq(tx_header(&p, &rules, f, &h), TX_DROP);
    }
    ck_assert_int_eq(send_frame(FRAME_TCP4, 0, 100, BLANK, 0), TX_SEND);
    f[20] = 0x20; /* a fragment */
    ck_assert_int_eq(tx_header(&p, &rules, f, &h), TX_DROP);
    (void)send_frame(FRAME_TCP4, 0, 100, BLANK, 0);
    f[13] = 6; /* ARP */
    ck_assert_int_eq(tx_header(&p, &rules, f, &h), TX_DROP);
}
END_TEST

START_TEST(n24_jumbo)
{
    fresh();
    ck_assert_int_eq(send_frame(FRAME_UDP4, 0, 1472, 0, 0), TX_SEND); /* 1514 */
    ck_assert_int_eq(send_frame(FRAME_UDP4, 1, 1472, 0, 0), TX_SEND); /* and a tag */
    ck_assert_int_eq(send_frame(FRAME_UDP4, 0, 1477, 0, 0), TX_DROP);
    rules.frame_max = 9014;
    ck_assert_int_eq(send_frame(FRAME_UDP4, 0, 8972, 0, 0), TX_SEND);
    ck_assert_uint_eq(p.nsegs, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net tx");
    TCase *t = tcase_create("net tx");

    tcase_add_test(t, one_slot);
    tcase_add_test(t, three_slots_and_gso);
    tcase_add_test(t, n1_too_short);
    tcase_add_test(t, n2_crosses_its_page);
    tcase_add_test(t, n4_slots);
    tcase_add_test(t, n5_fragments_beyond_the_total);
    tcase_add_test(t, n6_empty_fragments);
    tcase_add_test(t, n8_extra_types);
    tcase_add_test(t, n9_extra_combinations);
    tcase_add_test(t, n10_gso_fatal);
    tcase_add_test(t, header_plain);
    tcase_add_test(t, header_golden);
    tcase_add_test(t, header_gso_without_blank);
    tcase_add_test(t, n11_gso_drops);
    tcase_add_test(t, n11_gso_lies);
    tcase_add_test(t, gso_of_one_segment);
    tcase_add_test(t, n12_blank_checksum_of_nothing);
    tcase_add_test(t, n24_jumbo);
    suite_add_tcase(s, t);
    return run_suite(s);
}
