/* See watch.h. */
#include "driver-domain/drvdomd/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver-domain/drvdomd/device.h"
#include "driver-domain/drvdomd/testkill.h"
#include "driver-domain/drvdomd/upgrade.h"
#include "schema/device.h"
#include "transport/base/log.h"

/* xenstored deletes a client's events that stay unread for 20 s (XSA-326): after a pause of half of
 * that, nothing that was queued can be trusted to be all. */
#define STALL_NS UINT64_C(10000000000)

/* Every so often all devices get a look, so that a lost event costs a delay and not a device. */
#define HOUSEKEEPING_NS UINT64_C(30000000000)

enum { SCAN_TRIES = 3 };

/* How long a disk's new size may stay unnoticed. */
#define TARGETS_NS UINT64_C(1000000000)

static const struct backend_class *const classes[CLASSES] = {&blk_backend_class,
                                                             &net_backend_class};

static const char BACKEND_TOKEN[] = "backends";

const struct backend_class *watch_class(unsigned i)
{
    return classes[i];
}

static const struct backend_class *class_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (strcmp(classes[i]->kind, kind) == 0)
            return classes[i];
    }
    return NULL; /* qdisk, console...: somebody else's */
}

/* An event of a key that only we write tells us what we know.  `state` is the toolstack's as well:
 * it writes 1 and 5. */
static bool is_echo(const struct backend_class *class, const char *key)
{
    const struct schema_key *k;
    unsigned index;

    if (strcmp(key, DEVICE_BACK_KEY_STATE) == 0)
        return false;
    k = schema_dir_find(class->keys, key, &index);
    return k && k->owner == SCHEMA_BACK;
}

static void mark(struct drvdomd *d, const struct backend_class *class, unsigned domid,
                 unsigned devid)
{
    struct device *dev = table_find(d, class, domid, devid);

    if (!dev) {
        char dir[STORE_PATH_MAX];
        int rc;

        /* The event may be about its removal. */
        (void)device_back_dir(dir, sizeof(dir), class->kind, domid, devid);
        rc = store_exists(d->store, 0, dir);
        d->scan_failed |= rc < 0;
        if (rc != 1)
            return;
        dev = device_new(d, class, domid, devid);
    }
    if (dev)
        dev->dirty = true;
}

static void look_at_dirty(struct drvdomd *d)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (d->dev[i] && d->dev[i]->dirty)
            device_look(d->dev[i]);
    }
}

static void on_again(void *arg)
{
    look_at_dirty(arg);
}

void watch_look_again(struct drvdomd *d, uint64_t ns)
{
    d->again.fn = on_again;
    d->again.arg = d;
    if (!d->again.due_ns || d->again.due_ns > clock_ns() + ns)
        loop_timer_set(&d->loop, &d->again, ns);
}

void watch_recheck(struct drvdomd *d, const struct backend_class *class, const struct dev_id *id)
{
    mark(d, class, id->domid, id->devid);
    look_at_dirty(d);
}

static void on_event(struct drvdomd *d, const char *path, const char *token)
{
    const struct backend_class *class;
    char kind[SCHEMA_WORD_MAX];
    const char *rest;
    unsigned guest, devid, slot;

    if (strcmp(token, BACKEND_TOKEN) == 0) {
        if (device_back_dir_match(path, kind, &guest, &devid, &rest))
            return;
        class = class_of(kind);
        if (class && !is_echo(class, rest))
            mark(d, class, guest, devid);
        return;
    }
    if (strcmp(token, TESTKILL_TOKEN) == 0) {
        testkill_look(d);
        return;
    }
    if (strcmp(token, UPGRADE_TOKEN) == 0) {
        upgrade_look(d);
        return;
    }
    slot = (unsigned)strtoul(token, NULL, 10); /* our own token, not a peer's */
    if (slot < TABLE_MAX && d->dev[slot])
        d->dev[slot]->dirty = true;
}

static void on_store(void *arg, uint32_t events)
{
    struct drvdomd *d = arg;
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];
    uint64_t now = clock_ns();
    bool stalled = now - d->last_drain_ns > STALL_NS;
    int rc;

    (void)events;
    while ((rc = store_next_event(d->store, path, token)) > 0)
        on_event(d, path, token);
    if (rc < 0) {
        /* The data path does not need the store: serve on, and let init restart us to reconnect. */
        log_error("xenstore connection lost: %s", strerror(-rc));
        loop_quit(&d->loop, 1);
        return;
    }
    if (stalled)
        watch_scan(d);
    d->last_drain_ns = clock_ns();
    look_at_dirty(d);
}

/* ---- scanning ---- */

struct scan {
    struct drvdomd *d;
    const struct backend_class *class;
    unsigned guest;
};

/* Names in our own tree were made by the toolstack; still, only plain numbers count. */
static bool number(const char *name, unsigned *out)
{
    char *end;
    unsigned long v = strtoul(name, &end, 10);

    *out = (unsigned)v;
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' && v <= UINT32_MAX;
}

static int scan_device(void *arg, const char *name)
{
    struct scan *s = arg;
    unsigned devid;

    if (number(name, &devid))
        mark(s->d, s->class, s->guest, devid);
    return 0;
}

