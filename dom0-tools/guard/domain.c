/* The life of a guarded driver domain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/guard/guard.h"
#include "dom0-tools/guard/words.h"
#include "schema/device.h"
#include "schema/driver-domain.h"
#include "transport/base/log.h"

enum {
    LOOK_MS = 50,   /* changes come in bursts */
    POLL_MS = 5,    /* while it is dying */
    GRACE_MS = 300, /* for the xl that made it, to destroy what crashed */
};
/* Of the next PCI device to be taken away or the domain's end; and of pciback, to see that a
 * directory is gone. */
static const uint64_t UNPLUG_NS = UINT64_C(3000000000), FORGET_NS = UINT64_C(200000000);
static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t QUICK_NS = UINT64_C(20000000000);

void domain_soon(struct domain *d, unsigned ms)
{
    loop_timer_set(&d->g->loop, &d->timer, (uint64_t)ms * 1000000u);
}

struct domain *domain_find(struct guard *g, uint32_t domid)
{
    for (unsigned i = 0; i < GUARD_DOMAINS; i++) {
        if (g->domain[i].is != DOMAIN_NONE && g->domain[i].domid == domid)
            return &g->domain[i];
    }
    return NULL;
}

/* What drvdomd says, its devices, and what the administrator wants. */
static int watch(struct domain *d, bool on)
{
    static int (*const dirs[])(char *buf, size_t size,
                               unsigned domid) = {drvdom_dir_of, backends_dir_of, guard_dir_of};
    char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];
    int rc = 0;

    snprintf(token, sizeof(token), "%u", d->domid);
    (void)device_back_dir_of(path, sizeof(path), 0, "pci", d->domid, 0);
    rc = on ? store_watch(d->g->store, path, token) : store_unwatch(d->g->store, path, token);
    for (size_t i = 0; i < ARRAY_SIZE(dirs) && (!rc || !on); i++) {
        (void)dirs[i](path, sizeof(path), d->domid);
        rc = on ? store_watch(d->g->store, path, token) : store_unwatch(d->g->store, path, token);
    }
    return rc;
}

bool domain_has_home(const struct domain *d)
{
    char dir[STORE_PATH_MAX];
    uint32_t ref;

    (void)guard_dir_of(dir, sizeof(dir), d->domid);
    return guard_get_blackbox(d->g->store, 0, dir, &ref) == 0;
}

/* Where drvdomd looks for its blackbox. */
static int publish(struct domain *d)
{
    char dir[STORE_PATH_MAX];

    (void)guard_dir_of(dir, sizeof(dir), d->domid);
    return guard_set_blackbox(d->g->store, 0, dir, d->memory.index_ref);
}

static void forget(struct domain *d)
{
    struct guard *g = d->g;

    loop_timer_cancel(&g->loop, &d->timer);
    outage_forget(d);
    (void)!watch(d, false); /* its tree is gone, mostly */
    devices_drop(d);
    toolstack_config_free(d->config);
    toolstack_config_free(d->replace.old);
    memory_drop(g, d);
    memset(d, 0, sizeof(*d));
}

/* ---- death and return ---- */

/* The blackbox is soon the successor's: what it holds now is kept. */
static void keep_words(struct domain *d, const char *how)
{
    static char text[GUARD_TEXT_MAX - 256];
    struct dead_domain *x = &d->g->dead[d->g->next_dead++ % GUARD_DEAD];
    size_t n = words_text(d->memory.head, d->memory.slot, BB_SLOTS, text, sizeof(text));
    time_t now = time(NULL);
    char when[32] = "";
    struct tm tm;

    if (gmtime_r(&now, &tm))
        (void)strftime(when, sizeof(when), "%F %T UTC", &tm);
    free(x->words);
    x->words = malloc(n + 256);
    if (!x->words)
        return;
    snprintf(x->words, n + 256, "%s (domain %u) %s at %s; its last words:\n%s", d->name, d->domid,
             how, when, text);
    snprintf(x->name, sizeof(x->name), "%s", d->name);
    x->domid = d->domid;
}

