/* The last words of a driver domain: what dom0 tells of a blackbox. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/guard/words.h"
#include "transport/xen/journal.h"
#include "tests/unit/suite.h"

static struct bb_head head;
static struct bb_slot slot;
static char text[64 * 1024];

static void setup(void)
{
    struct bb_ident v = {.kind = "vbd", .domid = 7, .devid = 51712, .connected = 1};
    static const uint8_t write4[] = {1, 4}, read1[] = {0, 1}, what[] = {9, 0};
    struct journal j;

    memset(&head, 0, sizeof(head));
    memset(&slot, 0, sizeof(slot));
    bb_log_init(head.log, sizeof(head.log));
    bb_log_add(head.log, sizeof(head.log), "drvdomd ready\n", 14);
    bb_log_init(slot.log, sizeof(slot.log));
    bb_log_add(slot.log, sizeof(slot.log), "bad \x1b[2J byte\n", 14);
    bb_ident_write(head.ident[0], &v);
    slot.stats.ops[STAT_WRITE] = 12;
    ck_assert_int_eq(journal_create(slot.journal, sizeof(slot.journal), 2, 32), 0);
    journal_open(&j, slot.journal, 1, 32);
    journal_note(&j, 3, 500, write4, sizeof(write4));
    journal_note(&j, 4, 501, read1, sizeof(read1));
    journal_answer(&j, 4, 99, -1);
    journal_note(&j, 5, 502, what, sizeof(what));
}

START_TEST(log_and_requests_are_told)
{
    size_t n = words_text(&head, &slot, 1, text, sizeof(text));

    ck_assert_uint_eq(n, strlen(text));
    ck_assert_ptr_nonnull(strstr(text, "drvdomd ready\n"));
    ck_assert_ptr_nonnull(strstr(text, "bad ?[2J byte\n"));
    ck_assert_ptr_nonnull(strstr(text, "--- vbd 7/51712: connected; 0 reads, 12 writes"));
    ck_assert_ptr_nonnull(strstr(text, "queue 1 request 500: write, 4 segments: not answered\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "queue 1 request 501: read, 1 segments: answered with -1\n"));
    ck_assert_ptr_nonnull(strstr(text, "queue 1 request 502: unknown"));
}
END_TEST

START_TEST(damage_is_told_and_goes_no_further)
{
    slot.journal[JOURNAL_RECORD * (1 + 32 + 3) + 16] ^= 1;
    (void)words_text(&head, &slot, 1, text, sizeof(text));
    ck_assert_ptr_null(strstr(text, "request 500"));
    ck_assert_ptr_nonnull(strstr(text, "request 501"));
    ck_assert_ptr_nonnull(strstr(text, "1 more, or damaged"));
    slot.journal[0] ^= 1; /* no journal any more */
    (void)words_text(&head, &slot, 1, text, sizeof(text));
    ck_assert_ptr_null(strstr(text, "request"));
}
END_TEST

START_TEST(text_ends_where_the_room_ends)
{
    for (size_t size = 1; size < 600; size++) {
        memset(text, 'x', sizeof(text));
        ck_assert_uint_lt(words_text(&head, &slot, 1, text, size), size);
        ck_assert_int_eq(text[size], 'x');
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("words");
    TCase *t = tcase_create("words");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, log_and_requests_are_told);
    tcase_add_test(t, damage_is_told_and_goes_no_further);
    tcase_add_test(t, text_ends_where_the_room_ends);
    suite_add_tcase(s, t);
    return run_suite(s);
}
