/*
 * A whole block queue, thread and io_uring and a real file, against a frontend in this process.
 * Grants and event channels are the small stand-ins below: they replace transport/xen/grant.c and
 * evtchn.c at link time. What Xen itself does with them is fakexen's and the rig's to show.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/blk/queue.h"
#include "transport/base/log.h"

enum {
    GUEST = 7,
    PORT = 5,
    GREFS = 4096,
    RING_GREF = 1, /* ring pages: grants 1..16 */
    DATA_GREF = 32,
    DISK_SECTORS = 16384,
};

static _Alignas(4096) uint8_t page[GREFS][GRANT_PAGE];
static bool bad_gref[GREFS], readonly_gref[GREFS];
static int copy_fails; /* let the next ioctls fail as a whole */

/* ---- stand-in: event channel ---- */

static pthread_mutex_t ev_lock = PTHREAD_MUTEX_INITIALIZER;
static int ev_fd, front_fd;
static bool ev_masked, ev_pending;
static _Atomic unsigned ev_delivered, ev_notified;

static void bump(int fd)
{
    uint64_t one = 1;

    ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

static void kick(void)
{
    pthread_mutex_lock(&ev_lock);
    if (ev_masked) {
        ev_pending = true;
    } else {
        ev_masked = true;
        atomic_fetch_add(&ev_delivered, 1);
        bump(ev_fd);
    }
    pthread_mutex_unlock(&ev_lock);
}

int evtchn_open(struct evtchn *e)
{
    e->h = NULL;
    ev_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    front_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return 0;
}
void evtchn_close(struct evtchn *e)
{
    (void)e;
    close(ev_fd);
    close(front_fd);
}
int evtchn_restrict(struct evtchn *e, unsigned domid)
{
    (void)e;
    return domid == GUEST ? 0 : -EINVAL;
}
int evtchn_fd(const struct evtchn *e)
{
    (void)e;
    return ev_fd;
}
int evtchn_bind(struct evtchn *e, unsigned domid, uint32_t remote)
{
    (void)e;
    return domid == GUEST && remote == 9 ? PORT : -EINVAL;
}
int evtchn_unbind(struct evtchn *e, uint32_t port)
{
    (void)e;
    return port == PORT ? 0 : -EINVAL;
}
int evtchn_pending(struct evtchn *e)
{
    uint64_t n;

    (void)e;
    return read(ev_fd, &n, sizeof(n)) == sizeof(n) ? PORT : 0;
}
int evtchn_unmask(struct evtchn *e, uint32_t port)
{
    (void)e;
    ck_assert_uint_eq(port, PORT);
    pthread_mutex_lock(&ev_lock);
    ev_masked = ev_pending;
    if (ev_pending) {
        ev_pending = false;
        atomic_fetch_add(&ev_delivered, 1);
        bump(ev_fd);
    }
    pthread_mutex_unlock(&ev_lock);
    return 0;
}
int evtchn_notify(struct evtchn *e, uint32_t port)
{
    (void)e;
    ck_assert_uint_eq(port, PORT);
    atomic_fetch_add(&ev_notified, 1);
    bump(front_fd);
    return 0;
}

/* ---- stand-in: grants ---- */

int grant_open(struct grant *g)
{
    g->h = NULL;
    return 0;
}
void grant_close(struct grant *g)
{
    (void)g;
}
void *grant_map(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    (void)g;
    for (uint32_t i = 0; i < count; i++) {
        if (domid != GUEST || refs[i] >= GREFS || bad_gref[refs[i]] || refs[i] != refs[0] + i) {
            errno = EINVAL;
            return NULL;
        }
    }
    return page[refs[0]];
}
void *grant_map_ro(struct grant *g, unsigned domid, const uint32_t *refs, uint32_t count)
{
    return grant_map(g, domid, refs, count);
}
int grant_unmap(struct grant *g, void *addr, uint32_t count)
{
    (void)g;
    (void)addr;
    (void)count;
    return 0;
}
int grant_batch_init(struct grant_batch *b, unsigned domid, uint32_t capacity)
{
    b->domid = domid;
    b->count = 0;
    b->capacity = capacity;
    b->seg = calloc(capacity, sizeof(*b->seg));
    return b->seg ? 0 : -ENOMEM;
}
void grant_batch_fini(struct grant_batch *b)
{
    free(b->seg);
    b->seg = NULL;
}
static uint32_t add(struct grant_batch *b, void *local, uint32_t ref, uint16_t off, uint16_t len,
                    uint16_t flags)
{
    xengnttab_grant_copy_segment_t *s = &b->seg[b->count];

    ck_assert_uint_lt(b->count, b->capacity);
    ck_assert(len > 0 && off + len <= GRANT_PAGE);
    s->flags = flags;
    s->len = len;
    s->source.virt = local;
    s->dest.foreign.ref = ref;
    s->dest.foreign.offset = off;
    s->status = -1;
    return b->count++;
}
uint32_t grant_batch_from_peer(struct grant_batch *b, void *local, uint32_t ref, uint16_t off,
                               uint16_t len)
{
    return add(b, local, ref, off, len, GNTCOPY_source_gref);
}
uint32_t grant_batch_to_peer(struct grant_batch *b, const void *local, uint32_t ref, uint16_t off,
                             uint16_t len)
{
    return add(b, (void *)(uintptr_t)local, ref, off, len, GNTCOPY_dest_gref);
}
int grant_batch_run(struct grant *g, struct grant_batch *b)
{
    (void)g;
    for (uint32_t i = 0; i < b->count; i++) {
        xengnttab_grant_copy_segment_t *s = &b->seg[i];
        uint32_t ref = s->dest.foreign.ref;
        bool out = s->flags == GNTCOPY_dest_gref;

        s->status = -1;
        if (copy_fails || ref >= GREFS || bad_gref[ref] || (out && readonly_gref[ref]))
            continue;
        if (out)
            memcpy(page[ref] + s->dest.foreign.offset, s->source.virt, s->len);
        else
            memcpy(s->source.virt, page[ref] + s->dest.foreign.offset, s->len);
        s->status = 0;
    }
    if (copy_fails) {
        copy_fails--;
        return -EINVAL;
    }
    return 0;
}

/* ---- the frontend ---- */

static struct blk_queue q;
static struct blk_setup setup_msg;
static struct blk_connect conn;
static struct dev_stats stats;
static struct grant main_grant;
static struct ring front;
static int disk_fd, done_fd;
static struct why why;
static char disk_name[64];

static void open_disk(void)
{
    snprintf(disk_name, sizeof(disk_name), "build/test_blk_queue.%d", (int)getpid());
    disk_fd = open(disk_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(disk_fd, 0);
    unlink(disk_name);
    ck_assert_int_eq(ftruncate(disk_fd, (off_t)DISK_SECTORS * 512), 0);
}

static void open_queue(void)
{
    open_disk();
    memset(&stats, 0, sizeof(stats));
    memset(&q, 0, sizeof(q));
    memset(bad_gref, 0, sizeof(bad_gref));
    memset(readonly_gref, 0, sizeof(readonly_gref));
    ev_masked = ev_pending = false;
    setup_msg = (struct blk_setup){.sectors = DISK_SECTORS, .queues = 1, .volatile_cache = true};
    done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ck_assert_int_eq(blk_queue_open(&q, &(struct dev_id){.domid = GUEST}, &setup_msg, &stats,
                                    disk_fd, done_fd, &why),
                     0);
}

static void connect_queue(uint32_t pages)
{
    conn = (struct blk_connect){.sectors = DISK_SECTORS, .queues = 1, .ring_pages = pages};
    conn.queue[0].port = 9;
    for (uint32_t i = 0; i < pages; i++)
        conn.queue[0].ring_ref[i] = RING_GREF + i;
    ring_front_init(&front, page[RING_GREF], pages * (size_t)GRANT_PAGE,
                    blkif_slot_size(BLKIF_ABI_X86_64));
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), 0);
    ck_assert_int_eq(blk_queue_start(&q, &why), 0);
}

