/* The shared ring: wrap at 2^32, producer overrun, lost wake-ups, one fetch per slot. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "transport/xen/ring.h"
#include "tests/unit/suite.h"

enum { SLOT = 16, PAGE = 4096, SLOTS = 128 /* floor(4032 / 16) = 252, power of two below */ };

static _Alignas(64) uint8_t page[PAGE];
static struct ring front, back;

struct item {
    uint32_t word[SLOT / 4];
};

static struct item item(uint32_t v)
{
    struct item i = {{v, v ^ 0xffffffffu, v + 1, v * 3}};

    return i;
}

/* A fresh pair whose indices all stand at `start`. */
static void pair_at(uint32_t start)
{
    ring_front_init(&front, page, PAGE, SLOT);
    for (unsigned w = 0; w < 4; w++)
        ring_raw_set(&front, w, start + (w & 1));
    front.prod = front.cons = front.pushed = front.seen = start;
    ck_assert_int_eq(ring_back_attach(&back, page, PAGE, SLOT), 0);
    ck_assert_uint_eq(back.cons, start);
}

static void put(uint32_t v)
{
    struct item i = item(v);

    ring_front_put(&front, &i, sizeof(i));
}

START_TEST(sizes)
{
    ck_assert_uint_eq(ring_slots(4096, 112), 32); /* blkif, native */
    ck_assert_uint_eq(ring_slots(4096, 108), 32); /* blkif, x86_32 */
    ck_assert_uint_eq(ring_slots(65536, 112), 512);
    ck_assert_uint_eq(ring_slots(4096, 12), 256); /* netif tx */
    ck_assert_uint_eq(ring_slots(4096, 8), 256);  /* netif rx */
    ck_assert_uint_eq(ring_slots(64, 8), 0);
    ck_assert_uint_eq(ring_slots(4096, SLOT), SLOTS);
}
END_TEST

START_TEST(carries_across_the_wrap)
{
    uint32_t start = 0u - 3u * SLOTS / 2;
    uint32_t sent = 0, got = 0;

    pair_at(start);
    for (unsigned round = 0; round < 10; round++) {
        struct item in, want;

        for (unsigned n = 0; n < SLOTS; n++)
            put(sent++);
        ck_assert_uint_eq(ring_front_space(&front), 0);
        (void)!ring_front_push(&front);
        ck_assert_int_eq(ring_back_avail(&back), SLOTS);
        for (unsigned n = 0; n < SLOTS; n++) {
            want = item(got++);
            ck_assert_int_eq(ring_back_take(&back, &in), 1);
            ck_assert_mem_eq(&in, &want, sizeof(in));
            ring_back_put(&back, &in, 8);
        }
        ck_assert_int_eq(ring_back_take(&back, &in), 0);
        (void)!ring_back_push(&back);
        for (unsigned n = 0; n < SLOTS; n++) {
            ck_assert_int_eq(ring_front_take(&front, &in), 1);
            /* XSA-216: nothing of the request may show behind an 8-byte response. */
            ck_assert_uint_eq(in.word[2], 0);
            ck_assert_uint_eq(in.word[3], 0);
        }
    }
    ck_assert_uint_lt(front.prod, start); /* it did wrap */
}
END_TEST

/* R1, R2: any producer index outside [answered, answered + slots] stops the ring. */
START_TEST(refuses_an_impossible_producer)
{
    const uint32_t bad[] = {SLOTS + 1, 2 * SLOTS, 0x80000000u, 0xffffffffu, 0u - SLOTS};
    struct item in;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint32_t start = i % 2 ? 0xfffffff0u : 7;

        pair_at(start);
        ring_raw_set(&front, 0, start + bad[i]);
        ck_assert_int_eq(ring_back_take(&back, &in), -EPROTO);
        ck_assert_int_eq(ring_back_avail(&back), -EPROTO);
        ck_assert_int_eq(ring_back_rest(&back), -EPROTO);
    }
    pair_at(5);
    ring_raw_set(&front, 0, 5 + SLOTS);
    ck_assert_int_eq(ring_back_avail(&back), SLOTS); /* exactly full is legal */
}
END_TEST