static void last_words(const struct domain *d)
{
    static char text[BB_TEXT_MAX + 1];
    size_t n = bb_log_read(d->memory.head->log, sizeof(d->memory.head->log), text);
    const char *from = text + (n > 600 ? n - 600 : 0);

    for (char *save = NULL, *l = strtok_r((char *)(uintptr_t)from, "\n", &save); l;
         l = strtok_r(NULL, "\n", &save))
        log_info("%s said: %s", d->name, l);
}

void domain_died(struct domain *d, const char *how)
{
    uint64_t now = clock_ns();

    log_warn("%s (domain %u) %s, noticed at %u.%03u s of the host's uptime", d->name, d->domid, how,
             (unsigned)(now / 1000000000), (unsigned)(now / 1000000 % 1000));
    outage_forget(d);
    (void)replace_failed(d, how);
    d->deaths = now - d->made_ns < QUICK_NS ? d->deaths + 1 : 1;
    last_words(d);
    keep_words(d, how);
    if (d->deaths > d->g->deaths_max) {
        log_error("%s: died %u times soon after its start; it is not started again", d->name,
                  d->g->deaths_max);
        forget(d);
        return;
    }
    d->is = DOMAIN_DEAD;
    d->free_ns = d->unplugged_ns = 0;
    d->died_ns = now;
    d->grace_ns = now + (d->by_us ? 0 : (uint64_t)GRACE_MS * 1000000u);
    domain_soon(d, 0);
}

static void come_back(struct domain *d)
{
    uint64_t gone = clock_ns(), made;
    unsigned n;
    int rc = toolstack_create(d->g->xl, d->config, d->domid);

    made = clock_ns();
    if (!rc)
        rc = publish(d);
    if (rc && replace_failed(d, "cannot be made")) {
        domain_soon(d, POLL_MS);
        return;
    }
    if (rc) {
        log_error(
            "%s cannot be brought back: %s; its guests wait. Look at xl dmesg, free memory and "
            "the devices of its configuration; xl destroy of the guests ends their waiting",
            d->name, strerror(-rc));
        forget(d);
        return;
    }
    n = devices_restore(d);
    d->is = DOMAIN_BACK;
    d->by_us = true;
    d->made_ns = clock_ns();
    outage_watch(d, gone, made);
    rc = toolstack_unpause(d->g->xl, d->domid);
    if (d->replace.under_way)
        domain_soon(d, 10 * LOOK_MS);
    log_info("%s made again as domain %u with %u devices: gone after %u ms, created in %u ms, "
             "restored in %u ms%s",
             d->name, d->domid, n, (unsigned)((gone - d->died_ns) / 1000000),
             (unsigned)((made - gone) / 1000000), (unsigned)((clock_ns() - made) / 1000000),
             rc ? "; but it cannot be unpaused" : "");
}

/* Even told not to mind, libxl refuses a number in the second in which it became free; unless it
 * has forgotten when that was. */
static uint64_t free_from(const struct domain *d)
{
    uint64_t now = clock_ns();

    return toolstack_forget_domids(d->g->xl) ? now
                                             : (now / SECOND_NS + 1) * SECOND_NS + SECOND_NS / 20;
}

/* Dead: wait until Xen has let go of the number, or see to it. */
static void while_dead(struct domain *d)
{
    enum alive is = toolstack_alive(d->g->xl, d->domid);

    if (is == NOT_THERE && !d->free_ns) {
        d->free_ns = free_from(d);
        if (devices_forget_pci(d->g->store, d->domid))
            d->free_ns += FORGET_NS;
    }
    if (is == NOT_THERE && clock_ns() >= d->free_ns) {
        come_back(d);
        return;
    }
    if ((is == CRASHED || is == ALIVE || is == PAUSED) && clock_ns() >= d->grace_ns)
        toolstack_destroy(d->g->xl, d->domid);
    domain_soon(d, POLL_MS);
}

