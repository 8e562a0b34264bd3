/* The hash a guest sets over its control ring: hash.c, ctrl.c, and steer.c in the kernel. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/net/ctrl.h"
#include "backends/net/steer.h"
#include "tests/unit/suite.h"

/* Microsoft's key and examples ("Verifying the RSS hash calculation"), which drivers are tested
 * with. */
static const uint8_t rss_key[HASH_KEY_MAX] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct net_hash full(void)
{
    struct net_hash h = {.algorithm = NETIF_HASH_TOEPLITZ, .types = 15};

    memcpy(h.key, rss_key, sizeof(h.key));
    return h;
}

/* ---- frames ---- */

static size_t ipv4_frame(uint8_t *f, const char *src, const char *dst, uint16_t sport,
                         uint16_t dport, uint8_t proto, bool tagged)
{
    size_t at = 12;
    uint16_t s = htons(sport), d = htons(dport);

    memset(f, 0, 128);
    if (tagged) {
        memcpy(f + at, "\x81\x00\x00\x05", 4);
        at += 4;
    }
    memcpy(f + at, "\x08\x00", 2);
    at += 2;
    f[at] = 0x45;
    f[at + 9] = proto;
    ck_assert_int_eq(inet_pton(AF_INET, src, f + at + 12), 1);
    ck_assert_int_eq(inet_pton(AF_INET, dst, f + at + 16), 1);
    memcpy(f + at + 20, &s, 2);
    memcpy(f + at + 22, &d, 2);
    return at + 40;
}

static size_t ipv6_frame(uint8_t *f, const char *src, const char *dst, uint16_t sport,
                         uint16_t dport, uint8_t proto)
{
    uint16_t s = htons(sport), d = htons(dport);

    memset(f, 0, 128);
    memcpy(f + 12, "\x86\xdd", 2);
    f[14] = 0x60;
    f[14 + 6] = proto;
    ck_assert_int_eq(inet_pton(AF_INET6, src, f + 14 + 8), 1);
    ck_assert_int_eq(inet_pton(AF_INET6, dst, f + 14 + 24), 1);
    memcpy(f + 54, &s, 2);
    memcpy(f + 56, &d, 2);
    return 14 + 40 + 20;
}

static uint32_t value_of(const struct net_hash *h, const uint8_t *f, size_t len, uint8_t want)
{
    uint32_t v = 0;
    uint8_t type = 99;

    ck_assert(hash_frame(h, f, len, &type, &v));
    ck_assert_int_eq(type, want);
    return v;
}

START_TEST(published_examples)
{
    struct net_hash h = full();
    uint8_t f[128];
    size_t n = ipv4_frame(f, "66.9.149.187", "161.142.100.80", 2794, 1766, 6, false);

    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV4_TCP), 0x51ccc178);
    h.types = 1 << NETIF_HASH_IPV4;
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV4), 0x323e8fc2);
    h.types = 15;
    n = ipv4_frame(f, "199.92.111.2", "65.69.140.83", 14230, 4739, 6, true);
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV4_TCP), 0xc626b0ea);
    n = ipv4_frame(f, "199.92.111.2", "65.69.140.83", 14230, 4739, 17, false);
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV4), 0xd718262a);
    n = ipv6_frame(f, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 6);
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV6_TCP), 0x40207d3d);
    h.types = 1 << NETIF_HASH_IPV6;
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV6), 0x2cc18cd5);
}
END_TEST

START_TEST(frames_that_are_not_hashed)
{
    struct net_hash h = full();
    uint8_t f[128], type;
    uint32_t v;
    size_t n = ipv4_frame(f, "1.2.3.4", "5.6.7.8", 1, 2, 6, false);

    h.types = 1 << NETIF_HASH_IPV6;
    ck_assert(!hash_frame(&h, f, n, &type, &v));
    h.types = 1 << NETIF_HASH_IPV4_TCP;
    f[20] = 0x20; /* a fragment has no ports */
    ck_assert(!hash_frame(&h, f, n, &type, &v));
    h.types = 15;
    ck_assert_uint_eq(value_of(&h, f, n, NETIF_HASH_IPV4), hash_toeplitz(h.key, f + 26, 8));
    for (size_t len = 0; len < 34; len++)
        ck_assert(!hash_frame(&h, f, len, &type, &v));
    ck_assert(hash_frame(&h, f, 34, &type, &v));
    f[13] = 6; /* ARP */
    ck_assert(!hash_frame(&h, f, n, &type, &v));
    h.algorithm = NETIF_HASH_NONE;
    f[13] = 0;
    ck_assert(!hash_frame(&h, f, n, &type, &v));
}
END_TEST

