/* One block queue, end to end: data, refusals, faults, throttling, stopping. */
#include "tests/unit/blk_front.h"

static void setup(void)
{
    open_queue();
    connect_queue(1);
}

START_TEST(writes_and_reads_back)
{
    uint8_t sector[512];

    for (unsigned i = 0; i < BLKIF_SEGS; i++)
        fill(DATA_GREF + i, (uint8_t)(0x30 + i));
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, BLKIF_SEGS, 80)), BLKIF_OKAY);
    ck_assert_int_eq(one(make(BLKIF_FLUSH, 2, 0, 0)), BLKIF_OKAY);
    for (unsigned i = 0; i < BLKIF_SEGS; i++) {
        ck_assert_int_eq(pread(disk_fd, sector, 512, (off_t)(80 + 8 * i) * 512), 512);
        ck_assert_uint_eq(sector[0], 0x30 + i);
        ck_assert_uint_eq(sector[511], 0x30 + i);
        fill(DATA_GREF + i, 0);
    }
    ck_assert_int_eq(one(make(BLKIF_READ, 3, BLKIF_SEGS, 80)), BLKIF_OKAY);
    for (unsigned i = 0; i < BLKIF_SEGS; i++)
        ck_assert_uint_eq(page[DATA_GREF + i][4095], 0x30 + i);
    disconnect(); /* the figures are added up after the answer is out */
    ck_assert_uint_eq(stats.ops[STAT_WRITE], 1);
    ck_assert_uint_eq(stats.bytes[STAT_READ], BLKIF_SEGS * 4096);
}
END_TEST

START_TEST(a_part_of_a_page)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 3);
    uint8_t data[1024];

    memset(data, 0xab, sizeof(data));
    ck_assert_int_eq(pwrite(disk_fd, data, 1024, 3 * 512), 1024);
    fill(DATA_GREF, 0x11);
    r.seg[0].first_sect = 2;
    r.seg[0].last_sect = 3;
    ck_assert_int_eq(one(r), BLKIF_OKAY);
    ck_assert_uint_eq(page[DATA_GREF][1023], 0x11);
    ck_assert_uint_eq(page[DATA_GREF][1024], 0xab);
    ck_assert_uint_eq(page[DATA_GREF][2047], 0xab);
    ck_assert_uint_eq(page[DATA_GREF][2048], 0x11);
}
END_TEST

START_TEST(refuses_and_goes_on)
{
    ck_assert_int_eq(one(make(99, 1, 1, 0)), BLKIF_EOPNOTSUPP);
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, DISK_SECTORS)), BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 3, 0, 0)), BLKIF_ERROR);
    bad_gref[DATA_GREF + 1] = true;
    ck_assert_int_eq(one(make(BLKIF_WRITE, 4, 2, 0)), BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_READ, 5, 2, 0)), BLKIF_ERROR);
    bad_gref[DATA_GREF + 1] = false;
    ck_assert_int_eq(one(make(BLKIF_READ, 6, 2, 0)), BLKIF_OKAY);
}
END_TEST

/* B18: when any segment could not be copied, not a byte of the request reaches the disk. */
START_TEST(a_failed_copy_never_writes)
{
    uint8_t before[8192], after[8192];

    memset(before, 0x77, sizeof(before));
    ck_assert_int_eq(pwrite(disk_fd, before, sizeof(before), 0), sizeof(before));
    fill(DATA_GREF, 1);
    bad_gref[DATA_GREF + 1] = true;
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, 2, 0)), BLKIF_ERROR);
    bad_gref[DATA_GREF + 1] = false;
    copy_fails = 1; /* the ioctl as a whole */
    ck_assert_int_eq(one(make(BLKIF_WRITE, 2, 2, 0)), BLKIF_ERROR);
    ck_assert_int_eq(pread(disk_fd, after, sizeof(after), 0), sizeof(after));
    ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

/* B17: a file that shrank under us gives an error, and no bytes of an earlier request. */
START_TEST(a_short_disk_shows_nothing_old)
{
    fill(DATA_GREF, 0x5a);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, 1, 0)), BLKIF_OKAY);
    ck_assert_int_eq(ftruncate(disk_fd, 512), 0);
    fill(DATA_GREF, 0);
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, 8)), BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_READ, 3, 1, 0)), BLKIF_ERROR);
    ck_assert_uint_eq(page[DATA_GREF][600], 0);
}
END_TEST