static void setup(void)
{
    open_queue();
    connect_queue(1);
}

static void wait_stopped(void)
{
    struct pollfd p = {.fd = done_fd, .events = POLLIN};
    uint64_t n;

    while (blk_queue_is_running(&q)) {
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        ck_assert_int_eq(read(done_fd, &n, sizeof(n)), sizeof(n));
    }
}

static void disconnect(void)
{
    blk_queue_stop(&q);
    wait_stopped();
    blk_queue_release(&q, &main_grant);
}

static void teardown(void)
{
    if (q.ring_mem)
        disconnect();
    close(disk_fd);
}

static void put(const struct blkif_x86_64_rw *r)
{
    ring_front_put(&front, r, sizeof(*r));
}

static void push(void)
{
    if (ring_front_push(&front))
        kick();
}

/* Waits for one response; false after `ms`. */
static bool get(struct blkif_rsp *rsp, int ms)
{
    uint8_t slot[112];
    struct pollfd p = {.fd = front_fd, .events = POLLIN};
    uint64_t n;
    int rc;

    for (;;) {
        rc = ring_front_take(&front, slot);
        ck_assert_int_ge(rc, 0);
        if (rc == 1)
            break;
        if (ring_front_rest(&front) == 1)
            continue;
        if (poll(&p, 1, ms) == 0)
            return false;
        rc = (int)read(front_fd, &n, sizeof(n));
    }
    memcpy(rsp, slot, sizeof(*rsp));
    for (size_t i = 12; i < sizeof(slot); i++)
        ck_assert_uint_eq(slot[i], 0); /* B20: nothing old shows */
    return true;
}

