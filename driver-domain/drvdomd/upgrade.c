/* See upgrade.h. */
#include "driver-domain/drvdomd/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver-domain/drvdomd/keeper.h"
#include "schema/driver-domain.h"
#include "transport/base/keeper.h"
#include "transport/base/log.h"
#include "transport/xen/bundle.h"

enum { DIRS_MAX = 1000, PATH_BYTES = 128 };

void upgrade_ended(struct drvdomd *d, const char *text)
{
    char dir[STORE_PATH_MAX];

    (void)drvdom_dir(dir, sizeof(dir));
    if (strcmp(text, KEEPER_DONE) == 0)
        log_info("upgrade: this version is in use now");
    else
        log_error("upgrade %s", text);
    if (drvdom_set_upgrade(d->store, 0, dir, text))
        log_warn("the end of the upgrade cannot be told to dom0");
}

/* ---- fetching ---- */

static int fetch_index(struct grant *g, uint32_t ref, struct bundle_index *x)
{
    void *page = grant_map_ro(g, 0, &ref, 1);

    if (!page)
        return -errno;
    memcpy(x, page, sizeof(*x));
    return grant_unmap(g, page, 1) ? -errno : bundle_check_index(x);
}

/* A copy of the files: the caller's to free(). */
static int fetch(struct grant *g, const struct bundle_index *x, uint8_t **out)
{
    uint32_t pages = bundle_pages(x->bytes);
    void *mem = grant_map_ro(g, 0, x->ref, pages);
    int rc;

    if (!mem)
        return -errno;
    *out = malloc(x->bytes);
    if (*out)
        memcpy(*out, mem, x->bytes);
    rc = grant_unmap(g, mem, pages) ? -errno : 0;
    if (!*out)
        return -ENOMEM;
    if (!rc)
        rc = bundle_check(x, *out);
    if (rc)
        free(*out);
    return rc;
}

/* ---- unpacking ---- */

static int write_file(int dir, const struct bundle_file *f, const uint8_t *data)
{
    int fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    int rc = 0;

    if (fd < 0)
        return -errno;
    for (uint32_t at = 0; at < f->bytes && !rc;) {
        ssize_t n = write(fd, data + at, f->bytes - at);

        if (n > 0)
            at += (uint32_t)n;
        else
            rc = n < 0 ? -errno : -ENOSPC;
    }
    close(fd); /* written already, or it would have said so: this is memory */
    return rc;
}

static int unpack(int dir, const uint8_t *mem, size_t bytes)
{
    struct bundle_file f;
    const uint8_t *data;
    size_t at = 0;
    int rc;

    while ((rc = bundle_next(mem, bytes, &at, &f, &data)) > 0) {
        rc = write_file(dir, &f, data);
        if (rc)
            break;
    }
    return rc;
}

/* A fresh directory; `path` has room for PATH_BYTES. */
static int make_dir(char *path)
{
    const char *below = getenv(KEEPER_DIR_ENV);

    if (!below)
        return -ENOTSUP;
    (void)mkdir(below, 0755);
    for (unsigned i = 1; i < DIRS_MAX; i++) {
        snprintf(path, PATH_BYTES, "%s/%u", below, i);
        if (mkdir(path, 0755) == 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -ENOSPC;
}

static void remove_all(int dir, const char *path, const uint8_t *mem, size_t bytes)
{
    struct bundle_file f;
    const uint8_t *data;
    size_t at = 0;

    while (bundle_next(mem, bytes, &at, &f, &data) > 0)
        (void)unlinkat(dir, f.name, 0);
    (void)rmdir(path);
}

static int unpack_and_ask(struct drvdomd *d, const uint8_t *mem, size_t bytes)
{
    char path[PATH_BYTES];
    int dir, rc = make_dir(path);

    if (rc)
        return rc;
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = dir < 0 ? -errno : unpack(dir, mem, bytes);
    if (!rc)
        rc = keeper_ask(d, path);
    if (rc && dir >= 0)
        remove_all(dir, path, mem, bytes);
    if (dir >= 0)
        close(dir);
    return rc;
}

static int take(struct drvdomd *d, uint32_t ref)
{
    struct bundle_index x;
    struct grant g;
    uint8_t *mem = NULL;
    int rc = grant_open(&g);

    if (rc)
        return rc;
    rc = fetch_index(&g, ref, &x);
    if (!rc)
        rc = fetch(&g, &x, &mem);
    grant_close(&g);
    if (rc)
        return rc;
    rc = unpack_and_ask(d, mem, x.bytes);
    free(mem);
    return rc;
}

static const char *reason(int rc)
{
    switch (-rc) {
    case ENOTSUP:
        return "these programs cannot go on where the running ones stop; use drvdom replace";
    case EBADMSG:
        return "checksum or size is wrong";
    case EPROTO:
        return "not in the form that this version knows; use drvdom replace";
    case ENOSPC:
    case ENOMEM:
        return "no memory in the driver domain";
    default:
        return strerror(-rc);
    }
}

void upgrade_look(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], text[KEEPER_TEXT_MAX];
    uint32_t ref;
    int rc;

    (void)guard_dir(dir, sizeof(dir));
    if (guard_get_upgrade(d->store, 0, dir, &ref))
        return;
    (void)drvdom_dir(dir, sizeof(dir));
    /* Taken already, by us or by who tries us; dom0 has not yet removed its key. */
    if (drvdom_get_upgrade(d->store, 0, dir, text, sizeof(text)) == 0)
        return;
    rc = drvdom_set_upgrade(d->store, 0, dir, "trying");
    if (!rc)
        rc = take(d, ref);
    if (rc) {
        snprintf(text, sizeof(text), "failed: %s", reason(rc));
        upgrade_ended(d, text);
    }
}

int upgrade_start(struct drvdomd *d)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX];

    (void)guard_dir(dir, sizeof(dir));
    schema_join(path, sizeof(path), dir, GUARD_KEY_UPGRADE);
    return store_watch(d->store, path, UPGRADE_TOKEN);
}
