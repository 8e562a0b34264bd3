/* See system.h. */
#include "dom0-tools/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/vif.h"
#include "transport/base/log.h"
#include "transport/xen/store_ahead.h"
#include "transport/xen/xenbus.h"

static const char *const kinds[] = {"vbd", "vif"};

enum { DOMAINS_MAX = 4096, DEVICES_MAX = 16384, FAILURES_MAX = 4096 };

/* ---- growing arrays ---- */

/* Room for one element more; NULL: no memory, or there are `max` already. */
static void *grow(void *list, size_t n, size_t size, size_t max)
{
    if (n >= max)
        return NULL;
    if (n > 0 && (n < 8 || !is_pow2(n))) /* full at 0, 8, 16, 32... */
        return list;
    return realloc(list, MAX(n * 2, (size_t)8) * size);
}

/* The new element, zeroed, or NULL with the list as it was. */
#define APPEND(list, n, max)                                                                       \
    ({                                                                                             \
        void *p_ = grow(list, n, sizeof(*(list)), max);                                            \
        if (p_) {                                                                                  \
            (list) = p_;                                                                           \
            memset(&(list)[n], 0, sizeof(*(list)));                                                \
        }                                                                                          \
        p_ ? &(list)[(n)++] : NULL;                                                                \
    })

