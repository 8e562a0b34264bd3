/* Disks of 4096-byte sectors under guests that address 512 bytes: read-modify-write, and that
 * writes which share a sector of the disk never undo each other. */
#include "tests/unit/blk_front.h"

enum { BLOCK = 4096, PER_BLOCK = BLOCK / 512 };

static void setup(void)
{
    want_block = BLOCK;
    open_queue();
    connect_queue(1);
}

/* n sectors from `first` of page `gref` */
static struct blkif_x86_64_rw part(uint8_t op, uint64_t id, uint32_t gref, unsigned first,
                                   unsigned n, uint64_t sector)
{
    struct blkif_x86_64_rw r = make(op, id, 1, sector);

    r.seg[0] = (struct blkif_seg){
        .gref = gref, .first_sect = (uint8_t)first, .last_sect = (uint8_t)(first + n - 1)};
    return r;
}

static uint8_t on_disk(uint64_t sector, unsigned at)
{
    uint8_t b = 0;

    ck_assert_int_eq(pread(disk_fd, &b, 1, (off_t)(sector * 512 + at)), 1);
    return b;
}

static void paint(uint64_t from, uint64_t n, uint8_t with)
{
    static uint8_t sector[512];

    memset(sector, with, sizeof(sector));
    for (uint64_t i = 0; i < n; i++)
        ck_assert_int_eq(pwrite(disk_fd, sector, 512, (off_t)((from + i) * 512)), 512);
}

static void drain(unsigned n)
{
    struct blkif_rsp rsp;

    push();
    for (unsigned i = 0; i < n; i++) {
        ck_assert(get(&rsp, 5000));
        ck_assert_int_eq(rsp.status, BLKIF_OKAY);
    }
}

START_TEST(ranges)
{
    struct rmw_range whole = rmw_range(8192, 8192, BLOCK), head = rmw_range(8192 + 512, 512, BLOCK);
    struct rmw_range across = rmw_range(4096 - 512, 1024, BLOCK);
    struct rmw_range end = rmw_range((UINT64_C(1) << 62) - 512, 512, BLOCK);

    ck_assert(whole.first == 2 && whole.last == 3 && !whole.partial);
    ck_assert(head.first == 2 && head.last == 2 && head.partial);
    ck_assert(across.first == 0 && across.last == 1 && across.partial);
    ck_assert(end.first == end.last && end.partial);
    ck_assert(rmw_meet(&whole, &head) && rmw_meet(&head, &whole) && rmw_meet(&head, &head));
    ck_assert(!rmw_meet(&whole, &whole)); /* as on any disk */
    ck_assert(!rmw_meet(&across, &head) && !rmw_meet(&across, &whole));
}
END_TEST

START_TEST(the_neighbours_stay)
{
    paint(0, 64, 0x11);
    fill(DATA_GREF, 0xaa);
    /* in the middle; over an edge; head and tail of a longer one; one whole */
    ck_assert_int_eq(one(part(BLKIF_WRITE, 1, DATA_GREF, 5, 2, 3)), BLKIF_OKAY);
    ck_assert_int_eq(one(part(BLKIF_WRITE, 2, DATA_GREF, 0, 2, 15)), BLKIF_OKAY);
    fill(DATA_GREF + 1, 0xaa);
    fill(DATA_GREF + 2, 0xaa);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 3, 3, 29)), BLKIF_OKAY);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 4, 1, 56)), BLKIF_OKAY);
    for (uint64_t s = 0; s < 64; s++) {
        bool ours = (s >= 3 && s < 5) || s == 15 || s == 16 || (s >= 29 && s < 53) || s >= 56;

        ck_assert_uint_eq(on_disk(s, 0), ours ? 0xaa : 0x11);
        ck_assert_uint_eq(on_disk(s, 511), ours ? 0xaa : 0x11);
    }
}
END_TEST

START_TEST(reads_just_what_was_asked)
{
    for (unsigned s = 0; s < 32; s++)
        paint(s, 1, (uint8_t)(0x40 + s));
    fill(DATA_GREF, 0xee);
    ck_assert_int_eq(one(part(BLKIF_READ, 1, DATA_GREF, 2, 3, 6)), BLKIF_OKAY);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(page[DATA_GREF][512 * i], i >= 2 && i < 5 ? 0x40 + 6 + i - 2 : 0xee);
}
END_TEST

/* Eight writes to eight parts of one sector, all under way at once: each must be there. */
START_TEST(parts_of_one_sector_do_not_undo_each_other)
{
    for (unsigned round = 1; round <= 200; round++) {
        for (unsigned i = 0; i < PER_BLOCK; i++) {
            struct blkif_x86_64_rw r = part(BLKIF_WRITE, i, DATA_GREF + i, 0, 1, 80 + i);

            fill(DATA_GREF + i, (uint8_t)(round + i));
            put(&r);
        }
        drain(PER_BLOCK);
        for (unsigned i = 0; i < PER_BLOCK; i++)
            ck_assert_uint_eq(on_disk(80 + i, 100), (uint8_t)(round + i));
    }
}
END_TEST

/* A whole write beside a part of the same sector: what the part does not cover is the whole one's.
 */
START_TEST(a_part_does_not_undo_a_whole)
{
    for (unsigned round = 0; round < 200; round++) {
        struct blkif_x86_64_rw small = part(BLKIF_WRITE, 1, DATA_GREF, 0, 1, 80);
        struct blkif_x86_64_rw whole = make(BLKIF_WRITE, 2, 1, 80);

        whole.seg[0].gref = DATA_GREF + 1;
        fill(DATA_GREF, 0xff);
        fill(DATA_GREF + 1, (uint8_t)round);
        put(&small);
        put(&whole);
        drain(2);
        for (unsigned i = 1; i < PER_BLOCK; i++)
            ck_assert_uint_eq(on_disk(80 + i, 0), (uint8_t)round);
    }
}
END_TEST

