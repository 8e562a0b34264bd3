/*
 * See backends/blk/disk.h: a disk behind an NBD server, through libnbd.  The queue's thread polls
 * the connection with its io_uring, beside everything else it waits for, and lets libnbd do the
 * rest.
 *
 * The connection is made before the sandbox; whatever the server says is read in it.  A connection
 * that is lost ends the worker: drvdomd starts the next one, which connects anew and carries out
 * what was in flight (docs/recovery.md), so that a server's restart costs its guests time only.
 *
 * What is answered has to survive this driver domain.  A server outside of it does; where the
 * server ends with us, each write is answered when it is durable: FUA, or a flush behind each.
 *
 * #syscalls madvise poll recvfrom sendto getsockopt setsockopt fcntl shutdown
 */
#include <assert.h>
#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/blk/disk.h"
#include "backends/blk/nbd_addr.h"
#include "backends/nbd/nbdback.h"
#include "transport/base/log.h"
#include "transport/base/ticks.h"

enum {
    CONNECT_MS = 5000, /* for the server to be there again, and to answer */
    AGAIN_MS = 100,
    /* WAIT_DISK events that are no request's */
    EVENT_IN = BLK_RING_SLOTS_MAX,
    EVENT_OUT,
};

const char nbdback_name[] = "nbdback";

enum op_kind { OP_OTHER, OP_WRITE };

struct op {
    struct disk *d;
    uint32_t index, len;
    enum op_kind kind;
};

struct nbd {
    struct nbd_handle *h;
    bool in_armed, out_armed;
    bool fua, flush_each; /* how a write is made durable before it is answered */
    struct op op[BLK_RING_SLOTS_MAX];
    struct {
        uint32_t index;
        int res;
    } done[2 * BLK_RING_SLOTS_MAX]; /* each request has one operation under way, and its flush */
    uint32_t ndone, taken;
};

/* ---- the connection, before the sandbox ---- */

static int await_connection(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof(err);

    if (poll(&p, 1, timeout_ms) <= 0)
        return -ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
        return -errno;
    return -err;
}