static struct blkif_x86_64_rw make(uint8_t op, uint64_t id, unsigned n, uint64_t sector)
{
    struct blkif_x86_64_rw r = {.op = op, .nr_segments = (uint8_t)n, .id = id, .sector = sector};

    for (unsigned i = 0; i < n; i++)
        r.seg[i] = (struct blkif_seg){.gref = DATA_GREF + i, .last_sect = 7};
    return r;
}

static int16_t one(struct blkif_x86_64_rw r)
{
    struct blkif_rsp rsp;

    put(&r);
    push();
    ck_assert(get(&rsp, 5000));
    ck_assert_uint_eq(rsp.id, r.id);
    ck_assert_uint_eq(rsp.op, r.op);
    return rsp.status;
}

static void fill(uint32_t gref, uint8_t with)
{
    memset(page[gref], with, GRANT_PAGE);
}

/* ---- tests ---- */

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

/* R9: an event that never arrives costs time, not the guest. */
START_TEST(a_lost_event_is_survived)
{
    struct blkif_x86_64_rw r = make(BLKIF_READ, 1, 1, 0);
    struct blkif_rsp rsp;

    put(&r);
    ck_assert(ring_front_push(&front)); /* and no kick */
    ck_assert(get(&rsp, 5000));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("blk_queue");
    TCase *t = tcase_create("queue");
    SRunner *r;
    int failed;

    log_set_level(LOG_ERROR);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, writes_and_reads_back);
    tcase_add_test(t, a_part_of_a_page);
    tcase_add_test(t, refuses_and_goes_on);
    tcase_add_test(t, a_failed_copy_never_writes);
    tcase_add_test(t, a_short_disk_shows_nothing_old);
    tcase_add_test(t, a_full_ring_of_random_work);
    tcase_add_test(t, an_impossible_index_stops_the_ring);
    tcase_add_test(t, stopping_drains);
    tcase_add_test(t, useless_events_are_throttled);
    tcase_add_test(t, a_lost_event_is_survived);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
