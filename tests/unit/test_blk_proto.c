/* The rest of blkif on a live queue: indirect requests, barrier, discard, large rings, x86_32. */
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/unit/blk_front.h"

/* No device here can erase securely: this one can, and remembers what. */
static struct {
    unsigned calls;
    uint64_t range[2];
    int err;
} erased;

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (request != BLKSECDISCARD)
        return (int)syscall(SYS_ioctl, fd, request, arg);
    erased.calls++;
    memcpy(erased.range, arg, sizeof(erased.range));
    errno = erased.err;
    return fd != disk_fd || erased.err ? -1 : 0;
}

static struct blkif_x86_64_indirect make_indirect(uint8_t op, uint64_t id, unsigned n,
                                                  uint64_t sector, uint32_t page_gref)
{
    struct blkif_x86_64_indirect r = {.op = BLKIF_INDIRECT,
                                      .indirect_op = op,
                                      .nr_segments = (uint16_t)n,
                                      .id = id,
                                      .sector = sector,
                                      .gref = {page_gref}};

    return r;
}

static int16_t one_indirect(struct blkif_x86_64_indirect r)
{
    struct blkif_rsp rsp;

    ring_front_put(&front, &r, sizeof(r));
    push();
    ck_assert(get(&rsp, 5000));
    ck_assert_uint_eq(rsp.id, r.id);
    ck_assert_uint_eq(rsp.op, r.indirect_op); /* blkfront kills the disk on anything else */
    return rsp.status;
}

/* Lists `n` full pages from gref `first` in the indirect page `at`. */
static void list_pages(uint32_t at, uint32_t first, unsigned n)
{
    struct blkif_seg s[BLKIF_SEGS_PER_PAGE] = {{0}};

    for (unsigned i = 0; i < n; i++)
        s[i] = (struct blkif_seg){.gref = first + i, .last_sect = 7};
    memcpy(page[at], s, n * sizeof(s[0]));
}

START_TEST(indirect_of_every_size)
{
    static const unsigned sizes[] = {1, 11, 12, 32, 128, 255, 256};
    enum { LIST = 1000, FROM = 1024 };

    for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
        unsigned n = sizes[k];

        for (unsigned i = 0; i < n; i++)
            fill(FROM + i, (uint8_t)(i * 7 + k));
        list_pages(LIST, FROM, n);
        ck_assert_int_eq(one_indirect(make_indirect(BLKIF_WRITE, k, n, 64, LIST)), BLKIF_OKAY);
        for (unsigned i = 0; i < n; i++)
            fill(FROM + i, 0);
        ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, k, n, 64, LIST)), BLKIF_OKAY);
        for (unsigned i = 0; i < n; i++) {
            ck_assert_uint_eq(page[FROM + i][0], (uint8_t)(i * 7 + k));
            ck_assert_uint_eq(page[FROM + i][4095], (uint8_t)(i * 7 + k));
        }
    }
}
END_TEST

START_TEST(indirect_gone_wrong)
{
    enum { LIST = 1000 };

    list_pages(LIST, 1024, 20);
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 1, 0, 0, LIST)), BLKIF_ERROR);
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 2, 257, 0, LIST)), BLKIF_ERROR);
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_FLUSH, 3, 20, 0, LIST)), BLKIF_ERROR);
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 4, 20, DISK_SECTORS - 159, LIST)),
                     BLKIF_ERROR);
    bad_gref[LIST] = true;
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 5, 20, 0, LIST)), BLKIF_ERROR);
    bad_gref[LIST] = false;
    bad_gref[1024 + 19] = true;
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 6, 20, 0, LIST)), BLKIF_ERROR);
    bad_gref[1024 + 19] = false;
    ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 7, 20, 0, LIST)), BLKIF_OKAY);
}
END_TEST

/* 32 requests of 1 MiB: far more than the data memory; all must come through, in their own time. */
START_TEST(more_than_fits_waits)
{
    enum { LIST = 1000, FROM = 1024, N = 32 };
    unsigned seen = 0;

    list_pages(LIST, FROM, 256);
    for (unsigned i = 0; i < 256; i++)
        fill(FROM + i, (uint8_t)i);
    for (unsigned i = 0; i < N; i++) {
        struct blkif_x86_64_indirect r =
            make_indirect(i % 3 ? BLKIF_READ : BLKIF_WRITE, i, 256, (i % 4) * 2048, LIST);

        ring_front_put(&front, &r, sizeof(r));
    }
    push();
    for (unsigned i = 0; i < N; i++) {
        struct blkif_rsp rsp;

        ck_assert(get(&rsp, 10000));
        ck_assert_int_eq(rsp.status, BLKIF_OKAY);
        ck_assert(!(seen >> rsp.id & 1));
        seen |= 1u << rsp.id;
    }
    ck_assert_uint_eq(seen, UINT32_MAX);
}
END_TEST

