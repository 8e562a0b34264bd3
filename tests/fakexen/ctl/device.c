/*
 * fakexenctl: what libxl writes: a domain's home, a device (libxl__device_generic_add), its
 * removal.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakexen/ctl/ctl.h"
#include "tests/fakexen/ctl/store.h"

enum { INIT_TIMEOUT_S = 10, DESTROY_TIMEOUT_S = 10 }; /* libxl_internal.h */

struct home {
    unsigned id;
    const char *name;
};

static void write_home(struct store *s, void *arg)
{
    static const char *const ro[] = {"cpu", "memory", "device", "control"};
    static const char *const rw[] = {"data",
                                     "drivers",
                                     "feature",
                                     "attr",
                                     "error",
                                     "libxl",
                                     "device-model",
                                     "control/shutdown",
                                     "device/suspend/event-channel"};
    const struct home *h = arg;
    char dir[64], sub[128];

    snprintf(dir, sizeof(dir), "/local/domain/%u", h->id);
    store_rm(s, dir);
    store_dir(s, dir, 0, (int)h->id);
    snprintf(sub, sizeof(sub), "/libxl/%u", h->id);
    store_rm(s, sub);
    store_dir(s, sub, 0, -1);
    for (size_t i = 0; i < sizeof(ro) / sizeof(ro[0]); i++) {
        snprintf(sub, sizeof(sub), "%s/%s", dir, ro[i]);
        store_dir(s, sub, 0, (int)h->id);
    }
    for (size_t i = 0; i < sizeof(rw) / sizeof(rw[0]); i++) {
        snprintf(sub, sizeof(sub), "%s/%s", dir, rw[i]);
        store_dir(s, sub, h->id, -1);
    }
    store_write(s, dir, "name", h->name);
    store_writef(s, dir, "domid", "%u", h->id);
    store_write(s, dir, "store/port", "1");
    store_write(s, dir, "store/ring-ref", "1");
}

int v_introduce(int argc, char **argv)
{
    char name[32];
    struct home h = {.id = (unsigned)atoi(argv[0])};

    snprintf(name, sizeof(name), "Domain-%u", h.id);
    h.name = argc > 1 ? argv[1] : name;
    if (store_transaction(write_home, &h))
        return 1;
    /* A page number and a port, as the domain builder would say; the page is found by its grant. */
    if (h.id && !xs_introduce_domain(store_open(), h.id, 1, 1)) {
        warn("introduce %u", h.id);
        return 1;
    }
    return 0;
}

struct device {
    const char *kind, *back_kind; /* back_kind NULL: the same; libxl's "qdisk" serves vbds */
    unsigned guest, dd, devid;
    const char *target;
    char **extra; /* KEY=VALUE, into the backend's directory */
    int nextra;
    char front[96], back[96], libxl[96];
};

static void paths(struct device *d)
{
    snprintf(d->front, sizeof(d->front), "/local/domain/%u/device/%s/%u", d->guest, d->kind,
             d->devid);
    snprintf(d->back, sizeof(d->back), "/local/domain/%u/backend/%s/%u/%u", d->dd,
             d->back_kind ? d->back_kind : d->kind, d->guest, d->devid);
    snprintf(d->libxl, sizeof(d->libxl), "/libxl/%u/device/%s/%u", d->guest, d->kind, d->devid);
}

static void write_vbd(struct store *s, const struct device *d, const char *back)
{
    store_write(s, back, "params", d->target);
    store_write(s, back, "script", "/etc/xen/scripts/block");
    store_write(s, back, "removable", "0");
    store_write(s, back, "bootable", "1");
    store_writef(s, back, "dev", "xvd%c", (int)('a' + (d->devid >> 4 & 0xf)));
    store_write(s, back, "type", d->back_kind ? d->back_kind : "phy");
    store_write(s, back, "mode", "w");
    store_write(s, back, "device-type", "disk");
    store_write(s, back, "discard-enable", "1");
    store_write(s, back, "specification", "xen");
}

static void write_vif(struct store *s, const struct device *d, const char *back)
{
    store_write(s, back, "script", "/etc/xen/scripts/vif-bridge");
    store_writef(s, back, "mac", "00:16:3e:%02x:%02x:%02x", d->guest >> 8 & 0xff, d->guest & 0xff,
                 d->devid & 0xff);
    store_write(s, back, "bridge", d->target);
    store_writef(s, back, "handle", "%u", d->devid);
    store_write(s, back, "type", "vif");
    store_write(s, back, "hotplug-status", "");
}