/* -ENOENT: no device of this kind or guest, or gone meanwhile. */
static void scan_each(struct scan *s, const char *dir, int (*fn)(void *arg, const char *name))
{
    int rc = store_each(s->d->store, 0, dir, fn, s);

    s->d->scan_failed |= rc && rc != -ENOENT;
}

static int scan_guest(void *arg, const char *name)
{
    struct scan *s = arg;
    char dir[STORE_PATH_MAX];

    if (!number(name, &s->guest))
        return 0;
    (void)backend_guest_dir(dir, sizeof(dir), s->class->kind, s->guest);
    scan_each(s, dir, scan_device);
    return 0;
}

void watch_scan(struct drvdomd *d)
{
    d->scan_failed = false;
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (d->dev[i])
            d->dev[i]->dirty = true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        struct scan s = {.d = d, .class = classes[i]};
        char dir[STORE_PATH_MAX];

        (void)backend_kind_dir(dir, sizeof(dir), classes[i]->kind);
        scan_each(&s, dir, scan_guest);
    }
    look_at_dirty(d);
}

static void on_housekeeping(void *arg)
{
    struct drvdomd *d = arg;

    d->last_drain_ns = clock_ns();
    watch_scan(d);
    loop_timer_set(&d->loop, &d->housekeeping, d->scan_failed ? TARGETS_NS : HOUSEKEEPING_NS);
}

/* ---- what a class hears from outside xenstore ---- */

struct outside {
    struct loop_fd watch;
    struct drvdomd *d;
    const struct backend_class *class;
};

static void on_outside(void *arg, uint32_t events)
{
    struct outside *o = arg;

    (void)events;
    if (!o->class->events_drain(o->watch.fd))
        return;
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        if (o->d->dev[i] && o->d->dev[i]->class == o->class)
            o->d->dev[i]->dirty = true;
    }
    look_at_dirty(o->d);
}

/* Without it, housekeeping sees it later. */
static void watch_outside(struct drvdomd *d)
{
    static struct outside outside[ARRAY_SIZE(classes)];

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        struct outside *o = &outside[i];
        int fd = classes[i]->events_open ? classes[i]->events_open() : -ENOENT;

        *o = (struct outside){.d = d, .class = classes[i]};
        o->watch = (struct loop_fd){.fd = fd, .fn = on_outside, .arg = o};
        if (fd >= 0 && loop_add(&d->loop, &o->watch, EPOLLIN))
            log_warn("events of %s devices cannot be heard", classes[i]->kind);
    }
}

void watch_targets(struct drvdomd *d)
{
    for (unsigned i = 0; i < TABLE_MAX; i++) {
        const struct device *dev = d->dev[i];

        if (dev && dev->target && dev->class->has_changed && dev->class->has_changed(dev->target))
            device_look(d->dev[i]);
    }
}

/* Nobody tells us that a disk has grown: it is looked at, which costs one system call each. */
static void on_targets(void *arg)
{
    struct drvdomd *d = arg;

    watch_targets(d);
    loop_timer_set(&d->loop, &d->targets, TARGETS_NS);
}

int watch_start(struct drvdomd *d)
{
    int rc;

    watch_outside(d);

    d->store_watch = (struct loop_fd){.fd = store_fd(d->store), .fn = on_store, .arg = d};
    d->housekeeping = (struct loop_timer){.fn = on_housekeeping, .arg = d};
    d->targets = (struct loop_timer){.fn = on_targets, .arg = d};
    rc = loop_add(&d->loop, &d->store_watch, EPOLLIN);
    if (!rc)
        rc = store_watch(d->store, BACKENDS_DIR, BACKEND_TOKEN);
    if (rc)
        return rc;
    on_housekeeping(d);
    for (int tries = 0; d->scan_failed && tries < SCAN_TRIES; tries++)
        watch_scan(d);
    on_targets(d);
    return d->scan_failed ? -EIO : 0;
}

static int watch_key(struct device *dev, const char *key)
{
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];
    int rc;

    schema_join(path, sizeof(path), dev->front, key);
    snprintf(token, sizeof(token), "%u", dev->id.slot);
    rc = store_watch(dev->d->store, path, token);
    if (rc)
        return why_set(&dev->why, rc, "cannot watch %s: %s%s", path, strerror(-rc),
                       rc == -E2BIG || rc == -ENOSPC
                           ? "; this domain's xenstore watch quota is used up: raise it in dom0"
                           : "");
    return 0;
}

static void watch_key_off(struct device *dev, const char *key)
{
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];

    schema_join(path, sizeof(path), dev->front, key);
    snprintf(token, sizeof(token), "%u", dev->id.slot);
    (void)!store_unwatch(dev->d->store, path, token); /* nothing depends on it any more */
}

int watch_front(struct device *dev)
{
    int rc;

    if (dev->front_watched)
        return 0;
    rc = watch_key(dev, DEVICE_FRONT_KEY_STATE);
    if (rc)
        return rc;
    rc = dev->class->front_key ? watch_key(dev, dev->class->front_key) : 0;
    if (rc)
        watch_key_off(dev, DEVICE_FRONT_KEY_STATE);
    dev->front_watched = !rc;
    return rc;
}

void watch_front_off(struct device *dev)
{
    if (!dev->front_watched)
        return;
    watch_key_off(dev, DEVICE_FRONT_KEY_STATE);
    if (dev->class->front_key)
        watch_key_off(dev, dev->class->front_key);
    dev->front_watched = false;
}
