/* See target.h. */
#include "backends/blk/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backends/blk/blkif_abi.h"

/* Puts what the administrator wrote first, then what is wrong, then the remedy. */
static int why_open(struct why *why, int err, const char *path, bool readonly)
{
    const char *says;

    switch (-err) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        says = "does not exist in this driver domain; give a path that exists there (target=...)";
        break;
    case EBUSY:
    case EWOULDBLOCK:
        says = "is in use: mounted here, or given to another guest for writing";
        break;
    case EROFS:
    case EACCES:
    case EPERM:
        says = readonly ? "must not be read by drvdomd"
                        : "is read-only; give it to the guest as such (access=ro)";
        break;
    case ENOMEDIUM:
        says = "has no medium";
        break;
    default:
        return why_set(why, err, "disk \"%s\" cannot be opened: %s", path, strerror(-err));
    }
    return why_set(why, err, "disk \"%s\" %s", path, says);
}

/* Kind of file by path, before open(2): opening a FIFO or a tape may block or rewind. */
static int check_kind(struct target *t, const char *path, struct why *why)
{
    struct stat st;

    if (path[0] == '\0')
        return why_set(why, -ENOMEDIUM, "no disk is named (target=...)");
    if (path[0] != '/')
        return why_set(why, -EINVAL,
                       "disk \"%s\" is not an absolute path in this driver domain (target=/...)",
                       path);
    if (stat(path, &st))
        return why_open(why, -errno, path, t->readonly);
    if (S_ISDIR(st.st_mode))
        return why_set(why, -EISDIR, "disk \"%s\" is a directory; give a block device or a file",
                       path);
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
        return why_set(why, -ENOTBLK, "disk \"%s\" is neither a block device nor a file", path);
    t->blockdev = S_ISBLK(st.st_mode);
    return 0;
}

static int open_flags(const struct target *t)
{
    return O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (t->readonly ? O_RDONLY : O_RDWR);
}

/* The claim is a descriptor of its own that never leaves drvdomd: a worker's io_uring lets go of
 * its files some time after the process has ended, and the next guest must not wait for that.
 * For a block device O_EXCL without O_CREAT means: fail when a file system or another exclusive
 * opener has it.  The lock tells readers and writers of one target apart. */
int target_claim(struct target *t, const char *params)
{
    int fd, rc;

    if (t->claim_fd >= 0)
        return 0;
    fd = open(params, open_flags(t) | (t->blockdev && !t->readonly ? O_EXCL : 0));
    if (fd < 0)
        return -errno;
    if (flock(fd, (t->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB)) {
        rc = -errno;
        close(fd);
        return rc;
    }
    t->claim_fd = fd;
    return 0;
}

static int open_and_claim(struct target *t, const char *path, bool later)
{
    int rc = target_claim(t, path);

    if (rc && !(later && (rc == -EBUSY || rc == -EWOULDBLOCK)))
        return rc;
    t->fd = open(path, open_flags(t));
    return t->fd < 0 ? -errno : 0;
}

static int get_bytes(const struct target *t, uint64_t *bytes)
{
    struct stat st;

    if (t->blockdev)
        return ioctl(t->fd, BLKGETSIZE64, bytes) ? -errno : 0;
    if (fstat(t->fd, &st))
        return -errno;
    *bytes = (uint64_t)st.st_size;
    return 0;
}

/* In sectors; what we knew when it cannot be told now. */
static uint64_t size_now(const struct target *t)
{
    uint64_t bytes;

    if (get_bytes(t, &bytes) || bytes < t->granule)
        return t->sectors;
    return bytes / t->granule * (t->granule / BLKIF_SECTOR);
}

bool target_size_differs(const struct target *t)
{
    return size_now(t) != t->sectors;
}

bool target_resized(struct target *t)
{
    uint64_t before = t->sectors;

    t->sectors = size_now(t);
    return t->sectors != before;
}

int target_set_size(struct target *t, uint64_t sectors, struct why *why)
{
    if (t->blockdev)
        return why_set(why, -ENOTSUP,
                       "the disk is a block device: change its size where it comes from, then ask "
                       "without a size");
    if (t->readonly)
        return why_set(why, -EROFS, "the disk is read-only (access=ro)");
    if (ftruncate(t->fd, (off_t)(sectors * BLKIF_SECTOR)))
        return why_set(why, -errno, "the file cannot be given that size: %s", strerror(errno));
    return 0;
}

static int read_size(struct target *t, const char *path, struct why *why)
{
    int ro = 0, logical = BLKIF_SECTOR;
    uint64_t bytes = 0;
    int rc = get_bytes(t, &bytes);

    if (rc)
        return why_open(why, rc, path, t->readonly);
    if (t->blockdev && !t->readonly && ioctl(t->fd, BLKROGET, &ro) == 0 && ro)
        return why_open(why, -EROFS, path, false);
    if (t->blockdev && ioctl(t->fd, BLKSSZGET, &logical) == 0)
        t->granule = (uint32_t)logical;
    t->sectors = size_now(t);
    if (t->sectors == 0)
        return why_set(why, -ENOSPC, "disk \"%s\" has a size of %llu bytes; nothing to serve", path,
                       (unsigned long long)bytes);
    return 0;
}

/* Does a read of so many bytes through O_DIRECT work here?  Asking with one real read covers every
 * reason why not: the file system, the sector size, the kernel's age. */
static bool probe_direct(int fd, uint32_t bytes)
{
    void *page = NULL;
    bool ok;

    if (posix_memalign(&page, BLKIF_PAGE, 2 * BLKIF_PAGE))
        return false;
    ok = pread(fd, (char *)page + bytes, bytes, 0) == (ssize_t)bytes;
    free(page);
    return ok;
}

/* The smallest piece that can be had directly: 512 bytes, or a larger sector if the disk consists
 * of whole ones (its odd end would otherwise be out of reach). */
static void choose_direct(struct target *t)
{
    int flags = fcntl(t->fd, F_GETFL);

    flags &= ~O_NONBLOCK;
    t->direct = fcntl(t->fd, F_SETFL, flags | O_DIRECT) == 0;
    for (t->block = BLKIF_SECTOR; t->direct && t->block <= BLKIF_PAGE; t->block *= 2) {
        if (t->sectors * BLKIF_SECTOR % t->block == 0 && probe_direct(t->fd, t->block)) {
            t->granule = MAX(t->granule, t->block);
            return;
        }
    }
    t->direct = false;
    t->block = BLKIF_SECTOR;
    (void)fcntl(t->fd, F_SETFL, flags & ~O_DIRECT);
}

/* First word of a file below queue/ of the disk; a partition's queue is its parent's.  "" when
 * there is none. */
static void read_queue_attr(const struct target *t, const char *name, char *word, int size)
{
    static const char *const at[] = {"", "../"};
    char path[128];
    struct stat st;

    word[0] = '\0';
    if (fstat(t->fd, &st))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(at) && !word[0]; i++) {
        FILE *f;

        snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(st.st_rdev),
                 minor(st.st_rdev), at[i], name);
        f = fopen(path, "re");
        if (!f)
            continue;
        if (!fgets(word, size, f))
            word[0] = '\0';
        fclose(f);
    }
}

