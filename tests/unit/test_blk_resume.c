/* A block queue that takes a ring up where a dead worker left it: each request is answered exactly
 * once, and what was done already is not done again. */
#include "tests/unit/blk_front.h"

#include "transport/xen/journal.h"

enum { SLOTS = 32 };
static _Alignas(64) uint8_t box[64 * 1024];

static void setup(void)
{
    open_queue();
    ck_assert_int_eq(journal_create(box, sizeof(box), 1, SLOTS), 0);
    q.journal_mem = box;
}

/* The heir of the worker that connect_queue() began, on the same ring and journal. */
static void resume(void)
{
    q.resume = true;
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), 0);
    blk_queue_start(&q);
}

static void leave_nothing_in_the_journal(void)
{
    struct journal_entry e[SLOTS];

    disconnect(); /* records are freed after the answer is out */
    ck_assert_int_eq(journal_recover(&q.journal, ring_raw_get(&front, 2), e), 0);
}

START_TEST(after_an_idle_worker)
{
    connect_queue(1);
    for (uint64_t id = 1; id < 100; id++)
        ck_assert_int_eq(one(make(BLKIF_READ, id, 1, 8 * id)), BLKIF_OKAY);
    disconnect();
    resume();
    for (uint64_t id = 1; id < 100; id++)
        ck_assert_int_eq(one(make(BLKIF_READ, id, 1, 8 * id)), BLKIF_OKAY);
    leave_nothing_in_the_journal();
}
END_TEST

/*
 * Six requests.  The dead worker had taken five, answered the second and the first (put, not
 * pushed: their slots hold answers now), was about to answer the third, and had begun the others.
 */
START_TEST(answered_taken_and_untouched)
{
    struct blkif_x86_64_rw r[6];
    struct blkif_rsp rsp, dead = {.id = 101, .op = BLKIF_WRITE, .status = BLKIF_ERROR};
    struct ring last;
    struct journal j;
    uint8_t sector[512];
    bool seen[6] = {false};

    connect_queue(1);
    disconnect();
    journal_open(&j, box, 0, SLOTS);
    for (unsigned i = 0; i < 6; i++) {
        r[i] = make(BLKIF_WRITE, 100 + i, 1, 8 * i);
        r[i].seg[0].gref = DATA_GREF + i;
        fill(DATA_GREF + i, (uint8_t)(0x40 + i));
        put(&r[i]);
    }
    (void)!ring_front_push(&front);
    ck_assert_int_eq(
        ring_back_attach(&last, page[RING_GREF], GRANT_PAGE, blkif_slot_size(BLKIF_ABI_X86_64)), 0);
    for (unsigned i = 0; i < 5; i++) {
        uint8_t slot[112];

        ck_assert_int_eq(ring_back_take(&last, slot), 1);
        journal_note(&j, 7 + i, i, slot, 32);
    }
    journal_answer(&j, 8, 0, BLKIF_ERROR);
    ring_back_put(&last, &dead, sizeof(dead));
    dead.id = 100;
    journal_answer(&j, 7, 1, BLKIF_OKAY);
    ring_back_put(&last, &dead, sizeof(dead));
    journal_answer(&j, 9, 2, BLKIF_OKAY);

    resume();
    for (unsigned i = 0; i < 6; i++) {
        ck_assert(get(&rsp, 5000));
        ck_assert_uint_ge(rsp.id, 100);
        ck_assert_uint_lt(rsp.id, 106);
        ck_assert(!seen[rsp.id - 100]);
        seen[rsp.id - 100] = true;
        ck_assert_int_eq(rsp.status, rsp.id == 101 ? BLKIF_ERROR : BLKIF_OKAY);
    }
    ck_assert(!get(&rsp, 50));
    /* 3, 4 and 5 are on the disk; what the dead worker had answered was not done again. */
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_int_eq(pread(disk_fd, sector, 512, (off_t)(8 * i) * 512), 512);
        ck_assert_uint_eq(sector[511], i < 3 ? 0 : 0x40 + i);
    }
    leave_nothing_in_the_journal();
}
END_TEST

/* Pushed, and not freed before the end: after 2^31 more answers its number would look like one that
 * is still to come (tests/model/reattach.pml, LEAVE_STALE). */
START_TEST(a_stale_record_is_freed)
{
    struct journal_entry e[SLOTS];
    struct journal j;
    uint8_t raw[32] = {1};

    connect_queue(1);
    ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 8)), BLKIF_OKAY);
    disconnect();
    journal_open(&j, box, 0, SLOTS);
    journal_note(&j, 20, 0, raw, sizeof(raw));
    journal_answer(&j, 20, 0, BLKIF_OKAY);
    resume();
    disconnect();
    ck_assert_int_eq(journal_recover(&j, 0, e), 0);
}
END_TEST

