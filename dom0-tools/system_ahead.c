/* Reading ahead for system_read(): what it is going to ask, in four rounds instead of a round trip
 * each.  A question more or less than it asks costs time and changes nothing else. */
#include "dom0-tools/system.h"
#include "transport/xen/store_ahead.h"

#include <string.h>

#include "schema/vif.h"

static const char *const kinds[] = {"vbd", "vif"};

static bool number(const char *text, uint64_t max, unsigned *out)
{
    uint64_t v;

    if (value_uint(text, strlen(text), 0, max, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

static void want(struct ahead *a, const char *dir, const char *key)
{
    char path[STORE_PATH_MAX];

    if (strlen(dir) + strlen(key) + 2 > sizeof(path))
        return;
    (void)schema_join(path, sizeof(path), dir, key);
    ahead_add(a, path, false);
}

static int want_domain(void *arg, const char *name)
{
    char dir[STORE_PATH_MAX];
    unsigned id;

    if (!number(name, DOMAIN_MAX_DOMID, &id))
        return 0;
    (void)domain_dir(dir, sizeof(dir), id);
    want(arg, dir, DOMAIN_KEY_NAME);
    (void)domain_libxl_dir_of(dir, sizeof(dir), id);
    ahead_add(arg, dir, false);
    (void)drvdom_dir_of(dir, sizeof(dir), id);
    want(arg, dir, DRVDOM_KEY_STATE);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        (void)libxl_kind_dir(dir, sizeof(dir), id, kinds[i]);
        ahead_add(arg, dir, true);
    }
    return 0;
}

struct wanting {
    struct ahead ahead;
    struct store *store;
    const char *kind;
    unsigned guest;
    bool bare;
    bool back; /* the third round: the backend's directory */
};

static void want_back(struct wanting *w, const char *libxl_dir)
{
    char path[DEVICE_LIBXL_SIZE_BACKEND], kind[SCHEMA_WORD_MAX], dir[STORE_PATH_MAX];
    unsigned back, guest, devid;
    enum drvdom_state state;
    const char *rest;

    if (device_libxl_get_backend(w->store, 0, libxl_dir, path, sizeof(path)) ||
        device_back_dir_of_match(path, &back, kind, &guest, &devid, &rest))
        return;
    want(&w->ahead, path, DEVICE_BACK_KEY_STATE);
    (void)drvdom_dir_of(dir, sizeof(dir), back);
    if (drvdom_get_state(w->store, 0, dir, &state)) /* read by now */
        want(&w->ahead, path, DEVICE_BACK_KEY_HOTPLUG_STATUS);
}

static void want_label(struct wanting *w, const char *libxl_dir)
{
    if (strcmp(w->kind, "vbd") == 0) {
        want(&w->ahead, libxl_dir, VBD_LIBXL_KEY_DEV);
        want(&w->ahead, libxl_dir, VBD_LIBXL_KEY_PARAMS);
    } else {
        want(&w->ahead, libxl_dir, VIF_LIBXL_KEY_BRIDGE);
    }
}

static int want_device(void *arg, const char *name)
{
    struct wanting *w = arg;
    char dir[STORE_PATH_MAX];
    unsigned devid;

    if (!number(name, UINT32_MAX, &devid))
        return 0;
    (void)device_libxl_dir(dir, sizeof(dir), w->guest, w->kind, devid);
    if (w->back) {
        want_back(w, dir);
        return 0;
    }
    want(&w->ahead, dir, DEVICE_LIBXL_KEY_BACKEND);
    if (!w->bare)
        want_label(w, dir);
    (void)device_front_dir(dir, sizeof(dir), w->guest, w->kind, devid);
    want(&w->ahead, dir, DEVICE_FRONT_KEY_STATE);
    return 0;
}

static int want_devices(void *arg, const char *name)
{
    struct wanting *w = arg;
    char dir[STORE_PATH_MAX];

    if (!number(name, DOMAIN_MAX_DOMID, &w->guest))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        w->kind = kinds[i];
        (void)libxl_kind_dir(dir, sizeof(dir), w->guest, w->kind);
        (void)!store_each(w->store, 0, dir, want_device, w);
    }
    return 0;
}

void system_read_ahead(struct store *store, bool bare)
{
    struct wanting w = {.store = store, .bare = bare};

    ahead_add(&w.ahead, DOMAINS_DIR, true);
    ahead_ask(&w.ahead, store);
    (void)!store_each(store, 0, DOMAINS_DIR, want_domain, &w.ahead);
    ahead_ask(&w.ahead, store);
    for (int round = 0; round < 2; round++) {
        w.back = round == 1;
        (void)!store_each(store, 0, DOMAINS_DIR, want_devices, &w);
        ahead_ask(&w.ahead, store);
    }
}
