/* See host.h. */
#include "dom0-tools/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-domain/image/bytes.h"
#include "transport/base/log.h"

int host_bdf(const char *text, char out[16])
{
    unsigned dom = 0, bus, slot, fn;
    char tail;

    if (sscanf(text, "%4x:%2x:%2x.%1x%c", &dom, &bus, &slot, &fn, &tail) != 4) {
        dom = 0;
        if (sscanf(text, "%2x:%2x.%1x%c", &bus, &slot, &fn, &tail) != 3)
            return -EINVAL;
    }
    if (slot > 31 || fn > 7)
        return -EINVAL;
    snprintf(out, 16, "%04x:%02x:%02x.%x", dom & 0xffffu, bus & 0xffu, slot, fn);
    return 0;
}

/* ---- the hypervisor ---- */

/* The value of "name : value" in xl info's lines, or NULL; the line's end is cut in place. */
static const char *info_value(char *text, const char *name)
{
    size_t len = strlen(name);

    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && (line[len] == ' ' || line[len] == ':')) {
            char *colon = strchr(line, ':');

            return colon ? colon + 1 + strspn(colon + 1, " ") : NULL;
        }
    }
    return NULL;
}

void host_xen_read(struct host_xen *x)
{
    static char text[8192];
    char *const argv[] = {(char *)"xl", (char *)"info", NULL};
    const char *v;

    *x = (struct host_xen){0};
    if (host_run(argv, UINT64_C(10000000000), text, sizeof(text)))
        return;
    x->known = true;
    v = info_value(text, "virt_caps");
    if (v) {
        size_t len = strcspn(v, "\n");
        const char *at = strstr(v, "_directio");

        x->iommu = at && (size_t)(at - v) < len;
    }
    v = info_value(text, "free_memory");
    if (v)
        x->free_mb = strtoul(v, NULL, 10);
    v = info_value(text, "xen_version");
    if (v)
        snprintf(x->version, sizeof(x->version), "%.*s", (int)MIN(strcspn(v, "\n"), (size_t)60), v);
}

/* ---- PCI ---- */

static void pci_path(char *buf, size_t size, const char *bdf, const char *node)
{
    snprintf(buf, size, "/sys/bus/pci/devices/%s%s%s", bdf, node[0] ? "/" : "", node);
}

enum lint_pci host_pci(const char *text, char *driver, size_t size)
{
    char bdf[16], path[128], link[256];
    const char *name;
    ssize_t n;

    if (host_bdf(text, bdf))
        return LINT_PCI_ABSENT;
    pci_path(path, sizeof(path), bdf, "");
    if (access(path, F_OK))
        return LINT_PCI_ABSENT;
    pci_path(path, sizeof(path), bdf, "driver");
    n = readlink(path, link, sizeof(link) - 1);
    if (n <= 0)
        return LINT_PCI_UNBOUND;
    link[n] = '\0';
    name = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
    if (strcmp(name, "pciback") == 0)
        return LINT_PCI_GIVEN;
    snprintf(driver, size, "%s", name);
    return LINT_PCI_BOUND;
}

bool host_pci_can_reset(const char *text)
{
    char bdf[16], path[128];

    if (host_bdf(text, bdf))
        return false;
    pci_path(path, sizeof(path), bdf, "reset");
    return access(path, F_OK) == 0;
}

bool host_module_loaded(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "/sys/module/%s", name);
    for (char *p = path + strlen("/sys/module/"); *p; p++)
        *p = *p == '-' ? '_' : *p;
    return access(path, F_OK) == 0;
}

/* ---- configurations ---- */

int host_cfg_path(char *buf, size_t size, const char *name)
{
    return snprintf(buf, size, HOST_CONFIG_DIR "/%s.cfg", name);
}

int host_read_cfg(const char *path, struct xlcfg *c, struct xlcfg_error *err)
{
    struct bytes b = {0};
    int rc = file_read(path, &b);

    err->line = 0;
    if (rc)
        snprintf(err->text, sizeof(err->text), "cannot be read: %s", strerror(-rc));
    else
        rc = xlcfg_parse(c, b.len ? (const char *)b.data : "", b.len, err);
    bytes_fini(&b);
    return rc;
}

/* ---- the environment of lint_cfg ---- */

static bool env_file(void *arg, const char *path)
{
    (void)arg;
    return access(path, R_OK) == 0;
}

/* A file name made of a guest's config: no way out of /etc/xen. */
static bool plain_name(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/');
}

static enum lint_backend configured(const char *name)
{
    enum lint_backend found = LINT_BACKEND_NOT_DRIVER;
    struct xlcfg_error err;
    struct xlcfg *c;
    const char *flag;
    char path[512];

    if (!plain_name(name) || host_cfg_path(path, sizeof(path), name) >= (int)sizeof(path) ||
        access(path, R_OK))
        return LINT_BACKEND_UNKNOWN;
    c = malloc(sizeof(*c));
    if (!c)
        return LINT_BACKEND_UNKNOWN;
    if (host_read_cfg(path, c, &err) == 0) {
        flag = xlcfg_text(c, "driver_domain");
        if (flag && strcmp(flag, "1") == 0)
            found = LINT_BACKEND_STOPPED;
    }
    free(c);
    return found;
}

static enum lint_backend env_backend(void *arg, const char *name)
{
    const struct host *h = arg;
    const struct domain_info *d = h->sys ? system_domain(h->sys, name) : NULL;

    if (!d)
        return configured(name);
    if (d->id != 0 && !d->driver_domain)
        return LINT_BACKEND_NOT_DRIVER;
    if (d->id != 0 && !(d->has_drvdomd && d->state == DRVDOM_STATE_READY))
        return LINT_BACKEND_STARTING;
    return LINT_BACKEND_READY;
}

static bool env_iommu(void *arg)
{
    const struct host *h = arg;

    return h->xen.iommu || !h->xen.known;
}

static enum lint_pci env_pci(void *arg, const char *bdf, char *driver, size_t size)
{
    (void)arg;
    return host_pci(bdf, driver, size);
}

static const char *env_user(void *arg, const char *backend, const char *target, const char *self)
{
    const struct host *h = arg;
    const struct domain_info *back = h->sys ? system_domain(h->sys, backend) : NULL;

    for (size_t i = 0; back && i < h->sys->ndevices; i++) {
        const struct device_info *d = &h->sys->devices[i];
        const struct domain_info *guest = system_domain_id(h->sys, d->guest);

        if (d->back == back->id && strcmp(d->kind, "vbd") == 0 && guest &&
            strcmp(d->target, target) == 0 && strcmp(guest->name, self) != 0)
            return guest->name;
    }
    return NULL;
}

void host_lint_env(struct host *h, struct lint_env *env)
{
    *env = (struct lint_env){.arg = h,
                             .backend = env_backend,
                             .file = env_file,
                             .iommu = env_iommu,
                             .pci = env_pci,
                             .user = env_user};
}
