/*
 * What dom0 itself can tell: PCI devices, kernel modules, the hypervisor, /etc/xen; and running xl.
 */
#ifndef DRVDOM_TOOLS_HOST_H
#define DRVDOM_TOOLS_HOST_H

#include "dom0-tools/lint_cfg.h"
#include "dom0-tools/system.h"

#define HOST_CONFIG_DIR "/etc/xen"

/* "00:05.0" -> "0000:00:05.0".  0 or -EINVAL. */
int host_bdf(const char *text, char out[16]) must_check;

/* Runs a program found by PATH, stdin /dev/null, both outputs together into buf (cut, always
 * terminated; trailing newlines taken off).  Its exit status; -ETIMEDOUT: it was killed after
 * timeout_ns; -errno: it could not be started, or died by a signal (-EINTR).  Blocks. */
int host_run(char *const argv[], uint64_t timeout_ns, char *buf, size_t size) must_check;

/* The hypervisor as `xl info` tells it. */
struct host_xen {
    bool known; /* xl info worked */
    bool iommu; /* virt_caps has pv_directio or hvm_directio */
    unsigned long free_mb;
    char version[64];
};
void host_xen_read(struct host_xen *x);

enum lint_pci host_pci(const char *bdf, char *driver, size_t size);
/* Can the device be reset on its own (FLR and the like)? */
bool host_pci_can_reset(const char *bdf);
bool host_module_loaded(const char *name);

/* An environment for lint_cfg over what runs and /etc/xen; arg of it is *h. */
struct host {
    const struct system *sys; /* or NULL: no xenstore */
    struct host_xen xen;
};
void host_lint_env(struct host *h, struct lint_env *env);

/* Reads and parses an xl configuration.  0; -errno, with *err filled (line 0: reading failed). */
int host_read_cfg(const char *path, struct xlcfg *c, struct xlcfg_error *err) must_check;

/* HOST_CONFIG_DIR/NAME.cfg.  Returns the length, as snprintf. */
int host_cfg_path(char *buf, size_t size, const char *name);

#endif
