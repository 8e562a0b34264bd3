/* See xl.h. */
#include "dom0-tools/xl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/wait.h"
#include "transport/base/log.h"

enum { XL_ARGS = 24 };

/* libxl tells the cause first and then what could not be done because of it.  Cuts text after that
 * line. */
static const char *first_error(char *text)
{
    char *at = strstr(text, "error:");

    if (!at)
        at = text;
    while (at > text && at[-1] != '\n')
        at--;
    at[strcspn(at, "\n")] = '\0';
    return at;
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
        log_error("xl %s failed: %s", args[0], first_error(text));
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

/* xl shutdown -w returns when the domain has stopped; who starts it again at once finds its name
 * and devices still taken. */
static int wait_gone(unsigned id, uint64_t end_ns)
{
    char number[16], text[512];
    char *const argv[] = {(char *)"xl", (char *)"list", number, NULL};

    snprintf(number, sizeof(number), "%u", id);
    while (host_run(argv, UINT64_C(10000000000), text, sizeof(text)) == 0) {
        if (clock_ns() >= end_ns)
            return -ETIMEDOUT;
        poll(NULL, 0, 50);
    }
    return 0;
}

/* Takes the PCI devices out while the domain can still let them go.  libxl would do it when the
 * domain has ended, and then waits 10 s for each until the dead kernel answers.  What does not work
 * is libxl's again. */
static void take_devices(const char *name, uint64_t end_ns)
{
    char text[2048], bdf[32];
    char *const argv[] = {(char *)"xl", (char *)"pci-list", (char *)(uintptr_t)name, NULL};
    const char *args[] = {"pci-detach", name, bdf, NULL}, *line = text;

    if (host_run(argv, UINT64_C(10000000000), text, sizeof(text)))
        return;
    /* A line of titles, then "00.0 0000:03:00.0" each */
    while ((line = strchr(line, '\n'))) {
        uint64_t now = clock_ns();

        line++;
        if (sscanf(line, "%*s %31s", bdf) == 1 && now < end_ns && xl_run(args, end_ns - now))
            log_warn("%s keeps %s until it has ended", name, bdf);
    }
}

int xl_stop(const char *name, unsigned id, uint64_t timeout_ns, bool force)
{
    const char *shutdown[] = {"shutdown", "-w", name, NULL};
    const char *destroy[] = {"destroy", name, NULL};
    uint64_t end_ns = clock_ns() + timeout_ns;
    int rc;

    take_devices(name, clock_ns() + timeout_ns / 2);
    rc = xl_run(shutdown, timeout_ns);
    if (!rc)
        rc = wait_gone(id, end_ns);
    if (rc && force)
        rc = xl_run(destroy, (uint64_t)XL_TIMEOUT_S * 1000000000u);
    else if (rc == -ETIMEDOUT)
        log_error("%s has not ended in time; remedy: --force", name);
    return rc;
}