START_TEST(a_full_ring_of_random_work)
{
    static uint8_t shadow[DISK_SECTORS];
    unsigned busy[32] = {0}, inflight = 0, done = 0, id;
    struct {
        uint64_t sector;
        uint8_t op, value;
        unsigned n;
    } at[32];

    want_persistent = _i; /* data in place, or by copy */
    disconnect();
    connect_queue(1);
    srand(3);
    memset(shadow, 0, sizeof(shadow));
    while (done < 20000) {
        struct blkif_rsp rsp;

        for (id = 0; id < 32 && inflight < 32; id++) {
            struct blkif_x86_64_rw r;
            uint8_t op = (uint8_t)(rand() % 2);

            if (busy[id] || rand() % 3 == 0)
                continue;
            busy[id] = 1;
            inflight++;
            /* each id has a part of the disk of its own, so that the outcome is determined */
            at[id].n = 1 + (unsigned)(rand() % BLKIF_SEGS);
            at[id].sector = (uint64_t)id * 512 + (uint64_t)(rand() % 50) * 8;
            at[id].op = op;
            at[id].value = (uint8_t)rand();
            r = make(op, id, at[id].n, at[id].sector);
            for (unsigned i = 0; i < at[id].n; i++) {
                r.seg[i].gref = DATA_GREF + 16 * id + i;
                fill(r.seg[i].gref, at[id].value);
            }
            put(&r);
        }
        push();
        if (inflight == 0)
            continue;
        ck_assert(get(&rsp, 5000));
        id = (unsigned)rsp.id;
        ck_assert(rsp.status == BLKIF_OKAY && id < 32 && busy[id]);
        for (unsigned i = 0; i < at[id].n; i++) {
            for (unsigned s = 0; s < 8; s++) {
                uint8_t *want = &shadow[at[id].sector + 8 * i + s];

                if (at[id].op == BLKIF_WRITE)
                    *want = at[id].value;
                else
                    ck_assert_uint_eq(page[DATA_GREF + 16 * id + i][512 * s + 100], *want);
            }
        }
        busy[id] = 0;
        inflight--;
        done++;
    }
    while (inflight > 0) {
        struct blkif_rsp rsp;

        ck_assert(get(&rsp, 5000));
        inflight--;
    }
    /* More than the first part of the buffer was used, and what is registered stays so. */
    ck_assert(!q.disk.fixed || (q.disk.part_fixed[0] && q.disk.part_fixed[1]));
    disconnect();
    connect_queue(1);
    fill(DATA_GREF, 0x3c);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, 1, 8)), BLKIF_OKAY);
    fill(DATA_GREF, 0);
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, 8)), BLKIF_OKAY);
    ck_assert_uint_eq(page[DATA_GREF][600], 0x3c);
}
END_TEST

START_TEST(an_impossible_index_stops_the_ring)
{
    ring_raw_set(&front, 0, 33); /* R1 */
    kick();
    wait_stopped();
    ck_assert(q.ring_dead && q.fault.text[0]);
    disconnect();
    /* The frontend starts again and is served. */
    connect_queue(1);
    ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 0)), BLKIF_OKAY);
}
END_TEST

START_TEST(stopping_drains)
{
    struct blkif_rsp rsp;

    for (unsigned i = 0; i < 20; i++) {
        struct blkif_x86_64_rw r = make(BLKIF_WRITE, i, 4, i * 32);

        put(&r);
    }
    push();
    ck_assert(get(&rsp, 5000)); /* it has begun */
    disconnect();
    /* What was taken is answered, what was not is left in the ring: never more than asked for. */
    while (get(&rsp, 0))
        ck_assert_int_eq(rsp.status, BLKIF_OKAY);
    for (unsigned n = 0; n < 3; n++) {
        connect_queue(1);
        ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 0)), BLKIF_OKAY);
        disconnect();
    }
}
END_TEST

/* R8: a guest that kicks without work is heard less and less; its real requests still are. */
START_TEST(useless_events_are_throttled)
{
    struct timespec ms = {.tv_nsec = 1000000};
    unsigned before;

    ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, 0)), BLKIF_OKAY);
    before = ev_delivered;
    for (unsigned i = 0; i < 400; i++) {
        kick();
        nanosleep(&ms, NULL);
    }
    ck_assert_uint_lt(ev_delivered - before, 20);
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, 0)), BLKIF_OKAY);
    ck_assert_int_eq(one(make(BLKIF_READ, 3, 1, 0)), BLKIF_OKAY);
}
END_TEST

/* R9: an event that never arrives costs time, not the guest: the main thread kicks now and then. */
START_TEST(a_lost_event_is_survived)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 0);
    struct blkif_rsp rsp;

    ck_assert_int_eq(one(r), BLKIF_OKAY);
    usleep(50000); /* it sleeps now */
    put(&r);
    ck_assert(ring_front_push(&front)); /* and no event */
    ck_assert(!get(&rsp, 50));
    wait_kick(&q.wait);
    ck_assert(get(&rsp, 5000));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_queue");
    TCase *t = tcase_create("queue");

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, writes_and_reads_back);
    tcase_add_test(t, a_part_of_a_page);
    tcase_add_test(t, refuses_and_goes_on);
    tcase_add_test(t, a_failed_copy_never_writes);
    tcase_add_test(t, a_short_disk_shows_nothing_old);
    tcase_add_loop_test(t, a_full_ring_of_random_work, 0, 2);
    tcase_add_test(t, an_impossible_index_stops_the_ring);
    tcase_add_test(t, stopping_drains);
    tcase_add_test(t, useless_events_are_throttled);
    tcase_add_test(t, a_lost_event_is_survived);
    suite_add_tcase(s, t);
    return run_suite(s);
}