/* What is before a barrier is done before it, and what is after it comes after. */
START_TEST(barrier_keeps_order)
{
    for (unsigned round = 0; round < 50; round++) {
        unsigned order[21];

        for (unsigned i = 0; i < 21; i++) {
            struct blkif_x86_64_rw r = make(BLKIF_WRITE, i, 1 + i % BLKIF_SEGS, i * 88);

            if (i == 10) {
                r.op = BLKIF_BARRIER;
                r.nr_segments = round % 2;
            }
            put(&r);
        }
        push();
        for (unsigned i = 0; i < 21; i++) {
            struct blkif_rsp rsp;

            ck_assert(get(&rsp, 5000));
            ck_assert_int_eq(rsp.status, BLKIF_OKAY);
            ck_assert_uint_eq(rsp.op, rsp.id == 10 ? BLKIF_BARRIER : BLKIF_WRITE);
            order[rsp.id] = i;
        }
        ck_assert_uint_eq(order[10], 10);
        for (unsigned i = 0; i < 21; i++)
            ck_assert((order[i] < 10) == (i < 10));
    }
}
END_TEST

static int16_t discard_with(uint8_t flag, uint64_t sector, uint64_t n)
{
    struct blkif_x86_64_discard r = {
        .op = BLKIF_DISCARD, .flag = flag, .id = 77, .sector = sector, .nr_sectors = n};
    struct blkif_rsp rsp;

    ring_front_put(&front, &r, sizeof(r));
    push();
    ck_assert(get(&rsp, 5000));
    ck_assert(rsp.id == 77 && rsp.op == BLKIF_DISCARD);
    return rsp.status;
}

static int16_t discard(uint64_t sector, uint64_t n)
{
    return discard_with(0, sector, n);
}

/* Exactly what was asked for, or an error: nothing is rounded, nothing tried in another way. */
START_TEST(a_secure_discard_erases)
{
    disconnect();
    setup_msg.secure = true;
    connect_queue(1);
    ck_assert_int_eq(discard_with(BLKIF_DISCARD_SECURE, 1, 40), BLKIF_OKAY);
    ck_assert_uint_eq(erased.calls, 1);
    ck_assert_uint_eq(erased.range[0], 512);
    ck_assert_uint_eq(erased.range[1], 40 * 512);
    erased.err = EINVAL;
    ck_assert_int_eq(discard_with(BLKIF_DISCARD_SECURE, 1, 3), BLKIF_ERROR);
    erased.err = EOPNOTSUPP;
    ck_assert_int_eq(discard_with(BLKIF_DISCARD_SECURE, 0, 8), BLKIF_EOPNOTSUPP);
    ck_assert_uint_eq(erased.calls, 3);
    ck_assert_int_eq(discard_with(BLKIF_DISCARD_SECURE, DISK_SECTORS, 1), BLKIF_ERROR);
    ck_assert_int_eq(discard(0, 8), BLKIF_OKAY);
    ck_assert_uint_eq(erased.calls, 3);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, 1, 0)), BLKIF_OKAY);
}
END_TEST

/* The flag of one that is not offered means nothing (blkif.h). */
START_TEST(an_unoffered_secure_discard_is_a_discard)
{
    ck_assert_int_eq(discard_with(BLKIF_DISCARD_SECURE, 0, 8), BLKIF_OKAY);
    ck_assert_uint_eq(erased.calls, 0);
}
END_TEST

START_TEST(discard_makes_holes)
{
    struct stat before, after;

    for (unsigned i = 0; i < BLKIF_SEGS; i++)
        fill(DATA_GREF + i, 0x44);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 1, BLKIF_SEGS, 0)), BLKIF_OKAY);
    ck_assert_int_eq(fsync(disk_fd), 0);
    ck_assert_int_eq(fstat(disk_fd, &before), 0);
    ck_assert_int_eq(discard(1, 6), BLKIF_OKAY); /* no whole unit: kept */
    ck_assert_int_eq(one(make(BLKIF_READ, 2, 1, 0)), BLKIF_OKAY);
    ck_assert_uint_eq(page[DATA_GREF][600], 0x44);
    ck_assert_int_eq(discard(1, 40), BLKIF_OKAY); /* sectors 8 to 39 */
    ck_assert_int_eq(fstat(disk_fd, &after), 0);
    ck_assert_int_eq(after.st_blocks, before.st_blocks - 32);
    ck_assert_int_eq(after.st_size, before.st_size);
    ck_assert_int_eq(one(make(BLKIF_READ, 3, 2, 0)), BLKIF_OKAY);
    ck_assert_uint_eq(page[DATA_GREF][4095], 0x44);
    ck_assert_uint_eq(page[DATA_GREF + 1][0], 0);
    ck_assert_int_eq(discard(0, DISK_SECTORS + 1), BLKIF_ERROR);
    ck_assert_int_eq(discard(0, 0), BLKIF_ERROR);
    ck_assert_int_eq(discard(0, DISK_SECTORS), BLKIF_OKAY);
}
END_TEST