/* A domain or device number as it stands in a path. */
static bool number(const char *text, uint64_t max, unsigned *out)
{
    uint64_t v;

    if (value_uint(text, strlen(text), 0, max, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

/* ---- domains ---- */

static void read_domain(struct store *s, struct domain_info *d)
{
    char dir[STORE_PATH_MAX];

    (void)domain_dir(dir, sizeof(dir), d->id);
    if (domain_get_name(s, 0, dir, d->name, sizeof(d->name)))
        snprintf(d->name, sizeof(d->name), "(%u)", d->id);
    (void)domain_libxl_dir_of(dir, sizeof(dir), d->id);
    /* dom0 has the mark too, but what it serves is not ours to explain. */
    d->driver_domain = d->id != 0 && store_exists(s, 0, dir) == 1;
    (void)drvdom_dir_of(dir, sizeof(dir), d->id);
    /* drvdomd writes its version first; a state alone is somebody else's. */
    d->has_drvdomd = drvdom_get_state(s, 0, dir, &d->state) == 0 &&
                     drvdom_get_version(s, 0, dir, d->version, sizeof(d->version)) == 0;
    if (!d->has_drvdomd)
        return;
    if (drvdom_get_error(s, 0, dir, d->error, sizeof(d->error)))
        d->error[0] = '\0';
    if (drvdom_get_worker_restarts(s, 0, dir, &d->worker_restarts))
        d->worker_restarts = 0;
}

static int on_domain(void *arg, const char *name)
{
    struct system *sys = arg;
    struct domain_info *d;
    unsigned id;

    if (!number(name, DOMAIN_MAX_DOMID, &id))
        return 0;
    d = APPEND(sys->domains, sys->ndomains, DOMAINS_MAX);
    if (!d)
        return -ENOMEM;
    d->id = id;
    read_domain(sys->store, d);
    return 0;
}

/* ---- devices ---- */

static void read_back(struct store *s, struct device_info *d)
{
    char dir[STORE_PATH_MAX];

    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    d->back_state = 0;
    d->has_back_state = device_back_get_state(s, 0, dir, &d->back_state) == 0;
    d->has_back = d->has_back_state || store_exists(s, 0, dir) == 1;
}

static void read_hotplug(struct store *s, struct device_info *d)
{
    char dir[STORE_PATH_MAX];

    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    if (device_back_get_hotplug_status(s, 0, dir, &d->hotplug))
        d->hotplug = DEVICE_BACK_HOTPLUG_STATUS_NONE;
}

/* What only matters of a device that is not Connected at both ends: with a hundred of them each
 * question to xenstored counts. */
static void read_trouble(struct store *s, struct device_info *d)
{
    char dir[STORE_PATH_MAX];

    d->online = true;
    d->error[0] = d->record[0] = '\0';
    if (d->back_state == XENBUS_CONNECTED && d->front_state == XENBUS_CONNECTED)
        return;
    read_hotplug(s, d);
    (void)device_back_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    (void)!device_back_get_online(s, 0, dir, &d->online);
    if (device_back_get_hotplug_error(s, 0, dir, d->error, sizeof(d->error)) &&
        device_back_get_error(s, 0, dir, d->error, sizeof(d->error)))
        d->error[0] = '\0';
    (void)device_error_dir_of(dir, sizeof(dir), d->back, d->kind, d->guest, d->devid);
    if (device_error_get_error(s, 0, dir, d->record, sizeof(d->record)))
        d->record[0] = '\0';
}

void system_refresh(struct store *s, struct device_info *d)
{
    char dir[STORE_PATH_MAX];

    read_back(s, d);
    (void)device_front_dir(dir, sizeof(dir), d->guest, d->kind, d->devid);
    d->has_front = device_front_get_state(s, 0, dir, &d->front_state) == 0;
    if (!d->has_front) {
        d->front_state = 0;
        d->has_front = store_exists(s, 0, dir) == 1;
    }
    read_trouble(s, d);
}

void system_label(const struct system *sys, struct device_info *d)
{
    struct store *s = sys->store;
    char dir[STORE_PATH_MAX];

    if (d->label[0])
        return;
    if (strcmp(d->kind, "vbd") == 0) {
        (void)vbd_libxl_dir(dir, sizeof(dir), d->guest, d->devid);
        if (vbd_libxl_get_dev(s, 0, dir, d->label, sizeof(d->label)))
            snprintf(d->label, sizeof(d->label), "%u", d->devid);
        if (vbd_libxl_get_params(s, 0, dir, d->target, sizeof(d->target)))
            d->target[0] = '\0';
    } else {
        (void)vif_libxl_dir(dir, sizeof(dir), d->guest, d->devid);
        snprintf(d->label, sizeof(d->label), "vif%u", d->devid);
        if (vif_libxl_get_bridge(s, 0, dir, d->target, VIF_LIBXL_SIZE_BRIDGE))
            d->target[0] = '\0';
    }
}

/* Where a listing stands: store_each hands its callback one pointer. */
struct walk {
    struct system *sys;
    const char *kind;
    unsigned back, guest;
};

static bool has_drvdomd(const struct system *sys, unsigned id)
{
    const struct domain_info *d = system_domain_id(sys, id);

    return d && d->has_drvdomd;
}

static int on_device(void *arg, const char *name)
{
    const struct walk *w = arg;
    struct system *sys = w->sys;
    char dir[STORE_PATH_MAX], path[DEVICE_LIBXL_SIZE_BACKEND], kind[SCHEMA_WORD_MAX];
    unsigned devid, back, guest, again;
    const char *rest;
    struct device_info *d;

    if (!number(name, UINT32_MAX, &devid))
        return 0;
    (void)device_libxl_dir(dir, sizeof(dir), w->guest, w->kind, devid);
    if (device_libxl_get_backend(sys->store, 0, dir, path, sizeof(path)) ||
        device_back_dir_of_match(path, &back, kind, &guest, &again, &rest) || back == 0)
        return 0;
    d = APPEND(sys->devices, sys->ndevices, DEVICES_MAX);
    if (!d)
        return -ENOMEM;
    snprintf(d->kind, sizeof(d->kind), "%s", w->kind);
    d->guest = w->guest;
    d->devid = devid;
    d->back = back;
    d->hotplug = DEVICE_BACK_HOTPLUG_STATUS_CONNECTED;
    if (!sys->bare)
        system_label(sys, d);
    system_refresh(sys->store, d);
    if (!has_drvdomd(sys, back))
        read_hotplug(sys->store, d);
    return 0;
}

static int absent_is_empty(int rc)
{
    return rc == -ENOENT || rc == -EACCES ? 0 : rc;
}

static int read_devices(struct system *sys, unsigned guest)
{
    char dir[STORE_PATH_MAX];
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(kinds) && rc >= 0; i++) {
        struct walk w = {.sys = sys, .kind = kinds[i], .guest = guest};

        (void)libxl_kind_dir(dir, sizeof(dir), guest, kinds[i]);
        rc = absent_is_empty(store_each(sys->store, 0, dir, on_device, &w));
    }
    return rc;
}

/* ---- devices that are no more ---- */

static bool has_device(const struct system *sys, const struct failure_info *f)
{
    for (size_t i = 0; i < sys->ndevices; i++) {
        const struct device_info *d = &sys->devices[i];

        if (d->guest == f->guest && d->devid == f->devid && strcmp(d->kind, f->kind) == 0)
            return true;
    }
    return false;
}

static int on_failed_device(void *arg, const char *name)
{
    const struct walk *w = arg;
    struct system *sys = w->sys;
    struct failure_info *f;
    char dir[STORE_PATH_MAX];
    unsigned devid;

    if (!number(name, UINT32_MAX, &devid))
        return 0;
    f = APPEND(sys->failures, sys->nfailures, FAILURES_MAX);
    if (!f)
        return 1; /* enough to read */
    snprintf(f->kind, sizeof(f->kind), "%s", w->kind);
    f->back = w->back;
    f->guest = w->guest;
    f->devid = devid;
    (void)device_error_dir_of(dir, sizeof(dir), w->back, w->kind, w->guest, devid);
    f->guest_gone = !system_domain_id(sys, f->guest);
    if (has_device(sys, f) || device_error_get_error(sys->store, 0, dir, f->text, sizeof(f->text)))
        sys->nfailures--;
    return 0;
}

static int on_failed_guest(void *arg, const char *name)
{
    struct walk *w = arg;
    char dir[STORE_PATH_MAX];

    if (!number(name, DOMAIN_MAX_DOMID, &w->guest))
        return 0;
    (void)device_error_dir_of(dir, sizeof(dir), w->back, w->kind, w->guest, 0);
    *strrchr(dir, '/') = '\0'; /* the directory above the device */
    return absent_is_empty(store_each(w->sys->store, 0, dir, on_failed_device, w));
}

static void read_failures(struct system *sys, unsigned back)
{
    char dir[STORE_PATH_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct walk w = {.sys = sys, .kind = kinds[i], .back = back};

        (void)device_error_dir_of(dir, sizeof(dir), back, kinds[i], 0, 0);
        *strrchr(dir, '/') = '\0';
        *strrchr(dir, '/') = '\0';
        (void)!store_each(sys->store, 0, dir, on_failed_guest, &w);
    }
}

/* ---- all of it ---- */

static int read_all(struct system *sys)
{
    struct store *store = sys->store;
    int rc = store_each(store, 0, DOMAINS_DIR, on_domain, sys);

    for (size_t i = 0; i < sys->ndomains && rc >= 0; i++)
        rc = read_devices(sys, sys->domains[i].id);
    for (size_t i = 0; i < sys->ndomains && rc >= 0; i++) {
        if (sys->domains[i].driver_domain)
            read_failures(sys, sys->domains[i].id);
    }
    return rc;
}

static int read_system(struct system *sys, struct store *store, bool bare)
{
    int rc;

    *sys = (struct system){.store = store, .bare = bare};
    system_read_ahead(store, bare);
    rc = read_all(sys);
    store_forget(store); /* who asks again wants to know what is so then */
    if (rc >= 0)
        return 0;
    log_error("cannot read xenstore: %s", strerror(-rc));
    system_fini(sys);
    return rc;
}

int system_read(struct system *sys, struct store *store)
{
    return read_system(sys, store, false);
}

void system_fini(struct system *sys)
{
    free(sys->domains);
    free(sys->devices);
    free(sys->failures);
    *sys = (struct system){.store = sys->store};
}

static int open_store(struct store **store)
{
    int rc = store_open(store);

    if (rc)
        log_error("no xenstore (%s): is this dom0 of a running Xen, and does xenstored run?",
                  strerror(-rc));
    return rc;
}

static int open_system(struct system *sys, bool bare)
{
    struct store *store;
    int rc = open_store(&store);

    if (rc)
        return rc;
    rc = read_system(sys, store, bare);
    if (rc)
        store_close(store);
    return rc;
}

int system_open(struct system *sys)
{
    return open_system(sys, false);
}

int system_open_bare(struct system *sys)
{
    return open_system(sys, true);
}

int system_open_domains(struct system *sys)
{
    struct store *store;
    int rc = open_store(&store);

    if (rc)
        return rc;
    *sys = (struct system){.store = store};
    rc = store_each(store, 0, DOMAINS_DIR, on_domain, sys);
    if (rc >= 0)
        return 0;
    log_error("cannot read xenstore: %s", strerror(-rc));
    system_close(sys);
    return rc;
}

void system_close(struct system *sys)
{
    struct store *store = sys->store;

    system_fini(sys);
    store_close(store);
}

/* ---- finding ---- */

const struct domain_info *system_domain_id(const struct system *sys, unsigned id)
{
    for (size_t i = 0; i < sys->ndomains; i++) {
        if (sys->domains[i].id == id)
            return &sys->domains[i];
    }
    return NULL;
}

const struct domain_info *system_domain(const struct system *sys, const char *text)
{
    unsigned id;

    for (size_t i = 0; i < sys->ndomains; i++) {
        if (strcmp(sys->domains[i].name, text) == 0)
            return &sys->domains[i];
    }
    return number(text, DOMAIN_MAX_DOMID, &id) ? system_domain_id(sys, id) : NULL;
}

const struct device_info *system_device(const struct system *sys, const char *guest,
                                        const char *device)
{
    const struct domain_info *g = system_domain(sys, guest);

    for (size_t i = 0; g && i < sys->ndevices; i++) {
        const struct device_info *d = &sys->devices[i];

        if (d->guest == g->id && system_device_is(d, device))
            return d;
    }
    if (g)
        log_error("%s has no device \"%s\" of a driver domain: see drvdom show %s", guest, device,
                  guest);
    else
        log_error("no domain \"%s\": see xl list", guest);
    return NULL;
}

const struct device_info *system_disk(const struct system *sys, const char *guest,
                                      const char *device)
{
    const struct device_info *d = system_device(sys, guest, device);

    if (d && strcmp(d->kind, "vbd") != 0) {
        log_error("%s is not a disk", d->label);
        return NULL;
    }
    return d;
}

bool system_device_is(const struct device_info *d, const char *text)
{
    char name[32];
    unsigned id;

    if (strcmp(d->label, text) == 0)
        return true;
    snprintf(name, sizeof(name), "%s/%u", d->kind, d->devid);
    if (strcmp(name, text) == 0)
        return true;
    if (strncmp(text, "eth", 3) == 0 && number(text + 3, UINT32_MAX, &id))
        return strcmp(d->kind, "vif") == 0 && id == d->devid;
    return number(text, UINT32_MAX, &id) && id == d->devid;
}