/* R3: requests may not run over slots whose answers are still owed. */
START_TEST(refuses_to_overrun_unanswered_slots)
{
    struct item in;

    pair_at(0);
    ring_raw_set(&front, 0, SLOTS);
    for (unsigned n = 0; n < SLOTS; n++)
        ck_assert_int_eq(ring_back_take(&back, &in), 1);
    ring_raw_set(&front, 0, SLOTS + 1); /* none was answered */
    ck_assert_int_eq(ring_back_take(&back, &in), -EPROTO);
    /* going back below what was taken is as bad */
    ring_raw_set(&front, 0, SLOTS - 1);
    ck_assert_int_eq(ring_back_take(&back, &in), -EPROTO);
}
END_TEST

START_TEST(attach_checks_and_resumes)
{
    pair_at(0);
    ring_raw_set(&front, 0, 100);
    ring_raw_set(&front, 2, 90); /* an earlier worker answered 90 */
    ck_assert_int_eq(ring_back_attach(&back, page, PAGE, SLOT), 0);
    ck_assert_int_eq(ring_back_avail(&back), 10);
    ring_raw_set(&front, 2, 100u - SLOTS - 1u);
    ck_assert_int_eq(ring_back_attach(&back, page, PAGE, SLOT), -EPROTO);
}
END_TEST

START_TEST(notifies_only_when_asked)
{
    struct item in;

    pair_at(0);
    put(1);
    ck_assert(ring_front_push(&front)); /* req_event was 1 */
    put(2);
    ck_assert(!ring_front_push(&front)); /* not asked again */
    ck_assert(!ring_front_push(&front)); /* nothing new */
    ck_assert_int_eq(ring_back_take(&back, &in), 1);
    ck_assert_int_eq(ring_back_rest(&back), 1); /* the second one waits: no sleep */
    ck_assert_int_eq(ring_back_take(&back, &in), 1);
    ck_assert_int_eq(ring_back_rest(&back), 0);
    put(3);
    ck_assert(ring_front_push(&front));
    ck_assert_int_eq(ring_back_rest_until(&back, 3), 0);
    put(4);
    ck_assert(!ring_front_push(&front)); /* two of three */
    put(5);
    ck_assert(ring_front_push(&front));
}
END_TEST

/* Lost wake-up: the request that arrives between "set event" and "sleep" must be seen. Two real
 * threads; the back end sleeps only when rest() says so and then insists on a notification. */
static _Atomic int kicks;
enum { TRANSFERS = 200000 };

static void *producer(void *arg)
{
    for (uint32_t v = 0; v < TRANSFERS;) {
        struct item in;

        while (ring_front_take(&front, &in) == 1)
            ;
        if (ring_front_space(&front) == 0)
            continue;
        put(v++);
        if (ring_front_push(&front))
            kicks++;
    }
    return arg;
}

/* A notification that was put off is owed until the frontend has asked for a later one. */
START_TEST(knows_what_it_owes)
{
    for (uint32_t start = 0u - 2u; start != 3; start++) {
        struct item in = item(1);

        pair_at(start);
        put(1);
        (void)!ring_front_push(&front);
        ck_assert_int_eq(ring_back_take(&back, &in), 1);
        ck_assert(!ring_back_owes(&back)); /* nothing was pushed */
        ring_back_put(&back, &in, sizeof(in));
        ck_assert(ring_back_push(&back));
        ck_assert(ring_back_owes(&back));
        ck_assert_int_eq(ring_front_take(&front, &in), 1);
        ck_assert_int_eq(ring_front_rest(&front), 0);
        ck_assert(!ring_back_owes(&back));
        ring_raw_set(&front, 3, start + 2 * SLOTS); /* nonsense is not owed */
        ck_assert(!ring_back_owes(&back));
    }
}
END_TEST