/* The whole disk's, also of a partition and of a file system's. */
static void open_alive(struct target *t)
{
    char path[64];
    struct stat st;
    dev_t dev;

    if (fstat(t->fd, &st))
        return;
    dev = t->blockdev ? st.st_rdev : st.st_dev;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%ssize", major(dev), minor(dev),
             access(path, F_OK) == 0 ? "../" : "");
    t->alive_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static bool has_write_cache(const struct target *t)
{
    char word[16];

    read_queue_attr(t, "write_cache", word, sizeof(word));
    /* Not known counts as a cache: a flush too many is slow, one too few loses data. */
    return strncmp(word, "write through", 13) != 0;
}

static uint32_t read_queue_u32(const struct target *t, const char *name)
{
    char word[24];
    unsigned long v;

    read_queue_attr(t, name, word, sizeof(word));
    v = strtoul(word, NULL, 10); /* the kernel's own text, not a peer's */
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* A range that no device has: Linux looks first whether the device can erase at all (blkdev_ioctl),
 * and nothing is erased in either case. */
static bool probe_secure(const struct target *t)
{
    uint64_t range[2] = {1, 1};

    return ioctl(t->fd, BLKSECDISCARD, range) && errno == EINVAL;
}

static void choose_discard(struct target *t)
{
    int logical = BLKIF_SECTOR;

    if (t->readonly)
        return;
    if (t->blockdev) {
        if (read_queue_u32(t, "discard_max_bytes") == 0 || ioctl(t->fd, BLKSSZGET, &logical))
            return;
        t->discard_unit = (uint32_t)logical;
        t->discard_granularity = MAX(read_queue_u32(t, "discard_granularity"), t->discard_unit);
        t->secure = probe_secure(t);
        return;
    }
    /* A hole behind the end changes nothing, and tells whether this file system makes holes. */
    if (fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)round_up(t->sectors * BLKIF_SECTOR, BLKIF_PAGE) + BLKIF_PAGE, BLKIF_PAGE))
        return;
    t->discard_unit = t->discard_granularity = BLKIF_PAGE;
}

static void choose_durability(struct target *t)
{
    unsigned physical = BLKIF_SECTOR;

    choose_direct(t);
    t->dsync = !t->readonly && (!t->blockdev || !t->direct);
    /* With RWF_DSYNC there is never anything left to flush. */
    t->volatile_cache = !t->readonly && !t->dsync && has_write_cache(t);
    if (t->blockdev && ioctl(t->fd, BLKPBSZGET, &physical))
        physical = BLKIF_SECTOR;
    t->physical_bytes = physical;
}

int target_open(struct target *t, const char *params, bool readonly, bool later, struct why *why)
{
    int rc;

    *t = (struct target){
        .fd = -1, .claim_fd = -1, .alive_fd = -1, .readonly = readonly, .granule = BLKIF_SECTOR};
    rc = check_kind(t, params, why);
    if (rc)
        return rc;
    rc = open_and_claim(t, params, later);
    if (rc)
        why_open(why, rc, params, readonly);
    else
        rc = read_size(t, params, why);
    if (rc) {
        target_close(t);
        return rc;
    }
    choose_durability(t);
    choose_discard(t);
    open_alive(t);
    return 0;
}

int target_empty(struct target *t, bool readonly, struct why *why)
{
    *t = (struct target){.alive_fd = -1,
                         .readonly = readonly,
                         .granule = BLKIF_SECTOR,
                         .block = BLKIF_SECTOR,
                         .physical_bytes = BLKIF_SECTOR};
    t->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    t->claim_fd = dup(t->fd); /* nobody else's business */
    if (t->fd >= 0 && t->claim_fd >= 0)
        return 0;
    target_close(t);
    return why_set(why, -errno, "/dev/null: %s", strerror(errno));
}

void target_close(struct target *t)
{
    if (t->fd >= 0)
        close(t->fd);
    if (t->claim_fd >= 0)
        close(t->claim_fd);
    if (t->alive_fd >= 0)
        close(t->alive_fd);
    t->fd = t->claim_fd = t->alive_fd = -1;
}
