/* The token bucket, the address filter, and what a link's news are about. */
#include <check.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/filter.h"
#include "backends/net/rate.h"
#include "backends/net/uplink.h"
#include "backends/net/vlan.h"
#include "tests/unit/suite.h"

#define MS UINT64_C(1000000)

START_TEST(no_limit)
{
    struct rate r;
    uint64_t wait;

    rate_init(&r, 0, 50000, 0);
    for (int i = 0; i < 100; i++) {
        ck_assert(rate_ready(&r, 0, &wait));
        rate_charge(&r, UINT32_MAX);
    }
    rate_init(&r, 1000, 0, 0);
    rate_charge(&r, UINT32_MAX);
    ck_assert(rate_ready(&r, 0, &wait));
}
END_TEST

/* Bytes that pass in `ns`, asking every `step` ns with packets of `len`. */
static uint64_t passed(struct rate *r, uint64_t from, uint64_t ns, uint64_t step, uint32_t len)
{
    uint64_t bytes = 0, wait;

    for (uint64_t t = from; t < from + ns; t += step) {
        while (rate_ready(r, t, &wait)) {
            rate_charge(r, len);
            bytes += len;
        }
        ck_assert_uint_gt(wait, 0);
    }
    return bytes;
}

START_TEST(keeps_the_rate)
{
    static const uint64_t steps[] = {1000, 77777, MS, 20 * MS};
    struct rate r;

    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
        uint64_t got;

        rate_init(&r, 1000000, 50000, 5 * MS); /* 20 MB/s, burst 1 MB */
        got = passed(&r, 5 * MS, 2000 * MS, steps[i], 1514);
        ck_assert_uint_ge(got, 38000000);
        ck_assert_uint_le(got, 40000000 + 1000000 + 2 * 1514);
    }
    /* One byte in 10 ms: fractions are not lost, however often one asks. */
    rate_init(&r, 1, 10000, 0);
    (void)passed(&r, 0, 1000, 1000, 131072);
    ck_assert_uint_eq(passed(&r, 1000, 3000 * MS, 1000, 1), 300);
}
END_TEST

START_TEST(says_how_long_to_wait)
{
    struct rate r;
    uint64_t wait;

    rate_init(&r, 1000000, 1000000, 0); /* 1 byte a us */
    rate_charge(&r, 1000000 + 5000);
    ck_assert(!rate_ready(&r, 0, &wait));
    ck_assert_uint_ge(wait, 5001 * 1000);
    ck_assert_uint_le(wait, 5002 * 1000);
    ck_assert(!rate_ready(&r, wait - 2000, &wait));
    ck_assert(rate_ready(&r, 5002 * 1000, &wait));
}
END_TEST

/* N25. */
START_TEST(survives_giant_numbers)
{
    struct rate r;
    uint64_t wait;

    rate_init(&r, UINT64_MAX, UINT64_MAX, UINT64_MAX - 10);
    ck_assert(rate_ready(&r, UINT64_MAX, &wait));
    for (int i = 0; i < 1000; i++)
        rate_charge(&r, UINT32_MAX);
    (void)rate_ready(&r, UINT64_MAX, &wait);
    rate_init(&r, 1, UINT64_MAX, 0);
    rate_charge(&r, UINT32_MAX);
    ck_assert(!rate_ready(&r, 0, &wait));
    ck_assert_uint_gt(wait, 0);
    ck_assert(!rate_ready(&r, 5, &wait));
    rate_init(&r, 1000, 1000, 100 * MS); /* a clock that stands behind: no credit, no wrap */
    rate_charge(&r, 200000);
    ck_assert(!rate_ready(&r, 0, &wait));
}
END_TEST

static struct filter f;
static const uint8_t own[6] = {0, 0x16, 0x3e, 1, 2, 3};

static void group(uint8_t addr[6], unsigned n)
{
    addr[0] = 1;
    addr[1] = 0;
    addr[2] = 0x5e;
    addr[3] = 0;
    addr[4] = (uint8_t)(n >> 8);
    addr[5] = (uint8_t)n;
}

START_TEST(multicast_list)
{
    uint8_t a[6];

    filter_init(&f, own, false);
    filter_reset(&f, true);
    for (unsigned i = 0; i < 10 * FILTER_MCAST_MAX; i++) {
        group(a, i % FILTER_MCAST_MAX); /* each of them ten times */
        ck_assert_int_eq(filter_mcast_add(&f, a), 0);
    }
    group(a, 1000);
    ck_assert_int_eq(filter_mcast_add(&f, a), -ENOSPC);
    ck_assert(!filter_rx_ok(&f, a));
    group(a, 5);
    filter_mcast_del(&f, a);
    ck_assert(!filter_rx_ok(&f, a));
    filter_mcast_del(&f, a);
    group(a, 1000);
    ck_assert_int_eq(filter_mcast_add(&f, a), 0);
    ck_assert(filter_rx_ok(&f, a));
    ck_assert_int_eq(filter_mcast_add(&f, own), -EINVAL);
    filter_mcast_del(&f, (const uint8_t[6]){0}); /* the word that marks a free entry */
    ck_assert_int_eq(filter_mcast_add(&f, (const uint8_t[6]){0}), -EINVAL);
    group(a, 63);
    ck_assert(filter_rx_ok(&f, a));
    filter_reset(&f, true);
    ck_assert(!filter_rx_ok(&f, a));
    filter_reset(&f, false);
    ck_assert(filter_rx_ok(&f, a)); /* not asked for: everything */
}
END_TEST