/* Twice: the copy under /libxl is what dom0 believes, whatever the driver domain does to the other.
 */
static void write_back(struct store *s, const struct device *d, const char *back)
{
    store_write(s, back, "frontend", d->front);
    store_writef(s, back, "frontend-id", "%u", d->guest);
    store_write(s, back, "online", "1");
    store_write(s, back, "state", "1");
    if (strcmp(d->kind, "vif") == 0)
        write_vif(s, d, back);
    else
        write_vbd(s, d, back);
    for (int i = 0; i < d->nextra; i++) {
        char key[64];
        const char *eq = strchr(d->extra[i], '=');

        if (!eq || (size_t)(eq - d->extra[i]) >= sizeof(key))
            errx(2, "not KEY=VALUE: %s", d->extra[i]);
        snprintf(key, sizeof(key), "%.*s", (int)(eq - d->extra[i]), d->extra[i]);
        store_write(s, back, key, eq + 1);
    }
}

static void write_front(struct store *s, const struct device *d)
{
    store_write(s, d->front, "backend", d->back);
    store_writef(s, d->front, "backend-id", "%u", d->dd);
    store_write(s, d->front, "state", "1");
    if (strcmp(d->kind, "vif") == 0) {
        store_writef(s, d->front, "handle", "%u", d->devid);
        store_writef(s, d->front, "mac", "00:16:3e:%02x:%02x:%02x", d->guest >> 8 & 0xff,
                     d->guest & 0xff, d->devid & 0xff);
    } else {
        store_writef(s, d->front, "virtual-device", "%u", d->devid);
        store_write(s, d->front, "device-type", "disk");
        store_write(s, d->front, "protocol", "x86_64-abi");
    }
    store_write(s, d->front, "trusted", "1");
}

static void write_device(struct store *s, void *arg)
{
    const struct device *d = arg;

    store_rm(s, d->libxl);
    store_dir(s, d->libxl, 0, -1);
    store_write(s, d->libxl, "frontend", d->front);
    store_write(s, d->libxl, "backend", d->back);
    write_back(s, d, d->libxl);
    store_rm(s, d->front);
    store_dir(s, d->front, d->guest, (int)d->dd);
    write_front(s, d);
    store_rm(s, d->back);
    store_dir(s, d->back, d->dd, (int)d->guest);
    write_back(s, d, d->back);
}

/* xvda or the number itself */
static unsigned devid_of(const char *s)
{
    return strncmp(s, "xvd", 3) == 0 ? 202u << 8 | (unsigned)(s[3] - 'a') << 4 : (unsigned)atoi(s);
}

static int attach_and_wait(struct device *d)
{
    char *why;
    int rc;

    if (store_transaction(write_device, d))
        return 1;
    rc = store_wait(d->back, "2", false, INIT_TIMEOUT_S);
    if (rc == 0)
        return 0;
    why = store_read(d->back, "hotplug-error");
    warnx("%s: %s%s%s", d->back, rc == 2 ? "backend refuses" : "timed out waiting for state 2",
          why ? ": " : "", why ? why : "");
    free(why);
    return 1;
}

static int attach(const char *kind, const char *back_kind, int argc, char **argv)
{
    struct device d = {.kind = kind,
                       .back_kind = back_kind,
                       .guest = (unsigned)atoi(argv[0]),
                       .dd = (unsigned)atoi(argv[1]),
                       .devid = devid_of(argv[2]),
                       .target = argv[3],
                       .extra = argv + 4,
                       .nextra = argc - 4};

    paths(&d);
    return attach_and_wait(&d);
}

int v_attach_vbd(int argc, char **argv)
{
    return attach("vbd", NULL, argc, argv);
}

/* For QEMU, to compare with: PARAMS is "aio:PATH". */
int v_attach_qdisk(int argc, char **argv)
{
    return attach("vbd", "qdisk", argc, argv);
}

int v_attach_vif(int argc, char **argv)
{
    return attach("vif", NULL, argc, argv);
}

/* A closed device is not asked to close; that it is to go away it is told all the same. */
static void write_closing(struct store *s, void *arg)
{
    const struct device *d = arg;
    char *state = store_read(d->back, "state");

    store_write(s, d->back, "online", "0");
    if (!state || strcmp(state, "6") != 0)
        store_write(s, d->back, "state", "5");
    free(state);
}