/* ---- looking ---- */

static bool is_ready(const struct domain *d)
{
    enum drvdom_state state;
    char dir[STORE_PATH_MAX];

    (void)drvdom_dir_of(dir, sizeof(dir), d->domid);
    return drvdom_get_state(d->g->store, 0, dir, &state) == 0 && state == DRVDOM_STATE_READY;
}

/* Remembered, for the key goes with the domain. */
static void ask_administrator(struct domain *d)
{
    char dir[STORE_PATH_MAX];
    bool keep = true;

    (void)guard_dir_of(dir, sizeof(dir), d->domid);
    if (domain_has_home(d) && guard_get_keep(d->g->store, 0, dir, &keep) == 0)
        d->off = !keep;
}

/* A new image: does it serve?  False: it is given up. */
static bool while_replaced(struct domain *d)
{
    uint32_t adopted;
    char dir[STORE_PATH_MAX];

    (void)drvdom_dir_of(dir, sizeof(dir), d->domid);
    if (d->is == DOMAIN_GUARDED && drvdom_get_adopted(d->g->store, 0, dir, &adopted) == 0) {
        replace_served(d);
    } else if (replace_is_late(d)) {
        toolstack_destroy(d->g->xl, d->domid);
        domain_died(d, "does not serve in time");
        return false;
    } else {
        domain_soon(d, 10 * LOOK_MS);
    }
    return true;
}

static void while_alive(struct domain *d)
{
    if (d->is != DOMAIN_GUARDED && is_ready(d)) {
        if (!d->config)
            d->config = toolstack_config(d->g->xl, d->domid);
        if (!d->config) {
            domain_soon(d, 10 * LOOK_MS); /* xl has not finished yet */
            return;
        }
        if (d->is == DOMAIN_BACK)
            log_info("%s is ready %u ms after its death", d->name,
                     (unsigned)((clock_ns() - d->died_ns) / 1000000));
        else
            log_info("%s (domain %u) is guarded", d->name, d->domid);
        d->is = DOMAIN_GUARDED;
        d->made_ns = d->made_ns ? d->made_ns : clock_ns();
    }
    if (d->replace.under_way && !while_replaced(d))
        return;
    ask_administrator(d);
    if (d->is == DOMAIN_GUARDED &&
        !d->replace.under_way) /* what a bad image closes is not given up */
        devices_keep(d);
}

/* The beginning of xl destroy: libxl resets each device, and tells the domain of it afterwards.
 * What that has asked of a disk it would wait for in vain until libxl's patience ends, or get
 * errors and pass them on.  So it stands still from now on, and libxl gets its answers from us. */
static void begin_unplug(struct domain *d)
{
    log_info("%s: its PCI devices are taken away; it stands still from now on", d->name);
    if (toolstack_pause(d->g->xl, d->domid))
        log_warn("%s cannot be paused", d->name);
    d->unplugged_ns = clock_ns();
}

/* By xl pci-detach, then: a domain that has lost a device so comes back without it. */
static void end_unplug(struct domain *d)
{
    struct saved_config *c = toolstack_config(d->g->xl, d->domid);

    if (c) {
        toolstack_config_free(d->config);
        d->config = c;
    }
    toolstack_destroy(d->g->xl, d->domid);
    domain_died(d, "has lost a PCI device under its guests");
}

static void while_paused(struct domain *d)
{
    uint64_t now = clock_ns();

    if (d->config && devices_answer_pci(d->g->store, d->domid, false) && d->unplugged_ns)
        d->unplugged_ns = now;
    if (d->unplugged_ns && now - d->unplugged_ns > UNPLUG_NS)
        end_unplug(d);
    else if (d->unplugged_ns)
        domain_soon(d, POLL_MS);
}