START_TEST(a_refused_part_holds_nobody_up)
{
    struct blkif_x86_64_rw bad = part(BLKIF_WRITE, 1, DATA_GREF, 0, 1, 81);
    struct blkif_x86_64_rw good = part(BLKIF_WRITE, 2, DATA_GREF + 1, 0, 1, 82);
    struct blkif_rsp rsp;

    paint(80, 8, 0x11);
    fill(DATA_GREF + 1, 0x22);
    bad_gref[DATA_GREF] = true;
    put(&bad);
    put(&good);
    push();
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(get(&rsp, 5000));
        ck_assert_int_eq(rsp.status, rsp.id == 1 ? BLKIF_ERROR : BLKIF_OKAY);
    }
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(on_disk(80 + i, 0), i == 2 ? 0x22 : 0x11);
    /* A disk that cannot be read is not written either. */
    ck_assert_int_eq(ftruncate(disk_fd, 512 * 2), 0);
    ck_assert_int_eq(one(part(BLKIF_WRITE, 3, DATA_GREF + 1, 0, 1, 1)), BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 4, 1, 8)), BLKIF_ERROR); /* DATA_GREF is still bad */
    bad_gref[DATA_GREF] = false;
    ck_assert_int_eq(one(make(BLKIF_WRITE, 5, 1, 0)), BLKIF_OKAY);
}
END_TEST

/* Any sizes and places, many at once, into a part of the disk so small that they keep meeting; what
 * each sector holds must be what the last write that covered it put there.  Writes under way at
 * once do not overlap, as with any guest. */
START_TEST(random_work)
{
    enum { SPAN = 256, IDS = 24 };
    static uint8_t shadow[SPAN];
    struct {
        uint64_t at;
        unsigned n;
        uint8_t value;
    } job[IDS];
    bool busy[IDS] = {false}, taken[SPAN] = {false};
    unsigned done = 0, inflight = 0;

    want_persistent = _i;
    disconnect();
    connect_queue(1);
    srand(5);
    memset(shadow, 0, sizeof(shadow));
    paint(0, SPAN, 0);
    while (done < 6000) {
        struct blkif_rsp rsp;

        for (unsigned id = 0; id < IDS; id++) {
            unsigned n = 1 + (unsigned)rand() % 20, at = (unsigned)rand() % (SPAN - n), left = n;
            struct blkif_x86_64_rw r = make(BLKIF_WRITE, id, 0, at);
            bool clash = false;

            for (unsigned s = at; s < at + n; s++)
                clash |= taken[s];
            if (busy[id] || clash)
                continue;
            job[id].at = at;
            job[id].n = n;
            job[id].value = (uint8_t)rand();
            memset(taken + at, true, n);
            busy[id] = true;
            inflight++;
            while (left > 0) {
                uint32_t gref = DATA_GREF + 8 * id + r.nr_segments;
                unsigned first = r.nr_segments ? 0 : at % 8;
                unsigned len = MIN(left, 8 - first);

                fill(gref, job[id].value);
                r.seg[r.nr_segments++] =
                    (struct blkif_seg){.gref = gref,
                                       .first_sect = (uint8_t)first,
                                       .last_sect = (uint8_t)(first + len - 1)};
                left -= len;
            }
            put(&r);
        }
        push();
        ck_assert(inflight > 0 && get(&rsp, 5000));
        ck_assert_int_eq(rsp.status, BLKIF_OKAY);
        ck_assert(rsp.id < IDS && busy[rsp.id]);
        busy[rsp.id] = false;
        inflight--;
        done++;
        memset(shadow + job[rsp.id].at, job[rsp.id].value, job[rsp.id].n);
        memset(taken + job[rsp.id].at, false, job[rsp.id].n);
    }
    while (inflight > 0) {
        struct blkif_rsp rsp;

        ck_assert(get(&rsp, 5000));
        memset(shadow + job[rsp.id].at, job[rsp.id].value, job[rsp.id].n);
        inflight--;
    }
    for (unsigned s = 0; s < SPAN; s++) {
        ck_assert_uint_eq(on_disk(s, 0), shadow[s]);
        ck_assert_uint_eq(on_disk(s, 511), shadow[s]);
    }
}
END_TEST

START_TEST(the_last_sectors)
{
    paint(DISK_SECTORS - 8, 8, 0x33);
    fill(DATA_GREF, 0x44);
    ck_assert_int_eq(one(part(BLKIF_WRITE, 1, DATA_GREF, 0, 1, DISK_SECTORS - 1)), BLKIF_OKAY);
    ck_assert_int_eq(one(part(BLKIF_WRITE, 2, DATA_GREF, 0, 2, DISK_SECTORS - 1)), BLKIF_ERROR);
    ck_assert_uint_eq(on_disk(DISK_SECTORS - 1, 0), 0x44);
    ck_assert_uint_eq(on_disk(DISK_SECTORS - 2, 0), 0x33);
    ck_assert_int_eq(lseek(disk_fd, 0, SEEK_END), DISK_SECTORS * 512);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_rmw");
    TCase *t = tcase_create("rmw");

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, ranges);
    tcase_add_test(t, the_neighbours_stay);
    tcase_add_test(t, reads_just_what_was_asked);
    tcase_add_test(t, parts_of_one_sector_do_not_undo_each_other);
    tcase_add_test(t, a_part_does_not_undo_a_whole);
    tcase_add_test(t, a_refused_part_holds_nobody_up);
    tcase_add_loop_test(t, random_work, 0, 2);
    tcase_add_test(t, the_last_sectors);
    suite_add_tcase(s, t);
    return run_suite(s);
}