/* ---- the control ring ---- */

static uint32_t ask(struct net_hash *h, uint16_t type, uint32_t a, uint32_t b, uint32_t c,
                    const void *data, struct ctrl_plan *p)
{
    struct netif_ctrl_req req = {.id = 77, .type = type, .data = {a, b, c}};
    struct netif_ctrl_rsp rsp;

    ctrl_plan(h, &req, p);
    ck_assert_uint_le(p->bytes, CTRL_BYTES_MAX);
    (void)ctrl_apply(h, 3, p, data);
    rsp = ctrl_response(p);
    ck_assert_uint_eq(rsp.id, 77);
    ck_assert_uint_eq(rsp.type, type);
    return rsp.status;
}

START_TEST(algorithm_flags_and_key)
{
    struct net_hash h = {0};
    struct ctrl_plan p;

    ck_assert_uint_eq(ask(&h, NETIF_CTRL_GET_HASH_FLAGS, 0, 0, 0, NULL, &p), 1);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_FLAGS, 1, 0, 0, NULL, &p), 1);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_ALGORITHM, 2, 0, 0, NULL, &p), 2);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_ALGORITHM, 1, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_GET_HASH_FLAGS, 0, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(p.data, 15);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_FLAGS, 16, 0, 0, NULL, &p), 2);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_FLAGS, 10, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(h.types, 10);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 41, 0, rss_key, &p), 3);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 0xffffffff, 0, rss_key, &p), 3);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 40, 0, rss_key, &p), 0);
    ck_assert_uint_eq(p.gref, 9);
    ck_assert_mem_eq(h.key, rss_key, 40);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 4, 0, NULL, &p), 2); /* cannot be read */
    ck_assert_mem_eq(h.key, rss_key, 40);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 4, 0, rss_key, &p), 0);
    ck_assert_uint_eq(h.key[3], 0xda);
    ck_assert_uint_eq(h.key[4], 0);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_KEY, 9, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(h.key[0], 0);
}
END_TEST

START_TEST(mapping_stays_in_bounds)
{
    static const uint32_t good[4] = {0, 1, 2, 1}, bad[4] = {0, 2, 3, 1};
    struct net_hash h = full();
    struct ctrl_plan p;

    ck_assert_uint_eq(ask(&h, NETIF_CTRL_GET_HASH_MAPPING_SIZE, 0, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(p.data, HASH_MAPPING_MAX);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 1, 0, good, &p), 3); /* no table */
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING_SIZE, 129, 0, 0, NULL, &p), 2);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING_SIZE, 0xffffffff, 0, 0, NULL, &p), 2);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING_SIZE, 8, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 4, 5, good, &p), 3);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 0xffffffff, 5, good, &p), 3);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 4, 0xfffffffe, good, &p), 3);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 4, 4, good, &p), 0);
    ck_assert_mem_eq(h.mapping, "\0\0\0\0\0\1\2\1", 8);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING, 9, 4, 0, bad, &p), 2);
    ck_assert_mem_eq(h.mapping, "\0\0\0\0\0\1\2\1", 8); /* all or none */
    ck_assert(hash_valid(&h, 3));
    ck_assert(!hash_valid(&h, 2));
    ck_assert_uint_eq(hash_queue(&h, 6 + 8 * 5, 3), 2);
    ck_assert_uint_eq(ask(&h, NETIF_CTRL_SET_HASH_MAPPING_SIZE, 0, 0, 0, NULL, &p), 0);
    ck_assert_uint_eq(hash_queue(&h, 7, 3), 1);
}
END_TEST