START_TEST(every_ring_order)
{
    disconnect();
    for (unsigned order = 0; order <= BLK_RING_ORDER_MAX; order++) {
        unsigned slots = 32u << order;

        connect_queue(1u << order);
        ck_assert_uint_eq(front.slots, slots);
        for (unsigned round = 0; round < 5; round++) {
            uint64_t sum = 0;

            for (unsigned i = 0; i < slots; i++) {
                struct blkif_x86_64_rw r = make(i % 2, i + 1, 3, i * 24);

                put(&r);
            }
            push();
            for (unsigned i = 0; i < slots; i++) {
                struct blkif_rsp rsp;

                ck_assert(get(&rsp, 5000));
                ck_assert_int_eq(rsp.status, BLKIF_OKAY);
                sum += rsp.id;
            }
            ck_assert_uint_eq(sum, (uint64_t)slots * (slots + 1) / 2);
        }
        disconnect();
    }
}
END_TEST

START_TEST(a_32_bit_guest)
{
    struct blkif_x86_32_rw r = {
        .op = BLKIF_WRITE, .nr_segments = 1, .id = 0x1234567890, .sector = 8};
    uint8_t slot[112], sector[512];

    disconnect();
    conn.abi = BLKIF_ABI_X86_32;
    ring_front_init(&front, page[RING_GREF], GRANT_PAGE, blkif_slot_size(BLKIF_ABI_X86_32));
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), 0);
    blk_queue_start(&q);
    r.seg[0] = (struct blkif_seg){.gref = DATA_GREF, .first_sect = 1, .last_sect = 1};
    fill(DATA_GREF, 0x99);
    ring_front_put(&front, &r, sizeof(r));
    push();
    for (unsigned i = 0; i < 5000 && ring_front_take(&front, slot) != 1; i++)
        usleep(1000);
    ck_assert_mem_eq(slot, &r.id, 8);
    ck_assert_uint_eq(slot[8], BLKIF_WRITE);
    ck_assert_uint_eq(slot[10], 0);
    ck_assert_int_eq(pread(disk_fd, sector, 512, 8 * 512), 512);
    ck_assert_uint_eq(sector[0], 0x99);
}
END_TEST

static void reconnect_persistent(void)
{
    disconnect();
    ck_assert_uint_eq(pages_mapped, 0);
    want_persistent = true;
    connect_queue(1);
}

START_TEST(persistent_grants_are_mapped_once)
{
    enum { LIST = 1000, FROM = 1024 };

    reconnect_persistent();
    copies_run = 0;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 64; i++)
            fill(FROM + i, (uint8_t)(i + round));
        list_pages(LIST, FROM, 64);
        ck_assert_int_eq(one_indirect(make_indirect(BLKIF_WRITE, 1, 64, 0, LIST)), BLKIF_OKAY);
        for (unsigned i = 0; i < 64; i++)
            fill(FROM + i, 0);
        ck_assert_int_eq(one_indirect(make_indirect(BLKIF_READ, 2, 64, 0, LIST)), BLKIF_OKAY);
        for (unsigned i = 0; i < 64; i++)
            ck_assert_uint_eq(page[FROM + i][4095], (uint8_t)(i + round));
    }
    ck_assert_uint_eq(pages_mapped, 1 + 1 + 64); /* ring, list, data */
    ck_assert_uint_eq(copies_run, 0);
    disconnect();
    ck_assert_uint_eq(pages_mapped, 0);
}
END_TEST

/* B10: one page in several segments and requests at once; each use counts. */
START_TEST(one_page_many_times)
{
    struct blkif_rsp rsp;

    reconnect_persistent();
    for (unsigned i = 0; i < 32; i++) {
        struct blkif_x86_64_rw r = make(i % 2, i, 4, i * 32);

        for (unsigned k = 0; k < 4; k++)
            r.seg[k].gref = DATA_GREF;
        put(&r);
    }
    push();
    for (unsigned i = 0; i < 32; i++) {
        ck_assert(get(&rsp, 5000));
        ck_assert_int_eq(rsp.status, BLKIF_OKAY);
    }
    disconnect();
    ck_assert_uint_eq(pages_mapped, 0);
}
END_TEST

