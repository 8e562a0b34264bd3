/*
 * blkraw: the least a block frontend can be (one page, one queue, direct segments), for loop tests
 * of a whole backend on fakexen or Xen.  Writes a pattern, reads it back, measures.
 *
 *     blkraw BACKEND-DOMID DEVID [REQUESTS [DEPTH]]       in the guest's environment
 */
#include <err.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>
/* ring.h leaves the barriers to us, under names that differ between versions of Xen */
#define mb()      __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb()     __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb()     __atomic_thread_fence(__ATOMIC_RELEASE)
#define xen_mb()  mb()
#define xen_rmb() rmb()
#define xen_wmb() wmb()
#include <xen/io/blkif.h>

enum { PAGE = 4096, SLOTS = 32, PATIENCE_MS = 5000 };

static struct {
    struct xs_handle *xs;
    char dir[64], back[96];
    xenevtchn_handle *ev;
    evtchn_port_t port;
    blkif_front_ring_t ring;
    uint32_t ring_ref, ref[SLOTS];
    uint8_t *page[SLOTS];
    uint64_t sectors;
} f;

static void put(const char *key, unsigned v)
{
    char path[128], value[32];

    snprintf(path, sizeof(path), "%s/%s", f.dir, key);
    snprintf(value, sizeof(value), "%u", v);
    if (!xs_write(f.xs, XBT_NULL, path, value, (unsigned)strlen(value)))
        err(1, "%s", path);
}

static uint64_t get(const char *key)
{
    char path[160];
    unsigned len;
    char *v;
    uint64_t n;

    snprintf(path, sizeof(path), "%s/%s", f.back, key);
    v = xs_read(f.xs, XBT_NULL, path, &len);
    n = v ? strtoull(v, NULL, 10) : 0;
    free(v);
    return n;
}

static void await_state(uint64_t state)
{
    char path[128];
    struct pollfd p = {.fd = xs_fileno(f.xs), .events = POLLIN};

    snprintf(path, sizeof(path), "%s/state", f.back);
    xs_watch(f.xs, path, "w");
    while (get("state") != state) {
        if (poll(&p, 1, PATIENCE_MS) <= 0)
            errx(1, "%s is %d, waited for %d", path, (int)get("state"), (int)state);
        free(xs_check_watch(f.xs));
    }
    xs_unwatch(f.xs, path, "w");
}

static void connect_ring(unsigned domid)
{
    xengntshr_handle *g = xengntshr_open(NULL, 0);
    blkif_sring_t *s = g ? xengntshr_share_pages(g, domid, 1, &f.ring_ref, 1) : NULL;
    int port;

    f.ev = xenevtchn_open(NULL, 0);
    port = f.ev ? xenevtchn_bind_unbound_port(f.ev, domid) : -1;
    if (!s || port < 0)
        err(1, "ring");
    f.port = (evtchn_port_t)port;
    SHARED_RING_INIT(s);
    FRONT_RING_INIT(&f.ring, s, PAGE);
    for (int i = 0; i < SLOTS; i++) {
        f.page[i] = xengntshr_share_pages(g, domid, 1, &f.ref[i], 1);
        if (!f.page[i])
            err(1, "pages");
    }
    put("state", 1); /* a backend that has closed before starts over at this */
    await_state(2);
    put("ring-ref", f.ring_ref);
    put("event-channel", f.port);
    put("state", 3);
    await_state(4);
    f.sectors = get("sectors");
    put("state", 4);
}

/* Whatever goes wrong here: a guest whose driver gives up still answers the backend's closing. */
static void give_up(void)
{
    if (f.xs && f.dir[0])
        put("state", 6);
}

static void submit(unsigned slot, uint8_t op, uint64_t page_no)
{
    blkif_request_t *r = RING_GET_REQUEST(&f.ring, f.ring.req_prod_pvt);

    memset(r, 0, sizeof(*r));
    r->operation = op;
    r->nr_segments = 1;
    r->id = slot;
    r->sector_number = page_no * 8;
    r->seg[0] =
        (struct blkif_request_segment){.gref = f.ref[slot], .first_sect = 0, .last_sect = 7};
    f.ring.req_prod_pvt++;
}

static void push(void)
{
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f.ring, notify);
    if (notify)
        xenevtchn_notify(f.ev, f.port);
}