START_TEST(anything_else_is_not_supported)
{
    struct net_hash h = full(), before = full();
    struct ctrl_plan p;
    static const uint16_t types[] = {0, 8, 9, 10, 11, 255, 0xffff};

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        ck_assert_uint_eq(ask(&h, types[i], 1, 2, 3, rss_key, &p), 1);
        ck_assert_uint_eq(p.bytes, 0);
        ck_assert_mem_eq(&h, &before, sizeof(h));
    }
}
END_TEST

/* ---- the program in the kernel decides as hash.c does ---- */

/* As a traffic classifier, which test runs give the whole frame; the port's kind gets it from the
 * IP header on there, but not from a TAP. */
static int load_program(const struct net_hash *h, uint32_t queues)
{
    static struct bpf_insn insn[STEER_INSNS_MAX];
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
                           .insns = (uintptr_t)insn,
                           .license = (uintptr_t) "GPL"};

    attr.insn_cnt = (uint32_t)steer_build(h, queues, insn);
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int run_program(int fd, const uint8_t *f, size_t len)
{
    union bpf_attr attr = {.test = {.prog_fd = (uint32_t)fd,
                                    .data_in = (uintptr_t)f,
                                    .data_size_in = (uint32_t)len,
                                    .repeat = 1}};

    ck_assert_int_eq((int)syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
    return (int)attr.test.retval;
}

static size_t random_frame(uint8_t *f)
{
    char a[24], b[24], c[40], d[40];
    uint8_t proto = random() & 1 ? 6 : 17;
    size_t n;

    snprintf(a, sizeof(a), "10.%ld.1.%ld", random() & 255, random() & 255);
    snprintf(b, sizeof(b), "%ld.9.8.7", random() & 255);
    snprintf(c, sizeof(c), "fd00::%lx:1", random() & 0xffff);
    snprintf(d, sizeof(d), "fe80::%lx", random() & 0xffff);
    n = random() & 1
            ? ipv4_frame(f, a, b, (uint16_t)random(), (uint16_t)random(), proto, random() & 1)
            : ipv6_frame(f, c, d, (uint16_t)random(), (uint16_t)random(), proto);
    if ((random() & 7) == 0) /* spoilt somewhere in its headers */
        f[12 + random() % 12] ^= (uint8_t)(1 << random() % 8);
    /* The kernel takes no test packet that is shorter than its headers. */
    return (random() & 15) == 0 ? n - (size_t)random() % 20 : n;
}

static void compare(const struct net_hash *h, uint32_t queues)
{
    int as_shipped = steer_load(h, queues), fd = load_program(h, queues);
    uint8_t f[128];

    ck_assert_msg(as_shipped >= 0, "loading: %s", strerror(-as_shipped));
    ck_assert_int_ge(fd, 0);
    close(as_shipped);
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = random_frame(f);
        uint32_t v = 0;
        uint8_t type;

        (void)hash_frame(h, f, n, &type, &v); /* else 0 */
        ck_assert_int_eq(run_program(fd, f, n), (int)hash_queue(h, v, queues));
    }
    close(fd);
}

START_TEST(kernel_program_is_the_same)
{
    struct net_hash h = full();

    if (geteuid() != 0)
        return; /* only root may load one */
    for (h.types = 1; h.types < 16; h.types += 2) {
        for (unsigned i = 0; i < HASH_KEY_MAX; i++)
            h.key[i] = (uint8_t)random();
        h.mapping_size = 0;
        compare(&h, 3);
        h.mapping_size = (uint32_t)(1 + random() % HASH_MAPPING_MAX);
        for (unsigned i = 0; i < h.mapping_size; i++)
            h.mapping[i] = (uint8_t)(random() & 3);
        compare(&h, 4);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net_hash");
    TCase *t = tcase_create("hash");

    tcase_add_test(t, published_examples);
    tcase_add_test(t, frames_that_are_not_hashed);
    tcase_add_test(t, algorithm_flags_and_key);
    tcase_add_test(t, mapping_stays_in_bounds);
    tcase_add_test(t, anything_else_is_not_supported);
    tcase_add_test(t, kernel_program_is_the_same);
    tcase_set_timeout(t, 20);
    suite_add_tcase(s, t);
    return run_suite(s);
}