/* Filtering begins and ends while connected; what was named before counts. */
START_TEST(filter_switched)
{
    uint8_t named[14] = {1, 0, 0x5e, 0, 0, 7}, other[14] = {1, 0, 0x5e, 0, 0, 8};
    filter_init(&f, own, false);
    filter_reset(&f, false);
    ck_assert_int_eq(filter_mcast_add(&f, named), 0);
    ck_assert(filter_rx_ok(&f, named) && filter_rx_ok(&f, other));
    filter_switch(&f, true);
    ck_assert(filter_rx_ok(&f, named) && !filter_rx_ok(&f, other));
    filter_switch(&f, false);
    ck_assert(filter_rx_ok(&f, other));
}
END_TEST

START_TEST(vlans_of_a_port)
{
    static const char *const bad[] = {"",      "p",   "0",   "4095",  "10p/11p",
                                      "10/",   "/10", "10-", "12-11", "10p-12",
                                      "10,11", "1 0", "10q", "10pp",  "99999999999999999999"};
    struct vlan_item i[VLAN_ITEMS_MAX];
    char many[VLAN_ITEMS_MAX * 2 + 2];

    ck_assert_int_eq(vlan_parse("10p/20/30-39", i), 3);
    ck_assert(i[0].untagged && i[0].first == 10 && i[0].last == 10);
    ck_assert(!i[1].untagged && i[1].first == 20 && i[1].last == 20);
    ck_assert(!i[2].untagged && i[2].first == 30 && i[2].last == 39);
    ck_assert_int_eq(vlan_parse("4094", i), 1);
    for (unsigned k = 0; k < ARRAY_SIZE(bad); k++)
        ck_assert_msg(vlan_parse(bad[k], i) < 0, "%s", bad[k]);
    for (unsigned k = 0; k <= VLAN_ITEMS_MAX; k++)
        memcpy(many + 2 * k, "5/", 2);
    many[sizeof(many) - 1] = '\0';
    ck_assert_int_lt(vlan_parse(many, i), 0);
    many[VLAN_ITEMS_MAX * 2 - 1] = '\0';
    ck_assert_int_eq(vlan_parse(many, i), VLAN_ITEMS_MAX);
}
END_TEST

START_TEST(unicast_and_broadcast_pass)
{
    static const uint8_t other[6] = {0, 1, 2, 3, 4, 5};
    static const uint8_t all_ones[6] = {255, 255, 255, 255, 255, 255};
    uint8_t frame[14] = {0};

    filter_init(&f, own, false);
    filter_reset(&f, true);
    ck_assert(filter_rx_ok(&f, own));
    ck_assert(filter_rx_ok(&f, other)); /* the bridge's decision, not ours */
    ck_assert(filter_rx_ok(&f, all_ones));
    memcpy(frame + 6, own, 6);
    ck_assert(filter_tx_ok(&f, frame));
    frame[11]++;
    ck_assert(!filter_tx_ok(&f, frame));
    filter_init(&f, own, true);
    ck_assert(filter_tx_ok(&f, frame));
}
END_TEST

static struct {
    struct nlmsghdr h;
    struct ifinfomsg i;
    char attrs[64];
} news[2];

static void put(struct rtattr *a, unsigned short type, const char *text)
{
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(strlen(text) + 1);
    memcpy(RTA_DATA(a), text, strlen(text) + 1);
}

/* News of a link of that name and, unless NULL, of that kind. */
static void tell(unsigned n, const char *name, const char *kind)
{
    struct rtattr *a = IFLA_RTA(&news[n].i), *info;
    unsigned len;

    put(a, IFLA_IFNAME, name);
    len = RTA_ALIGN(a->rta_len);
    if (kind) {
        info = (struct rtattr *)(void *)((char *)a + len);
        put(RTA_DATA(info), IFLA_INFO_KIND, kind);
        info->rta_type = IFLA_LINKINFO;
        info->rta_len = (unsigned short)RTA_LENGTH(((struct rtattr *)RTA_DATA(info))->rta_len);
        len += RTA_ALIGN(info->rta_len);
    }
    news[n].h.nlmsg_type = RTM_NEWLINK;
    news[n].h.nlmsg_len = NLMSG_LENGTH(sizeof(news[n].i)) + len;
}

/* A guest's TAP is no uplink: its news, alone, are no reason to look at every device. */
START_TEST(news_of_taps_are_none)
{
    tell(0, "vif7.0", "tun");
    ck_assert(!uplink_tells(news, news[0].h.nlmsg_len));
    news[0].h.nlmsg_type = RTM_DELLINK;
    ck_assert(!uplink_tells(news, news[0].h.nlmsg_len));
    ck_assert(!uplink_tells(news, 0));
    tell(0, "enp0s1", NULL);
    ck_assert(uplink_tells(news, news[0].h.nlmsg_len));
    tell(0, "bond0", "bond");
    ck_assert(uplink_tells(news, news[0].h.nlmsg_len));
    /* Behind one of a TAP, and cut off. */
    tell(0, "vif7.0", "tun");
    tell(1, "enp0s1", NULL);
    news[0].h.nlmsg_len = sizeof(news[0]);
    ck_assert(uplink_tells(news, sizeof(news[0]) + news[1].h.nlmsg_len));
    ck_assert(uplink_tells(news, sizeof(news[0]) + sizeof(news[1].h) / 2));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net limits");
    TCase *t = tcase_create("net limits");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, no_limit);
    tcase_add_test(t, keeps_the_rate);
    tcase_add_test(t, says_how_long_to_wait);
    tcase_add_test(t, survives_giant_numbers);
    tcase_add_test(t, multicast_list);
    tcase_add_test(t, unicast_and_broadcast_pass);
    tcase_add_test(t, filter_switched);
    tcase_add_test(t, vlans_of_a_port);
    tcase_add_test(t, news_of_taps_are_none);
    suite_add_tcase(s, t);
    return run_suite(s);
}
