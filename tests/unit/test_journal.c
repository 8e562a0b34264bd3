/* Journal and blackbox: records cut at any byte, a worker that dies between any two steps. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/xen/blackbox.h"
#include "transport/xen/journal.h"
#include "tests/unit/suite.h"

enum { RECORDS = 8, BYTES = JOURNAL_RECORD * (1 + 2 * RECORDS) };

static _Alignas(64) uint8_t mem[BYTES];

START_TEST(shape)
{
    memset(mem, 0, sizeof(mem));
    ck_assert_int_eq(journal_check(mem, BYTES, 2, RECORDS), -ENODATA);
    ck_assert_int_eq(journal_create(mem, BYTES - 1, 2, RECORDS), -E2BIG);
    ck_assert_int_eq(journal_check(mem, BYTES, 2, RECORDS), -ENODATA);
    ck_assert_int_eq(journal_create(mem, BYTES, 2, RECORDS), 0);
    ck_assert_int_eq(journal_check(mem, BYTES, 2, RECORDS), 0);
    ck_assert_int_eq(journal_check(mem, BYTES, 1, RECORDS), -EBADMSG);
    ck_assert_int_eq(journal_check(mem, BYTES, 2, RECORDS / 2), -EBADMSG);
    mem[4] ^= 1;
    ck_assert_int_eq(journal_check(mem, BYTES, 2, RECORDS), -EBADMSG);
}
END_TEST

/*
 * A worker and what its guest sees, one step at a time.  After each step the worker may be dead:
 * what journal_recover() says must then be exactly what the guest still waits for.
 */
struct model {
    struct journal j;
    uint32_t taken, put, pushed; /* numbers on the ring */
    uint32_t of[RECORDS];        /* request number in a record */
    enum { NONE, NOTED, ANSWERED, PUT } is[RECORDS];
    uint32_t rsp[RECORDS];
};

static void check_dead(const struct model *m)
{
    struct journal_entry e[RECORDS];
    int n = journal_recover(&m->j, m->pushed, e), waiting = 0;

    ck_assert_int_ge(n, 0);
    for (int i = 0; i < RECORDS; i++) {
        bool seen = m->is[i] == PUT && (int32_t)(m->rsp[i] - m->pushed) < 0;

        waiting += m->is[i] != NONE && !seen;
    }
    ck_assert_int_eq(n, waiting);
    ck_assert_uint_eq(m->pushed + (uint32_t)n, m->taken);
    for (int i = 0; i < n; i++) {
        uint32_t r = e[i].index;

        ck_assert_uint_eq(e[i].number, m->of[r]);
        ck_assert_int_eq(e[i].answered, m->is[r] != NOTED);
        ck_assert_uint_eq(e[i].raw[0], (uint8_t)m->of[r]);
        ck_assert_uint_eq(e[i].raw[40], 0);
        if (e[i].answered)
            ck_assert_int_eq(e[i].status, (int16_t) - (int)r);
    }
}

static int some(const struct model *m, int is)
{
    int start = rand() % RECORDS;

    for (int i = 0; i < RECORDS; i++) {
        if ((int)m->is[(start + i) % RECORDS] == is)
            return (start + i) % RECORDS;
    }
    return -1;
}

static void take(struct model *m)
{
    uint8_t raw[40];
    int r = some(m, NONE);

    if (r < 0)
        return;
    memset(raw, (uint8_t)m->taken, sizeof(raw));
    journal_note(&m->j, (uint32_t)r, m->taken, raw, sizeof(raw));
    m->of[r] = m->taken++;
    m->is[r] = NOTED;
}

static void answer(struct model *m)
{
    int r = some(m, NOTED);

    if (r < 0)
        return;
    journal_answer(&m->j, (uint32_t)r, m->put, (int16_t)-r);
    m->is[r] = ANSWERED;
    m->rsp[r] = m->put;
    check_dead(m);
    m->put++;
    m->is[r] = PUT;
}

static void push(struct model *m)
{
    m->pushed = m->put;
    check_dead(m);
    for (int r = 0; r < RECORDS; r++) {
        if (m->is[r] != PUT)
            continue;
        journal_free(&m->j, (uint32_t)r);
        m->is[r] = NONE;
        check_dead(m);
    }
}