static bool is_unplugged(const struct domain *d)
{
    return d->config && !d->replace.under_way && devices_any(d) &&
           devices_unplugged(d->g->store, d->domid);
}

static void look(struct domain *d)
{
    if (d->is == DOMAIN_DEAD) {
        while_dead(d);
        return;
    }
    switch (toolstack_alive(d->g->xl, d->domid)) {
    case ALIVE:
        if (is_unplugged(d)) {
            begin_unplug(d);
            while_paused(d);
        } else {
            while_alive(d);
        }
        return;
    case PAUSED: /* by us, or by who ends it */
        while_paused(d);
        return;
    case SHUT_DOWN: /* asked to: by xl shutdown, or its own */
        log_info("%s (domain %u) has shut down and is no longer guarded", d->name, d->domid);
        forget(d);
        return;
    case CRASHED:
    case DYING:
    case NOT_THERE:
        break;
    }
    if (!d->config || d->off) {
        log_info("%s (domain %u) is gone and is no longer guarded", d->name, d->domid);
        forget(d);
        return;
    }
    domain_died(d, "is dead");
}

static void on_timer(void *arg)
{
    look(arg);
}

void domain_changed(struct guard *g, uint32_t domid)
{
    struct domain *d = domain_find(g, domid);

    if (!d || d->is == DOMAIN_DEAD)
        return;
    if (is_unplugged(d))
        domain_soon(d, 0);
    else if (!d->timer.due_ns)
        domain_soon(d, LOOK_MS);
}

/* ---- new ones ---- */

static void begin(struct guard *g, uint32_t domid, const char *home)
{
    char name[DOMAIN_SIZE_NAME] = "";
    struct domain *d = NULL;
    int rc;

    for (unsigned i = 0; i < GUARD_DOMAINS && !d; i++)
        d = g->domain[i].is == DOMAIN_NONE ? &g->domain[i] : NULL;
    if (!d) {
        log_error("domain %u is not guarded: %d are already, which is the limit", domid,
                  GUARD_DOMAINS);
        return;
    }
    *d = (struct domain){.g = g, .domid = domid, .is = DOMAIN_NEW};
    d->timer = (struct loop_timer){.fn = on_timer, .arg = d};
    if (domain_get_name(g->store, 0, home, name, sizeof(name)))
        snprintf(name, sizeof(name), "?");
    snprintf(d->name, sizeof(d->name), "%.63s", name);
    rc = memory_make(g, d);
    if (!rc)
        rc = publish(d);
    if (!rc)
        rc = watch(d, true);
    if (rc) {
        log_error("%s (domain %u) is not guarded: %s; is the module xen_gntalloc loaded?", d->name,
                  domid, strerror(-rc));
        forget(d);
        return;
    }
    log_debug("%s (domain %u): driver domain seen", d->name, domid);
}

static int see(void *arg, const char *name)
{
    struct guard *g = arg;
    char dir[STORE_PATH_MAX], *end;
    unsigned long domid = strtoul(name, &end, 10);

    if (*end || domid == 0 || domid > 0x7fef || domain_find(g, (uint32_t)domid))
        return 0;
    (void)domain_libxl_dir_of(dir, sizeof(dir), (unsigned)domid);
    if (store_exists(g->store, 0, dir) != 1)
        return 0;
    (void)domain_dir(dir, sizeof(dir), (unsigned)domid);
    begin(g, (uint32_t)domid, dir);
    return 0;
}

void domains_look(struct guard *g)
{
    char dir[STORE_PATH_MAX];

    for (unsigned i = 0; i < GUARD_DOMAINS; i++) {
        if (g->domain[i].is != DOMAIN_NONE && g->domain[i].is != DOMAIN_DEAD)
            look(&g->domain[i]);
    }
    (void)domains_dir(dir, sizeof(dir));
    (void)!store_each(g->store, 0, dir, see, g);
}