/* Whatever fails while a ring is taken up, nothing of it stays: no page, no memory (a leak
 * sanitizer looks when this program ends), and the next try works. */
START_TEST(every_call_failing_once)
{
    int n, rc;

    for (int resumed = 0; resumed < 2; resumed++) {
        connect_queue(4);
        disconnect();
        ck_assert_uint_eq(pages_mapped, 0);
        for (n = 1;; n++) {
            q.resume = resumed;
            fail_in = n;
            rc = blk_queue_prepare(&q, &main_grant, &conn, 0, &why);
            if (fail_in > 0)
                break; /* no call was left to fail */
            ck_assert_int_lt(rc, 0);
            ck_assert_uint_eq(pages_mapped, 0);
            ck_assert_ptr_null(q.reqs);
        }
        fail_in = 0;
        ck_assert_int_gt(n, 2);
        ck_assert_int_eq(rc, 0);
        blk_queue_start(&q);
        ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 8)), BLKIF_OKAY);
        disconnect();
    }
}
END_TEST

START_TEST(a_damaged_journal_is_refused)
{
    struct journal j;
    uint8_t raw[112] = {1};

    connect_queue(1);
    disconnect();
    journal_open(&j, box, 0, SLOTS);
    journal_note(&j, 0, 5, raw, 32); /* request 5 of an empty ring */
    q.resume = true;
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), -EBADMSG);
    journal_note(&j, 0, 0, raw, 32); /* taken, and the ring says there was none */
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), -EPROTO);
}
END_TEST

/* ---- a disk that was taken away ---- */

/* What sysfs says of the disk below. */
static void say_sectors(const char *text)
{
    ck_assert_int_eq(ftruncate(q.disk.alive_fd, 0), 0);
    ck_assert_int_eq(pwrite(q.disk.alive_fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* A disk of one sector: whatever lies behind it fails. */
static void connect_to_failing_disk(const char *sectors)
{
    q.disk.alive_fd = open("build", O_TMPFILE | O_RDWR, 0600);
    ck_assert_int_ge(q.disk.alive_fd, 0);
    say_sectors(sectors);
    connect_queue(1);
    ck_assert_int_eq(ftruncate(disk_fd, 512), 0);
}

START_TEST(a_disk_that_fails_is_told)
{
    connect_to_failing_disk("16384\n");
    ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 80)), BLKIF_ERROR);
}
END_TEST

START_TEST(a_disk_that_is_gone_is_not_told)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 80), more = make(BLKIF_READ, 2, 1, 0);
    struct journal_entry e[SLOTS];
    struct blkif_rsp rsp;

    connect_to_failing_disk("0\n");
    put(&r);
    push();
    ck_assert(!get(&rsp, 200));
    /* Nothing else is taken; a successor would carry out the one that was. */
    put(&more);
    push();
    ck_assert(!get(&rsp, 200));
    ck_assert_int_eq(journal_recover(&q.journal, 0, e), 1);
    ck_assert(!e[0].answered);
    blk_queue_stop(&q); /* a guest that leaves does not wait for that */
    ck_assert(get(&rsp, 5000));
    ck_assert_int_eq(rsp.status, BLKIF_ERROR);
    wait_stopped();
}
END_TEST

START_TEST(a_disk_that_stays_away_is_told_in_the_end)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 80);
    struct blkif_rsp rsp;

    q.hold_ns = 300000000;
    connect_to_failing_disk("0\n");
    put(&r);
    push();
    ck_assert(!get(&rsp, 150));
    ck_assert(get(&rsp, 5000));
    ck_assert_int_eq(rsp.status, BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, 80)), BLKIF_ERROR); /* and then at once */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_resume");
    TCase *t = tcase_create("resume");

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, after_an_idle_worker);
    tcase_add_test(t, answered_taken_and_untouched);
    tcase_add_test(t, a_stale_record_is_freed);
    tcase_add_test(t, every_call_failing_once);
    tcase_add_test(t, a_damaged_journal_is_refused);
    tcase_add_test(t, a_disk_that_fails_is_told);
    tcase_add_test(t, a_disk_that_is_gone_is_not_told);
    tcase_add_test(t, a_disk_that_stays_away_is_told_in_the_end);
    suite_add_tcase(s, t);
    return run_suite(s);
}