/* Waits for at least one answer; writes the slots answered to `slots`. */
static unsigned answers(unsigned *slots)
{
    struct pollfd p = {.fd = xenevtchn_fd(f.ev), .events = POLLIN};
    unsigned n = 0;
    int more = 0;

    do {
        while (f.ring.rsp_cons != f.ring.sring->rsp_prod) {
            blkif_response_t *r = RING_GET_RESPONSE(&f.ring, f.ring.rsp_cons);

            if (r->status != BLKIF_RSP_OKAY)
                errx(1, "slot %u: status %d", (unsigned)r->id, r->status);
            slots[n++] = (unsigned)r->id;
            f.ring.rsp_cons++;
        }
        RING_FINAL_CHECK_FOR_RESPONSES(&f.ring, more);
        if (n || more)
            continue;
        if (poll(&p, 1, PATIENCE_MS) <= 0)
            errx(1, "no answer: %u requests, %u answers", f.ring.req_prod_pvt, f.ring.rsp_cons);
        xenevtchn_unmask(f.ev, (evtchn_port_t)xenevtchn_pending(f.ev));
    } while (!n || more);
    return n;
}

/* Every page holds its own number all over; a page that holds another is somebody else's. */
static void fill(uint8_t *page, uint64_t no)
{
    for (size_t i = 0; i < PAGE / sizeof(no); i++)
        memcpy(page + i * sizeof(no), &no, sizeof(no));
}

static void check(const uint8_t *page, uint64_t no)
{
    uint64_t v;

    for (size_t i = 0; i < PAGE / sizeof(no); i++) {
        memcpy(&v, page + i * sizeof(no), sizeof(v));
        if (v != no)
            errx(1, "page %llu holds %#llx", (unsigned long long)no, (unsigned long long)v);
    }
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(const char *name, uint8_t op, unsigned requests, unsigned depth)
{
    uint64_t where[SLOTS];
    unsigned slots[SLOTS], sent = 0, done = 0;
    uint64_t pages = f.sectors / 8;
    double t = now_us();

    for (; sent < depth && sent < requests; sent++) {
        where[sent] = sent % pages;
        fill(f.page[sent], op == BLKIF_OP_WRITE ? where[sent] : UINT64_MAX);
        submit(sent, op, where[sent]);
    }
    push();
    while (done < requests) {
        unsigned n = answers(slots);

        for (unsigned i = 0; i < n; i++, done++) {
            unsigned s = slots[i];

            if (op == BLKIF_OP_READ)
                check(f.page[s], where[s]);
            if (sent == requests)
                continue;
            where[s] = sent++ % pages;
            fill(f.page[s], op == BLKIF_OP_WRITE ? where[s] : UINT64_MAX);
            submit(s, op, where[s]);
        }
        push();
    }
    t = now_us() - t;
    printf("%s: %u requests, depth %u: %.1f us each, %.0f IOPS\n", name, requests, depth,
           t / requests, requests / t * 1e6);
}

int main(int argc, char **argv)
{
    unsigned domid = argc > 2 ? (unsigned)atoi(argv[1]) : 0, len;
    unsigned requests = argc > 3 ? (unsigned)atoi(argv[3]) : 1000;
    unsigned depth = argc > 4 ? (unsigned)atoi(argv[4]) : SLOTS;
    char *back, path[128];

    if (argc < 3 || depth == 0 || depth > SLOTS)
        errx(2, "usage: blkraw BACKEND-DOMID DEVID [REQUESTS [DEPTH]]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    f.xs = xs_open(0);
    if (!f.xs)
        err(1, "xenstore");
    snprintf(f.dir, sizeof(f.dir), "device/vbd/%s", argv[2]);
    snprintf(path, sizeof(path), "%s/backend", f.dir);
    back = xs_read(f.xs, XBT_NULL, path, &len);
    if (!back)
        err(1, "%s", path);
    snprintf(f.back, sizeof(f.back), "%s", back);
    free(back);
    atexit(give_up);
    connect_ring(domid);
    printf("connected: %llu sectors\n", (unsigned long long)f.sectors);
    run("write", BLKIF_OP_WRITE, requests, depth);
    run("read", BLKIF_OP_READ, requests, depth);
    put("state", 5);
    await_state(5);
    put("state", 6);
    await_state(6);
    printf("closed\n");
    return 0;
}