/* B12: ever new grants; the cache stays at its size, and every request is served all the same. */
START_TEST(endless_fresh_grants)
{
    reconnect_persistent();
    for (uint32_t gref = 32; gref < GREFS; gref++) {
        struct blkif_x86_64_rw r = make(BLKIF_WRITE, gref, 1, 8);

        r.seg[0].gref = gref;
        ck_assert_int_eq(one(r), BLKIF_OKAY);
        ck_assert_uint_le(pages_mapped, PERSIST_MAX + 1);
    }
    ck_assert_uint_gt(copies_run, 0);
    disconnect();
    ck_assert_uint_eq(pages_mapped, 0);
}
END_TEST

/* Grants that cannot be mapped go the way of grant copy, and only the bad request suffers. */
START_TEST(persistent_but_not_mappable)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 2, 0);

    reconnect_persistent();
    bad_gref[DATA_GREF + 1] = true;
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(one(r), BLKIF_ERROR);
    bad_gref[DATA_GREF + 1] = false;
    ck_assert_int_eq(one(r), BLKIF_OKAY);
}
END_TEST

static uint64_t time_of(unsigned n)
{
    uint64_t start = clock_ns();

    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(one(make(BLKIF_READ, i, 4, 0)), BLKIF_OKAY);
    return (clock_ns() - start) / 1000000;
}

/* A busy machine makes it longer now and then, but not five times: the least, or the first below
 * `enough`. */
static uint64_t least_time_of(unsigned n, uint64_t enough)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < 5 && least >= enough; i++) {
        uint64_t ms = time_of(n);

        least = ms < least ? ms : least;
    }
    return least;
}

START_TEST(limits_change_while_it_runs)
{
    struct blk_live l = {.sectors = DISK_SECTORS, .iops = 100, .burst_ms = 50};
    uint64_t ms;

    ck_assert_uint_lt(least_time_of(50, 400), 400);
    blk_queue_set_live(&q, &l);
    usleep(20000);
    ms = least_time_of(55, 900); /* 5 at once, 50 at 100 per second */
    ck_assert(ms >= 480 && ms < 900);
    l = (struct blk_live){.sectors = DISK_SECTORS, .bytes = 1048576, .burst_ms = 16};
    blk_queue_set_live(&q, &l);
    usleep(20000);
    ms = least_time_of(36, 900); /* of 16 KiB: one at once, one overdraws, 64 per second */
    ck_assert(ms >= 480 && ms < 900);
    l = (struct blk_live){.sectors = DISK_SECTORS, .iops = 1};
    blk_queue_set_live(&q, &l);
    usleep(20000);
    ck_assert_uint_lt(time_of(1), 900); /* and not after a second */
    disconnect();                       /* does not wait for what the limits hold back */
}
END_TEST

START_TEST(the_disk_grows_and_shrinks)
{
    struct blk_live l = {.sectors = DISK_SECTORS + 8};

    ck_assert_int_eq(one(make(BLKIF_READ, 1, 1, DISK_SECTORS)), BLKIF_ERROR);
    ck_assert_int_eq(ftruncate(disk_fd, (off_t)(DISK_SECTORS + 8) * 512), 0);
    blk_queue_set_live(&q, &l);
    usleep(20000);
    ck_assert_int_eq(one(make(BLKIF_WRITE, 2, 1, DISK_SECTORS)), BLKIF_OKAY);
    l.sectors = 8;
    blk_queue_set_live(&q, &l);
    usleep(20000);
    ck_assert_int_eq(one(make(BLKIF_READ, 3, 1, 8)), BLKIF_ERROR);
    ck_assert_int_eq(one(make(BLKIF_READ, 4, 1, 0)), BLKIF_OKAY);
}
END_TEST

static void setup_with_discard(void)
{
    open_queue();
    setup_msg.discard_unit = 4096;
    connect_queue(1);
}

int main(void)
{
    Suite *s = suite_create("blk_proto");
    TCase *t = tcase_create("proto");

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup_with_discard, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, indirect_of_every_size);
    tcase_add_test(t, indirect_gone_wrong);
    tcase_add_test(t, more_than_fits_waits);
    tcase_add_test(t, barrier_keeps_order);
    tcase_add_test(t, discard_makes_holes);
    tcase_add_test(t, a_secure_discard_erases);
    tcase_add_test(t, an_unoffered_secure_discard_is_a_discard);
    tcase_add_test(t, every_ring_order);
    tcase_add_test(t, a_32_bit_guest);
    tcase_add_test(t, limits_change_while_it_runs);
    tcase_add_test(t, the_disk_grows_and_shrinks);
    tcase_add_test(t, persistent_grants_are_mapped_once);
    tcase_add_test(t, one_page_many_times);
    tcase_add_test(t, endless_fresh_grants);
    tcase_add_test(t, persistent_but_not_mappable);
    suite_add_tcase(s, t);
    return run_suite(s);
}
