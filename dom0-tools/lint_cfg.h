/*
 * What is wrong in an xl configuration, as far as drvdom is concerned: a guest that gets devices
 * from driver domains, or a driver domain's own.  PURE: what must be asked of the host is asked
 * through struct lint_env.
 */
#ifndef DRVDOM_TOOLS_LINT_CFG_H
#define DRVDOM_TOOLS_LINT_CFG_H

#include "dom0-tools/xlcfg.h"

/* What is known of a domain that backend= names. */
enum lint_backend {
    LINT_BACKEND_UNKNOWN,    /* neither running nor configured */
    LINT_BACKEND_NOT_DRIVER, /* without driver_domain=1 */
    LINT_BACKEND_STOPPED,    /* configured, does not run */
    LINT_BACKEND_STARTING,   /* runs, drvdomd is not ready */
    LINT_BACKEND_READY,
};

/* What is known of a PCI device. */
enum lint_pci {
    LINT_PCI_ABSENT,
    LINT_PCI_BOUND,   /* to a driver of dom0: its name goes to `driver` */
    LINT_PCI_UNBOUND, /* to no driver */
    LINT_PCI_GIVEN,   /* pciback has it */
};

struct lint_env {
    void *arg;
    enum lint_backend (*backend)(void *arg, const char *name);
    bool (*file)(void *arg, const char *path);
    bool (*iommu)(void *arg); /* false only when it is known that there is none */
    enum lint_pci (*pci)(void *arg, const char *bdf, char *driver, size_t size);
    /* Who uses this target of that driver domain read-write, apart from `self`: a guest's name, or
     * NULL. */
    const char *(*user)(void *arg, const char *backend, const char *target, const char *self);
};

struct lint_finding {
    unsigned line;
    bool error; /* else a warning: it works, and not as meant */
    const char *text, *remedy;
};

/* Calls report for each finding; returns how many were errors. */
unsigned lint_cfg(const struct xlcfg *c, const struct lint_env *env,
                  void (*report)(void *arg, const struct lint_finding *f), void *arg);

/* Is it a driver domain's: driver_domain=1, or the ramdisk is an image of ours? */
bool lint_is_driver_domain(const struct xlcfg *c, const struct lint_env *env);

#endif
