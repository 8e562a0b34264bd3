/* See xl.h. */
#include "dom0-tools/xl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/wait.h"
#include "transport/base/log.h"

enum { XL_ARGS = 24 };

/* libxl prefixes each line with "libxl: error: libxl_device.c:1110:device_backend_callback:"; the
 * last line is the most special one for people. */
static const char *last_line(const char *text)
{
    const char *nl = strrchr(text, '\n');

    return nl ? nl + 1 : text;
}

int xl_run(const char *const args[], uint64_t timeout_ns)
{
    char text[4096];
    char *argv[XL_ARGS + 2] = {(char *)"xl"};
    unsigned n = 0;
    int rc;

    while (args[n] && n < XL_ARGS) {
        argv[n + 1] = (char *)(uintptr_t)args[n];
        n++;
    }
    rc = host_run(argv, timeout_ns, text, sizeof(text));
    if (rc == 0)
        return 0;
    if (rc > 0)
        log_error("xl %s failed: %s", args[0], last_line(text));
    else if (rc == -ENOENT)
        log_error("there is no xl in PATH: install Xen's tools (Debian: xen-utils)");
    else
        log_error("xl %s: %s", args[0], strerror(-rc));
    return rc > 0 ? -EIO : rc;
}

int xl_give_devices(const struct xlcfg *c)
{
    const struct xlcfg_key *pci = xlcfg_find(c, "pci");

    for (unsigned i = 0; pci && i < pci->count; i++) {
        char bdf[32], driver[64];
        const char *args[] = {"pci-assignable-add", bdf, NULL};
        int rc;

        snprintf(bdf, sizeof(bdf), "%.*s", (int)MIN(strcspn(pci->values[i], ","), (size_t)31),
                 pci->values[i]);
        if (host_pci(bdf, driver, sizeof(driver)) == LINT_PCI_GIVEN)
            continue;
        rc = xl_run(args, (uint64_t)XL_TIMEOUT_S * 1000000000u);
        if (rc)
            return rc;
    }
    return 0;
}

static int start_cfg(const char *path)
{
    const char *args[] = {"create", path, NULL};
    struct xlcfg *c = malloc(sizeof(*c));
    struct xlcfg_error err;
    int rc;

    if (!c)
        return -ENOMEM;
    rc = host_read_cfg(path, c, &err);
    if (rc)
        log_error("%s:%u: %s", path, err.line, err.text);
    else
        rc = xl_give_devices(c);
    free(c);
    return rc ? rc : xl_run(args, (uint64_t)XL_TIMEOUT_S * 1000000000u);
}

int xl_start(const char *name, uint64_t end_ns)
{
    char path[512];
    struct store *store;
    unsigned id;
    int rc;

    if (host_cfg_path(path, sizeof(path), name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    rc = start_cfg(path);
    if (rc)
        return rc;
    rc = store_open(&store);
    if (rc) {
        log_error("no xenstore: %s", strerror(-rc));
        return rc;
    }
    rc = wait_ready(store, name, end_ns, &id);
    store_close(store);
    return rc;
}

int xl_stop(const char *name, uint64_t timeout_ns, bool force)
{
    const char *shutdown[] = {"shutdown", "-w", name, NULL};
    const char *destroy[] = {"destroy", name, NULL};
    int rc = xl_run(shutdown, timeout_ns);

    if (rc && force)
        rc = xl_run(destroy, timeout_ns);
    return rc;
}