static void write_gone(struct store *s, void *arg)
{
    const struct device *d = arg;

    store_rm(s, d->front);
    store_rm(s, d->libxl);
}

/* libxl__initiate_device_generic_remove for a backend in a driver domain. */
static int device_remove(struct device *d, bool force, int seconds)
{
    char *state = store_read(d->back, "state");
    struct xs_handle *xs = store_open();

    if (!state) {
        warnx("%s: backend already removed", d->back);
        return store_transaction(write_gone, d);
    }
    if (force) /* the frontend is not asked */
        xs_rm(xs, XBT_NULL, d->front);
    free(state);
    if (store_transaction(write_closing, d))
        return 1;
    if (store_wait(d->back, "6", false, seconds) == 1) {
        warnx("%s: timed out waiting for state 6", d->back);
        if (!force)
            return 1;
    }
    if (store_wait(d->back, "", true, seconds)) {
        warnx("%s: was not removed", d->back);
        if (!force)
            return 1;
        xs_rm(xs, XBT_NULL, d->back);
    }
    return store_transaction(write_gone, d);
}

int v_detach(int argc, char **argv)
{
    struct device d = {.kind = argv[0],
                       .guest = (unsigned)atoi(argv[1]),
                       .dd = (unsigned)atoi(argv[2]),
                       .devid = devid_of(argv[3])};

    paths(&d);
    return device_remove(&d, false, argc > 4 ? atoi(argv[4]) : DESTROY_TIMEOUT_S);
}

static int cycle(struct device *d)
{
    paths(d);
    if (attach_and_wait(d))
        return 1;
    if (store_wait(d->back, "4", false, INIT_TIMEOUT_S)) {
        warnx("%s: did not become Connected", d->back);
        return 1;
    }
    return device_remove(d, false, DESTROY_TIMEOUT_S);
}

/*
 * TIMES GUEST DD DEVID,DEVID... PARAMS [KEY=VALUE...]: attach, wait until it is Connected, detach,
 * without a process for each. One DEVID after the other, round and round: a guest may take what
 * comes back at once for what has gone.
 */
int v_cycle_vbd(int argc, char **argv)
{
    const char *name = argv[3];
    int rc = 0;

    for (int n = atoi(argv[0]); n > 0 && rc == 0; n--) {
        struct device d = {.kind = "vbd",
                           .guest = (unsigned)atoi(argv[1]),
                           .dd = (unsigned)atoi(argv[2]),
                           .devid = devid_of(name),
                           .target = argv[4],
                           .extra = argv + 5,
                           .nextra = argc - 5};

        rc = cycle(&d);
        name = strchr(name, ',');
        name = name ? name + 1 : argv[3];
    }
    return rc;
}

/* The first device of a domain that libxl knows of; false when there is none. */
static bool any_device(unsigned domid, struct device *d)
{
    static const char *const kinds[] = {"vbd", "vif"};
    char dir[96], **ls;
    unsigned n;

    for (size_t i = 0; i < 2; i++) {
        snprintf(dir, sizeof(dir), "/libxl/%u/device/%s", domid, kinds[i]);
        ls = xs_directory(store_open(), XBT_NULL, dir, &n);
        if (!ls || n == 0) {
            free(ls);
            continue;
        }
        *d = (struct device){.kind = kinds[i], .guest = domid, .devid = (unsigned)atoi(ls[0])};
        free(ls);
        snprintf(dir, sizeof(dir), "/libxl/%u/device/%s/%u", domid, d->kind, d->devid);
        char *back = store_read(dir, "backend");

        if (back)
            sscanf(back, "/local/domain/%u/", &d->dd);
        free(back);
        paths(d);
        return true;
    }
    return false;
}

/* libxl__devices_destroy with force: one after the other. */
int v_devices_gone(int argc, char **argv)
{
    struct device d;
    int rc = 0;

    while (rc == 0 && any_device((unsigned)atoi(argv[0]), &d))
        rc = device_remove(&d, true, argc > 1 ? atoi(argv[1]) : DESTROY_TIMEOUT_S);
    return rc;
}

static void write_forget(struct store *s, void *arg)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%s", (const char *)arg);
    store_rm(s, path);
    snprintf(path, sizeof(path), "/libxl/%s", (const char *)arg);
    store_rm(s, path);
}

int v_forget(int argc, char **argv)
{
    (void)argc;
    return store_transaction(write_forget, argv[0]);
}
