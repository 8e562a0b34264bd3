/*
 * What libxentoolcore exports to its sister libraries and no installed header declares: the list of
 * handles that xentoolcore_restrict_all() walks.  Debian's own libxentoolcore is used, not a fake
 * one.
 */
#ifndef DRVDOM_FAKEXEN_TOOLCORE_H
#define DRVDOM_FAKEXEN_TOOLCORE_H

#include <stdint.h>
#include <xentoolcore.h>

struct fx_active;
typedef int fx_restrict_fn(struct fx_active *ah, domid_t domid);

struct fx_active {
    fx_restrict_fn *restrict_callback;
    struct {
        struct fx_active *next, **prev;
    } entry;
};

void xentoolcore__register_active_handle(struct fx_active *ah);
void xentoolcore__deregister_active_handle(struct fx_active *ah);

#endif