START_TEST(no_lost_wake_up)
{
    pthread_t t;
    uint32_t got = 0;
    int used = 0;

    pair_at(0xffffff00u);
    kicks = 0;
    ck_assert_int_eq(pthread_create(&t, NULL, producer, NULL), 0);
    while (got < TRANSFERS) {
        struct item in, want = item(got);
        int rc = ring_back_take(&back, &in);

        ck_assert_int_ge(rc, 0);
        if (rc == 1) {
            ck_assert_mem_eq(&in, &want, sizeof(in));
            got++;
            ring_back_put(&back, &in, 4);
            (void)!ring_back_push(&back);
            continue;
        }
        rc = ring_back_rest(&back);
        ck_assert_int_ge(rc, 0);
        if (rc == 1)
            continue;
        while (kicks == used) /* "sleep": hangs, and the test times out, if a wake-up is lost */
            ;
        used = kicks;
    }
    pthread_join(t, NULL);
}
END_TEST

/* XSA-155: a slot rewritten while it is taken yields old or new words, and what was taken stays. */
START_TEST(takes_one_private_copy)
{
    struct item a = item(1), in;

    pair_at(0);
    ring_front_put(&front, &a, sizeof(a));
    (void)!ring_front_push(&front);
    ck_assert_int_eq(ring_back_take(&back, &in), 1);
    memset(page + 64, 0xee, SLOT);
    ck_assert_mem_eq(&in, &a, sizeof(in));
}
END_TEST

START_TEST(front_refuses_too_many_responses)
{
    struct item in;

    pair_at(10);
    put(1);
    (void)!ring_front_push(&front);
    ring_raw_set(&front, 2, 12); /* two responses to one request */
    ck_assert_int_eq(ring_front_take(&front, &in), -EPROTO);
    ring_raw_set(&front, 2, 9);
    ck_assert_int_eq(ring_front_take(&front, &in), -EPROTO);
    ring_raw_set(&front, 2, 11);
    ck_assert_int_eq(ring_front_take(&front, &in), 1);
}
END_TEST

START_TEST(resume_goes_on_behind_what_was_taken)
{
    struct item in;
    struct ring heir;

    pair_at(0xfffffffeu);
    for (uint32_t i = 0; i < 5; i++)
        put(i);
    (void)!ring_front_push(&front);
    ck_assert_int_eq(ring_back_resume(&heir, page, PAGE, SLOT, 6), -EPROTO);
    ck_assert_uint_eq(ring_back_answered(page), 0xfffffffeu);
    ck_assert_int_eq(ring_back_resume(&heir, page, PAGE, SLOT, 3), 0);
    ck_assert_int_eq(ring_back_take(&heir, &in), 1);
    ck_assert_uint_eq(in.word[0], 3);
    for (uint32_t i = 0; i < 4; i++) /* the answers of the three, and of this one */
        ring_back_put(&heir, &in, sizeof(in));
    ck_assert(ring_back_push(&heir));
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(ring_front_take(&front, &in), 1);
    ck_assert_int_eq(ring_front_take(&front, &in), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *t = tcase_create("ring");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, sizes);
    tcase_add_test(t, carries_across_the_wrap);
    tcase_add_test(t, refuses_an_impossible_producer);
    tcase_add_test(t, refuses_to_overrun_unanswered_slots);
    tcase_add_test(t, attach_checks_and_resumes);
    tcase_add_test(t, notifies_only_when_asked);
    tcase_add_test(t, knows_what_it_owes);
    tcase_add_test(t, no_lost_wake_up);
    tcase_add_test(t, takes_one_private_copy);
    tcase_add_test(t, resume_goes_on_behind_what_was_taken);
    tcase_add_test(t, front_refuses_too_many_responses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
