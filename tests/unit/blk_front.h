/*
 * A whole block queue, thread and io_uring and a real file, against a frontend in this process.
 * Grants and event channels are the small stand-ins below: they replace transport/xen/grant.c and
 * evtchn.c at link time.  What Xen itself does with them is fakexen's and the rig's to show.
 * Included by one test program each; not a header of its own.
 */
#ifndef DRVDOM_TESTS_BLK_FRONT_H
#define DRVDOM_TESTS_BLK_FRONT_H

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
#include "transport/xen/stamp.h"
#include "transport/base/log.h"
#include "tests/unit/suite.h"

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
static unsigned pages_mapped, copies_run;
static int copy_fails; /* let the next ioctls fail as a whole */
static int fail_in;    /* the n-th map or bind from now fails; 0: none */

static bool call_fails(void)
{
    return fail_in > 0 && --fail_in == 0;
}

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
    return domid == GUEST && remote == 9 && !call_fails() ? PORT : -EINVAL;
}

int evtchn_rebind(struct evtchn *e, unsigned domid, uint32_t remote_port)
{
    return evtchn_bind(e, domid, remote_port);
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
    if (call_fails()) {
        errno = ENOMEM;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (domid != GUEST || refs[i] >= GREFS || bad_gref[refs[i]] || refs[i] != refs[0] + i) {
            errno = EINVAL;
            return NULL;
        }
    }
    pages_mapped += count;
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
    pages_mapped -= count;
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
    copies_run += b->count;
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

static uint32_t want_block = 512;

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
    setup_msg = (struct blk_setup){.flush = true,
                                   .sectors = DISK_SECTORS,
                                   .queues = 1,
                                   .block = want_block,
                                   .volatile_cache = true};
    done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ck_assert_int_eq(blk_queue_open(&q, &(struct dev_id){.domid = GUEST}, &setup_msg, &stats,
                                    disk_fd, done_fd, &why),
                     0);
    ck_assert_int_eq(blk_queue_thread(&q), 0);
}

static bool want_persistent, want_stamps;
static uint64_t last_stamp; /* of an answer */

static void connect_queue(uint32_t pages)
{
    conn = (struct blk_connect){.live.sectors = DISK_SECTORS,
                                .queues = 1,
                                .ring_pages = pages,
                                .persistent = want_persistent,
                                .stamps = want_stamps};
    conn.queue[0].port = 9;
    for (uint32_t i = 0; i < pages; i++)
        conn.queue[0].ring_ref[i] = RING_GREF + i;
    ring_front_init(&front, page[RING_GREF], pages * (size_t)GRANT_PAGE,
                    blkif_slot_size(BLKIF_ABI_X86_64));
    ck_assert_int_eq(blk_queue_prepare(&q, &main_grant, &conn, 0, &why), 0);
    blk_queue_start(&q);
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
    if (want_stamps) {
        last_stamp = stamp_get(slot);
        stamp_put(slot, 0);
    }
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

#endif