START_TEST(death_between_any_two_steps)
{
    static const uint32_t starts[] = {0, 0xfffffff0u, 0x7ffffff0u};

    srand(1);
    for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
        struct model m = {.taken = starts[s], .put = starts[s], .pushed = starts[s]};

        ck_assert_int_eq(journal_create(mem, BYTES, 2, RECORDS), 0);
        journal_open(&m.j, mem, 1, RECORDS);
        for (int step = 0; step < 20000; step++) {
            switch (rand() % 3) {
            case 0:
                take(&m);
                break;
            case 1:
                answer(&m);
                break;
            default:
                push(&m);
            }
            check_dead(&m);
        }
    }
}
END_TEST

/* The second life puts its predecessor's answers again and may die as well, before its push. */
START_TEST(answers_put_again_are_found_again)
{
    struct journal_entry e[RECORDS];
    struct journal j;
    uint8_t raw[8] = {1};

    ck_assert_int_eq(journal_create(mem, BYTES, 1, RECORDS), 0);
    journal_open(&j, mem, 0, RECORDS);
    for (uint32_t i = 0; i < 4; i++)
        journal_note(&j, i, 100 + i, raw, sizeof(raw));
    journal_answer(&j, 3, 100, 0);
    journal_answer(&j, 1, 101, -1);
    ck_assert_int_eq(journal_recover(&j, 100, e), 4);
    journal_answer(&j, 1, 100, -1); /* in another order, and only the first of two */
    ck_assert_int_eq(journal_recover(&j, 100, e), 4);
    ck_assert(!e[0].answered && e[1].answered && !e[2].answered && e[3].answered);
    journal_answer(&j, 3, 101, 0);
    ck_assert_int_eq(journal_recover(&j, 102, e), 2);
    ck_assert_uint_eq(e[0].number, 100);
    ck_assert_uint_eq(e[1].number, 102);
}
END_TEST

START_TEST(damaged_records_are_refused)
{
    struct journal_entry e[RECORDS];
    struct journal j;
    uint8_t raw[40] = {1, 2, 3}, *rec;

    ck_assert_int_eq(journal_create(mem, BYTES, 1, RECORDS), 0);
    journal_open(&j, mem, 0, RECORDS);
    journal_note(&j, 0, 7, raw, sizeof(raw));
    ck_assert_int_eq(journal_recover(&j, 7, e), 1);
    rec = mem + JOURNAL_RECORD;
    for (size_t i = 0; i < 16 + sizeof(raw); i++) {
        if (i >= 2 && i < 8)
            continue; /* status and answer's number mean nothing in state taken */
        rec[i] ^= 0x10;
        ck_assert_int_eq(journal_recover(&j, 7, e), -EBADMSG);
        rec[i] ^= 0x10;
    }
    ck_assert_int_eq(journal_recover(&j, 7, e), 1);
    ck_assert_int_eq(journal_recover(&j, 6, e), -EBADMSG); /* number 6 should be there */
    journal_note(&j, 1, 7, raw, sizeof(raw));
    ck_assert_int_eq(journal_recover(&j, 7, e), -EBADMSG); /* twice the same */
}
END_TEST

START_TEST(nothing_without_records)
{
    struct journal none = {0};

    journal_note(&none, 3, 4, "x", 1);
    journal_answer(&none, 3, 4, 0);
    journal_free(&none, 3);
    ck_assert_int_eq(journal_recover(&none, 0, NULL), 0);
}
END_TEST

START_TEST(answers_in_order)
{
    static struct answers a;
    uint32_t n = 0xfffffffeu, rsp = 0;

    ck_assert_uint_eq(answers_pending(&a, n), 0);
    answers_start(&a, n);
    ck_assert_uint_eq(answers_pending(&a, n), 0);
    for (uint32_t i = 0; i < 4; i++, rsp += 0x01010101)
        answers_note(&a, n + i, &rsp, sizeof(rsp));
    ck_assert_uint_eq(answers_pending(&a, n), 0); /* noted, not yet committed */
    answers_commit(&a, n + 4);
    ck_assert_uint_eq(answers_pending(&a, n), 4);
    ck_assert_uint_eq(answers_get(&a, n + 3), 0x03030303);
    ck_assert_uint_eq(answers_pending(&a, n + 4), 0);
    ck_assert_uint_eq(answers_pending(&a, n + 5), 0); /* nonsense */
    ck_assert_uint_eq(answers_pending(&a, n - ANSWERS_SLOTS), 0);
}
END_TEST

