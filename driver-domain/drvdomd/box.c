/* See box.h. */
#include "driver-domain/drvdomd/box.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/driver-domain.h"
#include "transport/base/log.h"

/* log_set_tap() has no argument. */
static struct bb_head *log_head;

static void tap(const char *line, size_t len)
{
    bb_log_add(log_head->log, sizeof(log_head->log), line, len);
}

/* ---- where the memory comes from ---- */

static void *map_fd(int fd, size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return m == MAP_FAILED ? NULL : m;
}

static int make_memfd(size_t bytes)
{
    int fd = memfd_create("drvdom-box", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes)) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}

const uint32_t *box_refs(const struct box *b, unsigned slot)
{
    return b->ref + BB_HEAD_PAGES + (size_t)slot * BB_SLOT_PAGES;
}

/* dom0 publishes the reference of an index page, which names all others. */
static int open_granted(struct box *b, struct store *s)
{
    char dir[STORE_PATH_MAX];
    struct bb_index index;
    uint32_t ref;
    void *page;
    int rc;

    (void)guard_dir(dir, sizeof(dir));
    rc = guard_get_blackbox(s, 0, dir, &ref);
    if (!rc)
        rc = grant_open(&b->grant);
    if (rc)
        return rc;
    page = grant_map_ro(&b->grant, 0, &ref, 1);
    if (!page)
        return -errno;
    memcpy(&index, page, sizeof(index));
    (void)!grant_unmap(&b->grant, page, 1); /* a page too many mapped harms nobody */
    if (!bb_index_ok(&index))
        return -EPROTO;
    memcpy(b->ref, index.ref, sizeof(b->ref));
    b->head = grant_map(&b->grant, 0, b->ref, BB_HEAD_PAGES);
    if (!b->head)
        return -errno;
    for (unsigned i = 0; i < BB_SLOTS; i++) {
        b->slot[i] = grant_map(&b->grant, 0, box_refs(b, i), BB_SLOT_PAGES);
        if (!b->slot[i])
            return -errno;
    }
    b->inherited = b->guarded = true;
    return 0;
}

/* A descriptor that init handed over: of the size it must have, and not for our workers. */
static void *map_handed(int fd, size_t bytes)
{
    struct stat st;

    if (fstat(fd, &st) || (size_t)st.st_size < bytes || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return NULL;
    return map_fd(fd, bytes);
}

static int open_handed(struct box *b)
{
    const char *env = getenv(BOX_FDS_ENV);
    int first = env ? (int)strtol(env, NULL, 10) : -1; /* init's own words */

    if (first < 0)
        return -ENOENT;
    b->head = map_handed(first, sizeof(*b->head));
    if (!b->head)
        return -EBADF;
    for (int i = 0; i < BB_SLOTS; i++) {
        b->fd[i] = first + 1 + i;
        b->slot[i] = map_handed(b->fd[i], sizeof(*b->slot[i]));
        if (!b->slot[i])
            return -EBADF;
    }
    b->inherited = true;
    return 0;
}

static int open_own(struct box *b)
{
    int fd = make_memfd(sizeof(*b->head));

    if (fd < 0)
        return fd;
    b->head = map_fd(fd, sizeof(*b->head));
    close(fd);
    return b->head ? 0 : -ENOMEM;
}

int box_open(struct box *b, struct store *s)
{
    int rc;

    for (unsigned i = 0; i < BB_SLOTS; i++)
        b->fd[i] = -1;
    rc = open_granted(b, s);
    if (rc) {
        if (rc != -ENOENT)
            log_warn(
                "dom0's blackbox cannot be used: %s; this domain's devices will not survive it",
                strerror(-rc));
        rc = open_handed(b);
    }
    if (rc)
        rc = open_own(b);
    if (rc)
        return rc;
    bb_log_init(b->head->log, sizeof(b->head->log));
    log_head = b->head;
    log_set_tap(tap);
    return 0;
}

/* ---- who is in it ---- */

static bool claim(const struct box *b, unsigned slot, struct bb_ident *v)
{
    return slot < BB_SLOTS && bb_ident_read(b->head->ident[slot], v) && v->connected;
}

bool box_survives(const struct box *b, unsigned slot)
{
    return b->inherited && slot < BB_SLOTS;
}

bool box_is_claimed(const struct box *b, unsigned slot)
{
    struct bb_ident v;

    return claim(b, slot, &v);
}

int box_find(const struct box *b, const char *kind, uint32_t domid, uint32_t devid)
{
    struct bb_ident v;

    for (unsigned i = 0; b->inherited && i < BB_SLOTS; i++) {
        if (claim(b, i, &v) && v.domid == domid && v.devid == devid && strcmp(v.kind, kind) == 0)
            return (int)i;
    }
    return -1;
}

void box_note(struct box *b, unsigned slot, const char *kind, const struct dev_id *id,
              const void *payload, size_t len)
{
    struct bb_ident v = {.domid = id->domid, .devid = id->devid};

    if (slot >= BB_SLOTS)
        return;
    strncpy(v.kind, kind, sizeof(v.kind) - 1);
    if (payload && len <= BB_PAYLOAD_MAX) {
        v.connected = 1;
        v.payload_len = (uint32_t)len;
        memcpy(v.payload, payload, len);
    }
    bb_ident_write(b->head->ident[slot], &v);
}

size_t box_payload(const struct box *b, unsigned slot, void *payload)
{
    struct bb_ident v;

    if (!claim(b, slot, &v))
        return 0;
    memcpy(payload, v.payload, v.payload_len);
    return v.payload_len;
}

void box_forget(struct box *b, unsigned slot)
{
    struct bb_ident v = {.kind = ""};

    if (slot < BB_SLOTS)
        bb_ident_write(b->head->ident[slot], &v);
}

/* ---- memory of one device ---- */

static int make_slot(struct bb_slot **mem, int *fd)
{
    *fd = make_memfd(sizeof(**mem));
    if (*fd < 0)
        return *fd;
    *mem = map_fd(*fd, sizeof(**mem));
    if (*mem)
        return 0;
    close(*fd);
    return -ENOMEM;
}

int box_take(struct box *b, unsigned slot, bool fresh, struct bb_slot **mem, int *fd)
{
    int rc;

    if (slot >= BB_SLOTS || !b->slot[slot]) {
        assert(fresh);
        rc = make_slot(mem, fd);
        if (rc)
            return rc;
    } else {
        *mem = b->slot[slot];
        *fd = b->fd[slot];
    }
    if (fresh) {
        memset(&(*mem)->stats, 0, sizeof((*mem)->stats));
        memset((*mem)->journal, 0, BB_PAGE); /* its head: no journal */
    }
    bb_log_init((*mem)->log, sizeof((*mem)->log));
    return 0;
}

void box_give(struct box *b, unsigned slot, struct bb_slot *mem, int fd)
{
    if (slot < BB_SLOTS)
        box_forget(b, slot);
    if (slot < BB_SLOTS && b->slot[slot] == mem)
        return;
    munmap(mem, sizeof(*mem));
    close(fd);
}
