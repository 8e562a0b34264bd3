/* Header parsing within bounds, and checksums against values computed by another program. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "backends/net/headers.h"
#include "tests/unit/net_frames.h"
#include "tests/unit/suite.h"

static uint8_t f[70000];

START_TEST(finds_the_transport)
{
    static const struct {
        enum frame_kind kind;
        unsigned tags;
        uint16_t l3, l4, payload, csum;
    } want[] = {
        {FRAME_TCP4, 0, 14, 34, 54, 50}, {FRAME_UDP4, 0, 14, 34, 42, 40},
        {FRAME_TCP6, 0, 14, 54, 74, 70}, {FRAME_UDP6, 0, 14, 54, 62, 60},
        {FRAME_TCP4, 1, 18, 38, 58, 54}, {FRAME_TCP6, 2, 22, 62, 82, 78},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
        size_t len = frame_build(f, want[i].kind, want[i].tags, 10);
        struct headers h;

        ck_assert_int_eq(headers_parse(f, len, &h), 0);
        ck_assert_uint_eq(h.l3, want[i].l3);
        ck_assert_uint_eq(h.l4, want[i].l4);
        ck_assert_uint_eq(h.payload, want[i].payload);
        ck_assert_uint_eq(h.csum, want[i].csum);
        ck_assert_uint_eq(h.vlans, want[i].tags);
    }
}
END_TEST

/* Cut anywhere inside its headers, a frame is refused, and no byte behind the cut is looked at: the
 * copy ends exactly there, so that a sanitizer build sees a reach beyond. */
START_TEST(refuses_every_truncation)
{
    for (enum frame_kind k = FRAME_TCP4; k <= FRAME_UDP6; k++) {
        struct headers h;
        size_t whole;

        (void)frame_build(f, k, 1, 0);
        ck_assert_int_eq(headers_parse(f, frame_build(f, k, 1, 0), &h), 0);
        whole = h.payload;
        for (size_t len = 0; len < whole; len++) {
            uint8_t *cut = malloc(len ? len : 1);

            memcpy(cut, f, len);
            ck_assert_int_eq(headers_parse(cut, len, &h), -EINVAL);
            free(cut);
        }
    }
}
END_TEST

static int parse_with(enum frame_kind kind, size_t at, uint8_t value)
{
    size_t len = frame_build(f, kind, 0, 64);
    struct headers h;

    f[at] = value;
    return headers_parse(f, len, &h);
}

START_TEST(refuses_what_it_cannot_sum)
{
    ck_assert_int_eq(parse_with(FRAME_TCP4, 12, 0x88), -EINVAL); /* not IP */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 14, 0x55), -EINVAL); /* version 5 */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 14, 0x44), -EINVAL); /* header of 16 bytes */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 20, 0x20), -EINVAL); /* more fragments */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 21, 0x01), -EINVAL); /* a later fragment */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 20, 0x40), 0);       /* don't fragment: fine */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 23, 1), -EINVAL);    /* ICMP */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 46, 0x40), -EINVAL); /* TCP header of 16 bytes */
    ck_assert_int_eq(parse_with(FRAME_TCP4, 46, 0xf0), 0);       /* of 60: inside */
    ck_assert_int_eq(parse_with(FRAME_TCP6, 14, 0x40), -EINVAL); /* version 4 */
    ck_assert_int_eq(parse_with(FRAME_TCP6, 20, 58), -EINVAL);   /* ICMPv6 */
}
END_TEST

/* IPv6 extension headers: TCP behind a hop-by-hop and a destination header. */
static size_t with_extensions(unsigned count, uint8_t type, uint8_t len_field)
{
    size_t base = frame_build(f, FRAME_TCP6, 0, 16), size = 8;

    for (unsigned i = 0; i < count; i++) {
        memmove(f + 54 + size, f + 54, base - 54);
        memset(f + 54, 0, size);
        f[54] = f[20];
        f[55] = len_field;
        f[20] = type;
        base += size;
    }
    return base;
}

START_TEST(walks_extension_headers_and_stops)
{
    struct headers h;
    size_t len = with_extensions(2, 60, 0);

    ck_assert_int_eq(headers_parse(f, len, &h), 0);
    ck_assert_uint_eq(h.l4, 54 + 16);
    len = with_extensions(1, 44, 0); /* an atomic fragment is whole */
    ck_assert_int_eq(headers_parse(f, len, &h), 0);
    f[57] = 0x08;
    ck_assert_int_eq(headers_parse(f, len, &h), -EINVAL); /* offset 1 */
    len = with_extensions(1, 0, 255);
    ck_assert_int_eq(headers_parse(f, len, &h), -EINVAL); /* reaches out of the frame */
    len = with_extensions(40, 60, 0);
    ck_assert_int_eq(headers_parse(f, len, &h), -EINVAL); /* a chain without end */
}
END_TEST

START_TEST(sums)
{
    /* Computed by a Python program, from RFC 1071, for exactly these frames, payload 37 bytes 0, 1,
     * 2, ... */
    static const struct {
        enum frame_kind kind;
        uint8_t pseudo[2], full[2];
    } want[] = {
        {FRAME_TCP4, {0x14, 0x42}, {0x31, 0xdc}},
        {FRAME_UDP4, {0x14, 0x41}, {0x81, 0xc8}},
        {FRAME_TCP6, {0x82, 0x7b}, {0xc3, 0xa2}},
        {FRAME_UDP6, {0x82, 0x7a}, {0x13, 0x8f}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
        size_t len = frame_build(f, want[i].kind, 0, 37);
        struct headers h;
        uint16_t sum;

        ck_assert_int_eq(headers_parse(f, len, &h), 0);
        sum = headers_pseudo_sum(f, len, &h);
        ck_assert_mem_eq(&sum, want[i].pseudo, 2);
        memcpy(f + h.csum, &sum, 2);
        headers_fill_csum(f, len, h.l4, (uint16_t)(h.csum - h.l4));
        ck_assert_mem_eq(f + h.csum, want[i].full, 2);
    }
}
END_TEST

/* A sum of 0 would say "no checksum" in UDP. */
START_TEST(never_writes_zero)
{
    size_t len = frame_build(f, FRAME_UDP4, 0, 2);
    struct headers h;
    uint16_t sum, full;

    ck_assert_int_eq(headers_parse(f, len, &h), 0);
    memset(f + h.payload, 0, 2);
    sum = headers_pseudo_sum(f, len, &h);
    memcpy(f + h.csum, &sum, 2);
    headers_fill_csum(f, len, h.l4, 6);
    memcpy(&full, f + h.csum, 2);
    /* Put the checksum into the payload: now the sum of all is 0 without it. */
    memcpy(f + h.payload, &full, 2);
    memcpy(f + h.csum, &sum, 2);
    headers_fill_csum(f, len, h.l4, 6);
    ck_assert_uint_eq(f[h.csum], 0xff);
    ck_assert_uint_eq(f[h.csum + 1], 0xff);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net headers");
    TCase *t = tcase_create("net headers");

    tcase_add_test(t, finds_the_transport);
    tcase_add_test(t, refuses_every_truncation);
    tcase_add_test(t, refuses_what_it_cannot_sum);
    tcase_add_test(t, walks_extension_headers_and_stops);
    tcase_add_test(t, sums);
    tcase_add_test(t, never_writes_zero);
    suite_add_tcase(s, t);
    return run_suite(s);
}