static struct bb_ident ident(uint32_t devid)
{
    struct bb_ident v = {.kind = "vbd", .domid = 3, .devid = devid, .connected = 1};

    v.payload_len = 600;
    memset(v.payload, (int)devid, v.payload_len);
    return v;
}

START_TEST(ident_cut_at_every_byte)
{
    struct bb_ident pair[2], full[2], v, got;

    memset(pair, 0, sizeof(pair));
    ck_assert(!bb_ident_read(pair, &got));
    for (uint32_t round = 1; round < 4; round++) {
        const uint8_t *to;
        uint8_t *from;

        memcpy(full, pair, sizeof(full));
        v = ident(round);
        bb_ident_write(full, &v);
        from = (uint8_t *)pair;
        to = (const uint8_t *)full;
        /* byte after byte the old memory becomes the new one */
        for (size_t i = 0; i < sizeof(pair); i++) {
            bool any = bb_ident_read(pair, &got);

            ck_assert(any ? got.devid == round || got.devid == round - 1 : round == 1);
            if (any)
                ck_assert_uint_eq(got.payload[599], got.devid);
            from[i] = to[i];
        }
        ck_assert(bb_ident_read(pair, &got) && got.devid == round);
    }
}
END_TEST

START_TEST(ident_hostile)
{
    struct bb_ident pair[2], v = ident(9), got;

    memset(pair, 0xff, sizeof(pair));
    ck_assert(!bb_ident_read(pair, &got));
    bb_ident_write(pair, &v);
    ck_assert(bb_ident_read(pair, &got) && got.devid == 9);
    for (size_t i = 0; i < sizeof(pair[0]); i++) {
        ((uint8_t *)pair)[i] ^= 1;
        ck_assert(!bb_ident_read(pair, &got));
        ((uint8_t *)pair)[i] ^= 1;
    }
}
END_TEST

START_TEST(index_is_checked)
{
    static struct bb_index x;

    x.ref[0] = 8;
    bb_index_seal(&x);
    ck_assert(bb_index_ok(&x));
    x.ref[BB_REFS - 1] = 1;
    ck_assert(!bb_index_ok(&x));
}
END_TEST

START_TEST(log_ring)
{
    static _Alignas(8) uint8_t ring[256];
    char out[256], line[40];

    ck_assert_uint_eq(bb_log_read(ring, sizeof(ring), out), 0);
    bb_log_init(ring, sizeof(ring));
    bb_log_add(ring, sizeof(ring), "one\n", 4);
    bb_log_init(ring, sizeof(ring)); /* keeps what there is */
    bb_log_add(ring, sizeof(ring), "tw\x1b\n", 4);
    bb_log_read(ring, sizeof(ring), out);
    ck_assert_str_eq(out, "one\ntw?\n");
    for (int i = 0; i < 100; i++) {
        int n = snprintf(line, sizeof(line), "line %d of many\n", i);

        bb_log_add(ring, sizeof(ring), line, (size_t)n);
    }
    ck_assert_uint_lt(bb_log_read(ring, sizeof(ring), out), sizeof(ring));
    ck_assert(strncmp(out, "line ", 5) == 0);
    ck_assert_ptr_nonnull(strstr(out, "line 99 of many\n"));
    memset(ring + 4, 0xff, 252); /* whatever a compromised writer leaves */
    ck_assert_uint_lt(bb_log_read(ring, sizeof(ring), out), sizeof(ring));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("journal");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, shape);
    tcase_add_test(t, death_between_any_two_steps);
    tcase_add_test(t, answers_put_again_are_found_again);
    tcase_add_test(t, damaged_records_are_refused);
    tcase_add_test(t, nothing_without_records);
    tcase_add_test(t, answers_in_order);
    tcase_add_test(t, ident_cut_at_every_byte);
    tcase_add_test(t, ident_hostile);
    tcase_add_test(t, index_is_checked);
    tcase_add_test(t, log_ring);
    suite_add_tcase(s, t);
    return run_suite(s);
}
