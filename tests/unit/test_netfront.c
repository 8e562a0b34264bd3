/*
 * The network frontend against a hostile backend (F1, F3), and its test traffic: what it calls
 * wrong must be wrong.
 */
#include <check.h>
#include <string.h>

#include "frontends/net/frame.h"
#include "frontends/net/slots.h"
#include "transport/base/arith.h"
#include "tests/unit/suite.h"

static const struct nf_rx_rules all = {
    .gso4 = true, .gso6 = true, .csum4 = true, .csum6 = true, .sg = true};
static struct nf_rx x;
static uint8_t page[NF_PAGE];
static const char *why;

static int data(const struct nf_rx_rules *r, uint16_t id, uint16_t off, int16_t status,
                uint16_t flags)
{
    struct netif_rx_response rsp = {.id = id, .offset = off, .flags = flags, .status = status};

    return nf_rx_feed(&x, r, &rsp, 7, page, &why);
}

static int extra(const struct nf_rx_rules *r, uint8_t type, uint8_t flags, uint16_t size,
                 uint8_t gso)
{
    struct netif_extra_info e = {.type = type, .flags = flags};

    e.u.gso.size = size;
    e.u.gso.type = gso;
    return nf_rx_feed(&x, r, &e, 7, page, &why);
}

static void fresh(void)
{
    memset(&x, 0, sizeof(x));
}

START_TEST(rx_whole_frames)
{
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, 0), 0);
    ck_assert_uint_eq(x.len, 100);
    ck_assert_int_eq(
        data(&all, 7, 0, 4096, NETRXF_more_data | NETRXF_extra_info | NETRXF_csum_blank), 1);
    ck_assert_int_eq(extra(&all, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, 1), 1);
    ck_assert_int_eq(data(&all, 7, 96, 4000, 0), 0);
    ck_assert_uint_eq(x.len, 8096);
    ck_assert_uint_eq(x.meta.gso_size, 1000);
}
END_TEST

START_TEST(rx_what_no_backend_may_write)
{
    struct nf_rx_rules none = {0};

    fresh();
    ck_assert_int_eq(data(&all, 8, 0, 100, 0), NF_BAD_ANSWER); /* another request's id */
    fresh();
    ck_assert_int_eq(data(&all, 7, 4000, 97, 0), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 65535, 32767, 0), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 13, 0), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, 0x80), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&none, 7, 0, 100, NETRXF_csum_blank), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&none, 7, 0, 100, NETRXF_more_data), NF_BAD_ANSWER);
}
END_TEST

START_TEST(rx_extra_infos)
{
    const uint16_t first = NETRXF_extra_info | NETRXF_csum_blank;
    struct nf_rx_rules plain = all;

    plain.gso4 = false;
    fresh();
    ck_assert_int_eq(data(&plain, 7, 0, 100, first), 1);
    ck_assert_int_eq(extra(&plain, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, 1), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, first), 1);
    ck_assert_int_eq(extra(&all, XEN_NETIF_EXTRA_TYPE_GSO, 1, 1000, 1), 1);
    ck_assert_int_eq(extra(&all, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, 1), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, first), 1);
    ck_assert_int_eq(extra(&all, XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, 1), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, first), 1);
    ck_assert_int_eq(extra(&all, 9, 0, 0, 0), NF_BAD_ANSWER);
    fresh();
    ck_assert_int_eq(data(&all, 7, 0, 100, NETRXF_extra_info), 1); /* not blank */
    ck_assert_int_eq(extra(&all, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1000, 1), NF_BAD_ANSWER);
}
END_TEST

START_TEST(rx_no_end)
{
    int rc = 1;

    fresh();
    for (unsigned i = 0; i < 1000 && rc == 1; i++)
        rc = data(&all, 7, 0, 0, NETRXF_more_data);
    ck_assert_int_eq(rc, NF_BAD_ANSWER);
    fresh();
    rc = 1;
    for (unsigned i = 0; i < 1000 && rc == 1; i++)
        rc = data(&all, 7, 0, 4096, NETRXF_more_data);
    ck_assert_int_eq(rc, NF_BAD_ANSWER);
}
END_TEST

START_TEST(tx_answers)
{
    struct nf_tx_slot s = {.id = 3}, e = {.extra = true};
    struct netif_tx_response rsp = {.id = 3, .status = NETIF_RSP_OKAY};

    ck_assert_int_eq(nf_tx_answer(&s, &rsp, &why), NETIF_RSP_OKAY);
    rsp.status = 5;
    ck_assert_int_eq(nf_tx_answer(&s, &rsp, &why), NF_BAD_ANSWER);
    rsp.status = NETIF_RSP_NULL;
    ck_assert_int_eq(nf_tx_answer(&s, &rsp, &why), NF_BAD_ANSWER);
    ck_assert_int_eq(nf_tx_answer(&e, &rsp, &why), NETIF_RSP_NULL);
    rsp.status = NETIF_RSP_OKAY;
    rsp.id = 4;
    ck_assert_int_eq(nf_tx_answer(&s, &rsp, &why), NF_BAD_ANSWER);
    ck_assert_int_eq(nf_tx_answer(&e, &rsp, &why), NF_BAD_ANSWER);
}
END_TEST

/* Each byte of a frame matters: changing any one is seen (but for those nobody says anything of).
 */
START_TEST(frames_are_checked)
{
    struct frame_flow f = {
        .src = {0, 1, 2, 3, 4, 5}, .dst = {0, 6, 7, 8, 9, 10}, .number = 5, .seed = 11};
    uint8_t buf[600];

    for (unsigned k = 0; k < FRAME_KINDS; k++) {
        for (unsigned blank = 0; blank < (k == FRAME_RAW ? 1u : 2u); blank++) {
            struct frame_seen s;
            uint32_t len, head;

            f.kind = (enum frame_kind)k;
            head = frame_header_len(f.kind);
            len = frame_build(&f, 777, 301, blank, buf);
            ck_assert_uint_eq(len, head + 301);
            ck_assert(frame_parse(buf, len, blank, &s) && !s.wrong && !s.back);
            ck_assert(s.flow == 5 && s.offset == 777 && s.len == 301 && s.kind == f.kind);
            ck_assert(frame_payload_ok(&s, 11) && !frame_payload_ok(&s, 12));
            for (uint32_t at = head; at < len; at++) {
                buf[at] ^= 0x10;
                ck_assert(frame_parse(buf, len, blank, &s));
                ck_assert(!frame_payload_ok(&s, 11));
                ck_assert(blank || k == FRAME_RAW || s.wrong);
                buf[at] ^= 0x10;
            }
            frame_reverse(buf, &s);
            ck_assert(frame_parse(buf, len, blank, &s) && !s.wrong && s.back);
            ck_assert(frame_payload_ok(&s, 11));
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("netfront");
    TCase *t = tcase_create("all");

    tcase_add_test(t, rx_whole_frames);
    tcase_add_test(t, rx_what_no_backend_may_write);
    tcase_add_test(t, rx_extra_infos);
    tcase_add_test(t, rx_no_end);
    tcase_add_test(t, tx_answers);
    tcase_add_test(t, frames_are_checked);
    suite_add_tcase(s, t);
    return run_suite(s);
}