static int connect_once(const struct nbd_addr *a, int timeout_ms)
{
    int fd = socket(a->sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc = 0;

    if (fd < 0)
        return -errno;
    if (connect(fd, &a->sock.any, a->len))
        rc = errno == EINPROGRESS ? await_connection(fd, timeout_ms) : -errno;
    if (rc)
        close(fd);
    return rc ? rc : fd;
}

/* A server that is just starting again refuses for a moment. */
int disk_attach(const struct blk_setup *setup, const int *fds, int nfds, struct why *why)
{
    struct nbd_addr a;
    int rc = nbd_addr_parse(&a, setup->nbd, why);

    (void)fds;
    (void)nfds;
    if (rc)
        return rc;
    for (int left = CONNECT_MS; left > 0; left -= AGAIN_MS) {
        rc = connect_once(&a, left);
        if (rc >= 0)
            return rc;
        if (rc == -ETIMEDOUT)
            break;
        poll(NULL, 0, AGAIN_MS);
    }
    return why_set(why, rc, "disk \"%s\": no server answers there: %s", setup->nbd, strerror(-rc));
}

/* ---- the handshake, in the sandbox ---- */

static int nbd_why(struct why *why, const struct blk_setup *setup)
{
    int err = nbd_get_errno();

    return why_set(why, err ? -err : -EIO, "disk \"%s\": %s", setup->nbd, nbd_get_error());
}

static int shake_hands(struct nbd *n, const struct disk *d, struct why *why)
{
    uint64_t until = clock_ns() + (uint64_t)CONNECT_MS * 1000000u;
    struct nbd_addr a;
    int rc = nbd_addr_parse(&a, d->setup->nbd, why);

    if (rc)
        return rc;
    n->h = nbd_create();
    if (!n->h || nbd_set_export_name(n->h, a.export_name) ||
        nbd_set_pread_initialize(n->h, false) || nbd_aio_connect_socket(n->h, d->fd))
        return nbd_why(why, d->setup);
    while (nbd_aio_is_connecting(n->h)) {
        if (clock_ns() > until)
            return why_set(why, -ETIMEDOUT, "disk \"%s\": the server does not go on talking",
                           d->setup->nbd);
        if (nbd_poll(n->h, AGAIN_MS) < 0)
            return nbd_why(why, d->setup);
    }
    return nbd_aio_is_ready(n->h) ? 0 : nbd_why(why, d->setup);
}

/* What has to be read and written as a whole: more than a page cannot be served. */
static int choose_block(struct nbd *n, struct blk_setup *s, struct why *why)
{
    int64_t min = nbd_get_block_size(n->h, LIBNBD_SIZE_MINIMUM);
    int64_t most = nbd_get_block_size(n->h, LIBNBD_SIZE_MAXIMUM);

    if (min > BLKIF_PAGE || (most > 0 && most < (int64_t)REQ_SEGS_MAX * BLKIF_PAGE))
        return why_set(why, -ENOTSUP, "disk \"%s\": requests of %lld to %lld bytes only", s->nbd,
                       (long long)min, (long long)most);
    s->block = min > BLKIF_SECTOR ? (uint32_t)min : BLKIF_SECTOR;
    return 0;
}

static int learn(struct nbd *n, struct blk_setup *s, struct why *why)
{
    int64_t bytes = nbd_get_size(n->h);
    struct nbd_addr a;
    int rc = nbd_addr_parse(&a, s->nbd, why);

    if (!rc)
        rc = choose_block(n, s, why);
    if (rc)
        return rc;
    if (bytes < (int64_t)s->block)
        return why_set(why, -ENOSPC, "disk \"%s\" has a size of %lld bytes; nothing to serve",
                       s->nbd, (long long)bytes);
    s->sectors = (uint64_t)bytes / s->block * (s->block / BLKIF_SECTOR);
    if (nbd_is_read_only(n->h) == 1 && !s->readonly)
        return why_set(why, -EROFS,
                       "disk \"%s\" is read-only; give it to the guest as such (access=ro)",
                       s->nbd);
    s->dsync = !s->readonly && a.local;
    n->fua = s->dsync && nbd_can_fua(n->h) == 1;
    n->flush_each = s->dsync && !n->fua && nbd_can_flush(n->h) == 1;
    if (s->dsync && !n->fua && !n->flush_each)
        log_warn("disk \"%s\": its server, in this driver domain, cannot make writes durable",
                 s->nbd);
    s->volatile_cache = !s->readonly && !s->dsync && nbd_can_flush(n->h) == 1;
    s->discard_unit = s->discard && nbd_can_trim(n->h) == 1 ? s->block : 0;
    return 0;
}

int disk_meet(struct disk *d, struct blk_setup *setup, struct why *why)
{
    int rc;

    d->nbd = calloc(1, sizeof(*d->nbd));
    if (!d->nbd)
        return why_set(why, -ENOMEM, "no memory");
    rc = shake_hands(d->nbd, d, why);
    if (!rc)
        rc = learn(d->nbd, setup, why);
    return rc ? rc : 1;
}

void disk_init(struct disk *d, struct wait *wait, const struct blk_setup *setup)
{
    memset(d, 0, sizeof(*d));
    d->wait = wait;
    d->setup = setup;
    d->alive_fd = -1;
}

void disk_use_buffer(struct disk *d, uint8_t *buf, size_t len)
{
    (void)d;
    (void)buf;
    (void)len; /* goes through a socket */
}

void disk_rest_buffer(struct disk *d, uint8_t *buf, size_t len)
{
    (void)d;
    (void)madvise(buf, len, MADV_DONTNEED);
}

/* ---- operations ---- */

static void finish(const struct op *op, int err)
{
    struct nbd *n = op->d->nbd;

    n->done[n->ndone].index = op->index;
    n->done[n->ndone++].res = err ? -err : (int)op->len;
}

/* libnbd holds its lock: nothing of it may be called here. */
static int on_done(void *arg, int *error)
{
    finish(arg, *error);
    return 1;
}

static void lost(void)
{
    const char *why =
        nbd_get_error(); /* of a call of ours; none failed when the server just left */

    log_error("the connection to the NBD server is lost: %s", why ? why : "it has closed it");
    _exit(3); /* what is in flight is in the journal */
}

static void look_alive(const struct nbd *n)
{
    if (nbd_aio_is_dead(n->h) == 1 || nbd_aio_is_closed(n->h) == 1)
        lost();
}

static struct op *begin(struct disk *d, uint32_t index, enum op_kind kind, uint32_t len)
{
    struct op *op = &d->nbd->op[index];

    assert(index < BLK_RING_SLOTS_MAX);
    *op = (struct op){.d = d, .index = index, .len = len, .kind = kind};
    return op;
}

/* libnbd has taken it, or says why not. */
static void begun(struct op *op, int64_t cookie)
{
    if (cookie >= 0)
        return;
    look_alive(op->d->nbd);
    finish(op, nbd_get_errno() ? nbd_get_errno() : EIO);
}

static void start_flush(struct disk *d, uint32_t index, uint32_t len)
{
    struct op *op = begin(d, index, OP_OTHER, len);

    begun(op, nbd_aio_flush(d->nbd->h, (nbd_completion_callback){on_done, op, NULL}, 0));
}

void disk_read(struct disk *d, uint32_t index, uint8_t *buf, uint32_t len, uint64_t off)
{
    struct op *op = begin(d, index, OP_OTHER, len);

    begun(op,
          nbd_aio_pread(d->nbd->h, buf, len, off, (nbd_completion_callback){on_done, op, NULL}, 0));
}

void disk_write(struct disk *d, uint32_t index, const uint8_t *buf, uint32_t len, uint64_t off)
{
    struct op *op = begin(d, index, OP_WRITE, len);

    begun(op, nbd_aio_pwrite(d->nbd->h, buf, len, off, (nbd_completion_callback){on_done, op, NULL},
                             d->nbd->fua ? LIBNBD_CMD_FLAG_FUA : 0));
}

bool disk_flush(struct disk *d, uint32_t index)
{
    if (!d->setup->volatile_cache)
        return false;
    start_flush(d, index, 0);
    return true;
}

bool disk_discard(struct disk *d, uint32_t index, uint64_t off, uint64_t len)
{
    uint64_t unit = d->setup->discard_unit, most = UINT64_C(1) << 30;
    uint64_t first = round_up(off, unit), end = (off + len) & ~(unit - 1);
    struct op *op;

    if (first >= end)
        return false;
    /* The protocol's length has 32 bits; what is not discarded may stay. */
    op = begin(d, index, OP_OTHER, 0);
    begun(op, nbd_aio_trim(d->nbd->h, MIN(end - first, most), first,
                           (nbd_completion_callback){on_done, op, NULL}, 0));
    return true;
}

bool disk_discard_otherwise(struct disk *d, int err)
{
    (void)d;
    (void)err;
    return false;
}

int disk_erase(struct disk *d, uint64_t off, uint64_t len)
{
    (void)d;
    (void)off;
    (void)len;
    return -EOPNOTSUPP; /* the protocol has no such thing, so it is never offered */
}

bool disk_is_gone(const struct disk *d)
{
    (void)d;
    return false;
}

/* ---- the wait ---- */

static void arm(struct disk *d, bool *armed, uint32_t index, unsigned events)
{
    struct io_uring_sqe *sqe;

    if (*armed)
        return;
    sqe = wait_disk_sqe(d->wait);
    io_uring_prep_poll_add(sqe, WAIT_FILE_DISK, events);
    wait_disk_tag(sqe, index);
    *armed = true;
}

bool disk_may_sleep(struct disk *d)
{
    struct nbd *n = d->nbd;
    unsigned want = nbd_aio_get_direction(n->h);

    if (want & LIBNBD_AIO_DIRECTION_READ)
        arm(d, &n->in_armed, EVENT_IN, POLLIN);
    if (want & LIBNBD_AIO_DIRECTION_WRITE)
        arm(d, &n->out_armed, EVENT_OUT, POLLOUT);
    return n->ndone == 0;
}

void disk_event(struct disk *d, uint32_t index, int res)
{
    struct nbd *n = d->nbd;
    unsigned want = nbd_aio_get_direction(n->h);
    int rc = 0;

    (void)res; /* an error shows when libnbd reads or writes */
    if (index == EVENT_IN)
        n->in_armed = false;
    else
        n->out_armed = false;
    if (index == EVENT_IN && want & LIBNBD_AIO_DIRECTION_READ)
        rc = nbd_aio_notify_read(n->h);
    else if (index == EVENT_OUT && want & LIBNBD_AIO_DIRECTION_WRITE)
        rc = nbd_aio_notify_write(n->h);
    if (rc < 0)
        lost();
    look_alive(n);
}

bool disk_next(struct disk *d, uint32_t *index, int *res)
{
    struct nbd *n = d->nbd;

    while (n->taken < n->ndone) {
        const struct op *op;

        *index = n->done[n->taken].index;
        *res = n->done[n->taken++].res;
        op = &n->op[*index];
        /* Not the request's failure: the worker's successor will ask again. */
        if (*res < 0)
            look_alive(n);
        if (*res < 0 || op->kind != OP_WRITE || !n->flush_each)
            return true;
        start_flush(d, *index, op->len);
    }
    n->taken = n->ndone = 0;
    return false;
}
