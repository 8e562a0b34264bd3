/*
 * drvdom upgrade: new programs for a running driver domain.  They are put into pages of ours that
 * the domain may read; its drvdomd fetches, checks and unpacks them, its drvdom-init tries them,
 * and keeps the old ones when they do not serve.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/options.h"
#include "dom0-tools/system.h"
#include "dom0-tools/verb.h"
#include "driver-domain/image/elf.h"
#include "transport/base/log.h"
#include "transport/xen/bundle.h"
#include "transport/xen/share.h"

enum { ASK_MS = 20 };
static const uint64_t default_ns = UINT64_C(60000000000);

static const char help_text[] =
    "usage: drvdom upgrade NAME [--bin DIR] [--timeout SECONDS]\n"
    "\n"
    "Replaces drvdomd and its workers in the running driver domain NAME by the programs in DIR\n"
    "(default: where drvdom is).  Guests go on; their requests wait for some milliseconds.  New\n"
    "programs that do not serve within 5 s are given up, and the old ones go on.\n"
    "The domain's image stays as it is: drvdom image build makes the next start use them, too.\n"
    "\n"
    "Exit status: 0 done, 1 failed, the old programs serve, 2 wrong usage, 3 no answer in time.\n";

static const char *const programs[] = {"drvdomd", "drvdom-blkback", "drvdom-netback"};

/* What the domain may read. */
struct offer {
    struct share share;
    struct bytes files;
    struct bundle_index *index;
    uint32_t index_ref;
    void *pages;
    uint32_t npages;
};

static int add_program(struct bytes *out, const char *dir, const char *name)
{
    struct bundle_file f = {.bytes = 0};
    struct bytes file = {0};
    char path[512];
    int rc;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    rc = file_read(path, &file);
    if (!rc && !elf_is(file.data, file.len))
        rc = -ENOEXEC;
    if (rc) {
        log_error("%s: %s", path, strerror(-rc));
    } else {
        file.len = elf_trim(file.data, file.len);
        snprintf(f.name, sizeof(f.name), "%s", name);
        f.bytes = (uint32_t)file.len;
        bytes_add(out, &f, sizeof(f));
        bytes_add(out, file.data, file.len);
        bytes_zero(out, bundle_room(file.len) - sizeof(f) - file.len);
    }
    bytes_fini(&file);
    return rc;
}

static int gather(struct bytes *out, const char *dir)
{
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(programs) && !rc; i++)
        rc = add_program(out, dir, programs[i]);
    if (!rc)
        rc = bytes_check(out);
    if (!rc && bundle_pages(out->len) > BUNDLE_PAGES_MAX) {
        log_error("the programs in %s have %zu KiB: %d are possible; strip them", dir,
                  out->len / 1024, BUNDLE_PAGES_MAX * BUNDLE_PAGE / 1024);
        rc = -EFBIG;
    }
    return rc;
}

/* The pages live as long as the handle. */
static int offer(struct offer *o, unsigned domid)
{
    int rc = share_open(&o->share);

    o->npages = bundle_pages(o->files.len);
    if (!rc)
        o->index = share_pages(&o->share, domid, 1, &o->index_ref, false);
    if (o->index)
        o->pages = share_pages(&o->share, domid, o->npages, o->index->ref, false);
    if (rc || !o->pages) {
        rc = rc ? rc : -errno;
        log_error("cannot grant %u pages: %s; is the module xen_gntalloc loaded, and its limit "
                  "high enough?",
                  o->npages + 1, strerror(-rc));
        return rc;
    }
    memcpy(o->pages, o->files.data, o->files.len);
    bundle_seal(o->index, o->files.data, o->files.len);
    return 0;
}

/* What the driver domain says became of it. */
static int await(struct store *s, unsigned domid, uint64_t end_ns, char *text, size_t size)
{
    char dir[STORE_PATH_MAX];

    (void)drvdom_dir_of(dir, sizeof(dir), domid);
    while (clock_ns() < end_ns) {
        if (drvdom_get_upgrade(s, 0, dir, text, size) == 0 && strcmp(text, "trying") != 0)
            return strcmp(text, "done") == 0 ? 0 : -EIO;
        poll(NULL, 0, ASK_MS);
    }
    return -ETIMEDOUT;
}

static int run(struct store *s, struct offer *o, const struct domain_info *d, uint64_t end_ns)
{
    char dir[STORE_PATH_MAX], own[STORE_PATH_MAX], text[DRVDOM_SIZE_UPGRADE] = "";
    int rc;

    (void)guard_dir_of(dir, sizeof(dir), d->id);
    (void)drvdom_dir_of(own, sizeof(own), d->id);
    rc = drvdom_rm_upgrade(s, 0, own);
    if (rc == 0 || rc == -ENOENT)
        rc = guard_set_upgrade(s, 0, dir, o->index_ref);
    if (rc) {
        log_error("xenstore: %s", strerror(-rc));
        return rc;
    }
    rc = await(s, d->id, end_ns, text, sizeof(text));
    if (guard_rm_upgrade(s, 0, dir))
        log_warn("key upgrade of domain %u cannot be removed", d->id);
    if (rc == -ETIMEDOUT)
        log_error("%s does not say what became of it; drvdom why %s", d->name, d->name);
    else if (rc)
        log_error("%s: upgrade %s; the old programs serve", d->name, text);
    return rc;
}

static int upgrade(struct system *sys, const char *name, const char *bin, uint64_t timeout_ns)
{
    const struct domain_info *d = system_domain(sys, name);
    struct offer o = {.npages = 0};
    int rc;

    if (!d || !d->has_drvdomd || d->state != DRVDOM_STATE_READY) {
        log_error("%s %s: drvdom list", name, d ? "is not ready" : "does not run");
        return -ENOENT;
    }
    rc = gather(&o.files, bin);
    if (!rc)
        rc = offer(&o, d->id);
    if (!rc)
        rc = run(sys->store, &o, d, clock_ns() + timeout_ns);
    if (!rc)
        printf("%s runs the programs of %s now\n", d->name, bin);
    share_close(&o.share);
    bytes_fini(&o.files);
    return rc;
}

int verb_upgrade(int argc, char **argv)
{
    const char *bin = NULL;
    struct option_own own[] = {{.name = "bin", .takes_value = true, .values = &bin, .max = 1}};
    char own_dir[256];
    struct options o;
    struct system sys;
    int rc = options_parse(&o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (o.nargs != 1)
        return verb_usage("upgrade: name one driver domain");
    if (!bin) {
        rc = file_own_dir(own_dir, sizeof(own_dir));
        if (rc)
            return VERB_FAILED;
        bin = own_dir;
    }
    if (system_open(&sys))
        return VERB_FAILED;
    rc = upgrade(&sys, o.args[0], bin, o.has_timeout ? o.timeout_ns : default_ns);
    system_close(&sys);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
