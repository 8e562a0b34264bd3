/*
 * Another kernel and image for a driver domain, under its guests: what brings a dead domain back
 * does the same with one that is ended on purpose.  A new image that cannot be made, dies, or does
 * not serve in time is given up, and the old one comes back in the same way.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/guard/guard.h"
#include "transport/base/log.h"

enum { BEGIN_MS = 50 };
static const uint64_t SERVES_NS = UINT64_C(60000000000);

static int refuse(struct domain *d, int rc, const char *why)
{
    snprintf(d->replace.text, sizeof(d->replace.text), "failed: %s", why);
    return rc;
}

/* The new configuration, or NULL with the reason told. */
static struct saved_config *prepare(struct domain *d, const char *dir)
{
    char kernel[GUARD_PATH_MAX + 16], ramdisk[GUARD_PATH_MAX + 16];
    struct saved_config *c = NULL;

    snprintf(kernel, sizeof(kernel), "%s/vmlinux", dir);
    snprintf(ramdisk, sizeof(ramdisk), "%s/initramfs.gz", dir);
    if (access(kernel, R_OK) || access(ramdisk, R_OK))
        (void)refuse(d, 0, "no vmlinux and initramfs.gz there");
    else if (!(c = toolstack_with_image(d->g->xl, d->config, kernel, ramdisk)))
        (void)refuse(d, 0, "no memory");
    return c;
}

int replace_begin(struct domain *d, const char *dir)
{
    struct saved_config *c;

    if (d->replace.under_way)
        return -EBUSY; /* its text says so */
    if (d->is != DOMAIN_GUARDED || !d->config)
        return refuse(d, -EAGAIN, "the domain does not serve at present");
    c = prepare(d, dir);
    if (!c)
        return -ENOENT;
    devices_keep(d);
    d->deaths = 0;
    snprintf(d->replace.text, sizeof(d->replace.text), "under way");
    /* Paused first: what it is asked for while its devices are taken away must not fail. */
    if (toolstack_pause(d->g->xl, d->domid))
        log_warn("%s cannot be paused", d->name);
    d->by_us = true; /* nobody else will end it */
    domain_died(d, "is ended, to be replaced");
    d->replace.under_way = true;
    d->replace.why[0] = '\0';
    d->replace.old = d->config;
    d->config = c;
    d->replace.end_ns = clock_ns() + SERVES_NS;
    domain_soon(d, BEGIN_MS); /* who asked gets its answer first */
    return 0;
}

void replace_served(struct domain *d)
{
    struct replacement *r = &d->replace;
    uint64_t ms = (clock_ns() - d->died_ns) / 1000000;

    if (r->why[0])
        snprintf(r->text, sizeof(r->text), "failed: the new image %s; the old one is back", r->why);
    else
        snprintf(r->text, sizeof(r->text), "done: it serves %llu ms after its end",
                 (unsigned long long)ms);
    log_info("%s: replacement %s", d->name, r->text);
    toolstack_config_free(r->old);
    r->old = NULL;
    r->under_way = false;
}

bool replace_failed(struct domain *d, const char *why)
{
    struct replacement *r = &d->replace;

    if (!r->old)
        return false;
    log_error("%s: the new image %s: the old one comes back", d->name, why);
    snprintf(r->why, sizeof(r->why), "%s", why);
    snprintf(r->text, sizeof(r->text), "under way: going back");
    toolstack_config_free(d->config);
    d->config = r->old;
    r->old = NULL;
    d->deaths = 0;
    return true;
}

bool replace_is_late(const struct domain *d)
{
    return d->replace.old && clock_ns() >= d->replace.end_ns;
}
