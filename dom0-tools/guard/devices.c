/*
 * The backend directories of a driver domain, kept here while it lives, because they are in its own
 * tree and go with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/guard/guard.h"
#include "schema/device.h"
#include "transport/base/log.h"
#include "transport/xen/xenbus.h"

static const char *const kinds[] = {"vbd", "vif"};
enum { VALUE_MAX = 1024 };

static void empty(struct kept_device *k)
{
    for (unsigned i = 0; i < k->nodes; i++)
        free(k->node[i].value);
    memset(k, 0, sizeof(*k));
}

void devices_drop(struct domain *d)
{
    for (unsigned i = 0; d->device && i < KEPT_DEVICES; i++)
        empty(&d->device[i]);
    free(d->device);
    d->device = NULL;
}

/* ---- keeping ---- */

struct walk {
    struct domain *d;
    const char *kind;
    unsigned guest;
    struct kept_device *copy; /* being filled */
    const char *dir;
};

/* Plain key names only: they become part of a path that dom0 writes. */
static bool is_plain(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < KEPT_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

static int keep_node(void *arg, const char *name)
{
    struct walk *w = arg;
    struct kept_node *n;
    char path[STORE_PATH_MAX], value[VALUE_MAX + 1];

    if (w->copy->nodes == KEPT_NODES || !is_plain(name))
        return 0;
    n = &w->copy->node[w->copy->nodes];
    schema_join(path, sizeof(path), w->dir, name);
    if (store_read(w->d->g->store, 0, path, value, sizeof(value)) < 0)
        return 0;
    n->value = strdup(value);
    if (!n->value)
        return -ENOMEM;
    snprintf(n->name, sizeof(n->name), "%s", name);
    w->copy->nodes++;
    return 0;
}

/* The entry of this device, or an empty one, or NULL: all in use. */
static struct kept_device *kept(struct domain *d, const char *kind, uint32_t guest, uint32_t devid)
{
    struct kept_device *spare = NULL;

    for (unsigned i = 0; i < KEPT_DEVICES; i++) {
        struct kept_device *k = &d->device[i];

        if (!k->kind[0])
            spare = spare ? spare : k;
        else if (k->guest == guest && k->devid == devid && strcmp(k->kind, kind) == 0)
            return k;
    }
    return spare;
}

static bool number(const char *name, unsigned *out)
{
    char *end;
    unsigned long v = strtoul(name, &end, 10);

    *out = (unsigned)v;
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' && v <= UINT32_MAX;
}

static int keep_device(void *arg, const char *name)
{
    struct walk *w = arg;
    char dir[STORE_PATH_MAX];
    struct kept_device copy = {.guest = w->guest}, *k;
    unsigned devid;
    uint32_t state = 0;

    if (!number(name, &devid))
        return 0;
    (void)device_back_dir_of(dir, sizeof(dir), w->d->domid, w->kind, w->guest, devid);
    if (device_back_get_state(w->d->g->store, 0, dir, &state) || state != XENBUS_CONNECTED)
        return 0;
    snprintf(copy.kind, sizeof(copy.kind), "%s", w->kind);
    copy.devid = devid;
    w->copy = &copy;
    w->dir = dir;
    k = kept(w->d, w->kind, w->guest, devid);
    /* Only a whole copy replaces the one before: the domain may be going at this moment. */
    if (k && store_each(w->d->g->store, 0, dir, keep_node, w) == 0 && domain_has_home(w->d)) {
        empty(k);
        *k = copy;
    } else {
        empty(&copy);
    }
    return 0;
}

static int keep_guest(void *arg, const char *name)
{
    struct walk *w = arg;
    char dir[STORE_PATH_MAX];

    if (!number(name, &w->guest))
        return 0;
    (void)backend_guest_dir_of(dir, sizeof(dir), w->d->domid, w->kind, w->guest);
    (void)!store_each(w->d->g->store, 0, dir, keep_device, w);
    return 0;
}

static bool is_connected(const struct domain *d, const struct kept_device *k)
{
    char dir[STORE_PATH_MAX];
    uint32_t state = 0;

    (void)device_back_dir_of(dir, sizeof(dir), d->domid, k->kind, k->guest, k->devid);
    return device_back_get_state(d->g->store, 0, dir, &state) == 0 && state == XENBUS_CONNECTED;
}

void devices_keep(struct domain *d)
{
    if (!d->device)
        d->device = calloc(KEPT_DEVICES, sizeof(*d->device));
    if (!d->device)
        return;
    for (unsigned i = 0; i < KEPT_DEVICES; i++) {
        if (d->device[i].kind[0] && !is_connected(d, &d->device[i]) && domain_has_home(d))
            empty(&d->device[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct walk w = {.d = d, .kind = kinds[i]};
        char dir[STORE_PATH_MAX];

        (void)backend_kind_dir_of(dir, sizeof(dir), d->domid, kinds[i]);
        (void)!store_each(d->g->store, 0, dir, keep_guest, &w); /* -ENOENT: none of this kind */
    }
}

bool devices_any(const struct domain *d)
{
    for (unsigned i = 0; d->device && i < KEPT_DEVICES; i++) {
        if (d->device[i].kind[0])
            return true;
    }
    return false;
}

/* ---- PCI devices ---- */

enum { PCI_MAX = 32 }; /* what libxl has added to the directory; what is taken away leaves a gap */

static void pci_dir(char *dir, size_t size, uint32_t domid)
{
    (void)device_back_dir_of(dir, size, 0, "pci", domid, 0);
}

bool devices_unplugged(struct store *s, uint32_t domid)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX], value[4];
    uint32_t state = 0;

    pci_dir(dir, sizeof(dir), domid);
    if (device_back_get_state(s, 0, dir, &state) || state != XENBUS_RECONFIGURING)
        return false;
    for (unsigned i = 0; i < PCI_MAX; i++) {
        schema_join_index(path, sizeof(path), dir, "state-%u", i); /* xspath: pciback's */
        if (store_read(s, 0, path, value, sizeof(value)) >= 0 &&
            strtoul(value, NULL, 10) == XENBUS_CLOSING)
            return true;
    }
    return false;
}

bool devices_forget_pci(struct store *s, uint32_t domid)
{
    char dir[STORE_PATH_MAX];

    pci_dir(dir, sizeof(dir), domid);
    return store_rm(s, 0, dir) == 0;
}

/* pciback (state 7: Reconfiguring) waits for pcifront, and libxl for pciback to be Connected again.
 * The directory is dom0's own; pciback reads only the frontend's state. */
bool devices_answer_pci(struct store *s, uint32_t domid, bool dead)
{
    char dir[STORE_PATH_MAX];
    uint32_t state = 0;
    int rc;

    pci_dir(dir, sizeof(dir), domid);
    if (device_back_get_state(s, 0, dir, &state) ||
        (state != XENBUS_RECONFIGURING && state != XENBUS_RECONFIGURED &&
         !(dead && state < XENBUS_CONNECTED)))
        return false;
    rc = device_back_set_state(s, 0, dir, XENBUS_CONNECTED);
    if (rc)
        log_debug("domain %u: pciback: %s", domid, strerror(-rc));
    return true;
}

/* ---- restoring ---- */

/* Does dom0's own record say that this guest has this device from this domain? */
static bool still_exists(const struct domain *d, const struct kept_device *k, const char *back)
{
    char dir[STORE_PATH_MAX], at[DEVICE_LIBXL_SIZE_BACKEND];

    (void)device_libxl_dir(dir, sizeof(dir), k->guest, k->kind, k->devid);
    return device_libxl_get_backend(d->g->store, 0, dir, at, sizeof(at)) == 0 &&
           strcmp(at, back) == 0;
}

static int restore_back(struct domain *d, const struct kept_device *k, const char *dir)
{
    struct store *s = d->g->store;
    int rc = store_write(s, 0, dir, "");

    /* First the directory's owner: what is made in it then belongs to the same. */
    if (!rc)
        rc = store_set_perms(s, 0, dir, d->domid, k->guest);
    for (unsigned i = 0; i < k->nodes && !rc; i++) {
        char path[STORE_PATH_MAX];

        schema_join(path, sizeof(path), dir, k->node[i].name);
        rc = store_write(s, 0, path, k->node[i].value);
        if (!rc)
            rc = store_set_perms(s, 0, path, d->domid, k->guest);
    }
    return rc;
}

struct perms {
    struct domain *d;
    uint32_t guest;
    const char *dir;
    unsigned left; /* nodes: a guest may make as many as its quota allows */
};

static int set_perms(void *arg, const char *name)
{
    struct perms *p = arg;
    char path[STORE_PATH_MAX];

    if (p->left-- == 0)
        return -E2BIG;
    if (!is_plain(name))
        return 0;
    schema_join(path, sizeof(path), p->dir, name);
    (void)!store_set_perms(p->d->g->store, 0, path, p->guest, p->d->domid);
    return 0;
}

/* A domain's rights die with it, even when another gets its number. */
static int restore_front(struct domain *d, const struct kept_device *k)
{
    char dir[STORE_PATH_MAX], sub[STORE_PATH_MAX];
    struct perms p = {.d = d, .guest = k->guest, .dir = dir, .left = 256};
    int rc;

    (void)device_front_dir(dir, sizeof(dir), k->guest, k->kind, k->devid);
    rc = store_set_perms(d->g->store, 0, dir, k->guest, d->domid);
    if (!rc)
        rc = store_each(d->g->store, 0, dir, set_perms, &p);
    /* Keys of several queues are one level deeper, numbered without gaps. */
    for (unsigned i = 0; i < 16 && !rc; i++) {
        schema_join_index(sub, sizeof(sub), dir, "queue-%u", i); /* xspath: both classes have it */
        p.dir = sub;
        if (store_each(d->g->store, 0, sub, set_perms, &p))
            break;
    }
    return rc;
}

unsigned devices_restore(struct domain *d)
{
    unsigned n = 0;

    for (unsigned i = 0; d->device && i < KEPT_DEVICES; i++) {
        const struct kept_device *k = &d->device[i];
        char back[STORE_PATH_MAX];
        int rc;

        if (!k->kind[0])
            continue;
        (void)device_back_dir_of(back, sizeof(back), d->domid, k->kind, k->guest, k->devid);
        if (!still_exists(d, k, back))
            continue;
        rc = restore_back(d, k, back);
        if (!rc)
            rc = restore_front(d, k);
        if (rc)
            log_error("%s: %s %u/%u cannot be restored: %s", d->name, k->kind, k->guest, k->devid,
                      strerror(-rc));
        n += !rc;
    }
    return n;
}
