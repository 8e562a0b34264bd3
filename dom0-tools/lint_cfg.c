/* See lint_cfg.h. */
#include "dom0-tools/lint_cfg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-schema/value.h"

struct lint {
    const struct xlcfg *c;
    const struct lint_env *env;
    void (*report)(void *arg, const struct lint_finding *f);
    void *arg;
    unsigned errors;
    unsigned line; /* of the value that is being looked at */
};

/* The text is made here; the remedy is a literal or made by the caller. */
static void say(struct lint *l, bool error, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say(struct lint *l, bool error, const char *remedy, const char *fmt, ...)
{
    char text[512];
    struct lint_finding f = {.line = l->line, .error = error, .text = text, .remedy = remedy};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->errors += error;
    l->report(l->arg, &f);
}

static void check_backend(struct lint *l, const char *name)
{
    char remedy[160];

    switch (l->env->backend(l->env->arg, name)) {
    case LINT_BACKEND_UNKNOWN:
        say(l, true, "correct backend=, or make it: drvdom create NAME",
            "backend=%s: no domain of that name runs or is configured in /etc/xen", name);
        break;
    case LINT_BACKEND_NOT_DRIVER:
        say(l, true, "add driver_domain=1 to its config and create it again, or correct backend=",
            "backend=%s: that domain is not a driver domain", name);
        break;
    case LINT_BACKEND_STOPPED:
        snprintf(remedy, sizeof(remedy), "drvdom start %.60s", name);
        say(l, false, remedy, "backend=%s: the driver domain does not run", name);
        break;
    case LINT_BACKEND_STARTING:
        snprintf(remedy, sizeof(remedy), "drvdom wait %.60s", name);
        say(l, false, remedy, "backend=%s: the driver domain is not ready", name);
        break;
    case LINT_BACKEND_READY:
        break;
    }
}

static bool listed(const char *const *list, const char *word)
{
    for (; *list; list++) {
        if (strcmp(*list, word) == 0)
            return true;
    }
    return false;
}

static void check_names(struct lint *l, const struct spec *s, const char *const *known,
                        const char *man)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (!listed(known, s->items[i].name))
            say(l, true, man, "\"%s\" is no key of this line", s->items[i].name);
    }
}

/* ---- disk = [...] ---- */

/* Paths and NBD addresses: drvdomd(8), DISKS. */
static bool is_target(const char *s)
{
    return s[0] == '/' || strncmp(s, "512n:/", 6) == 0 || strncmp(s, "nbd://", 6) == 0 ||
           strncmp(s, "nbd+unix://", 11) == 0;
}

static void check_target(struct lint *l, const char *backend, const struct spec *s)
{
    const char *target = spec_get(s, "target"), *access = spec_get(s, "access"), *user;
    const char *self = xlcfg_text(l->c, "name");
    bool readonly = access && access[0] == 'r' && strcmp(access, "rw") != 0;

    if (!target || !target[0]) {
        say(l, true, "add target=/dev/...", "the disk has no target");
        return;
    }
    if (!is_target(target)) {
        say(l, true, "write the path it has in the driver domain",
            "target=%s is not an absolute path", target);
        return;
    }
    user = l->env->user(l->env->arg, backend, target, self ? self : "");
    if (user && !readonly)
        say(l, true, "detach it there, or give both access=ro",
            "target=%s of %s is in use by %s already", target, backend, user);
}

static void check_disk(struct lint *l, const char *line)
{
    static const char *const positions[] = {"target", "format", "vdev", "access", NULL};
    static const char
        *const known[] = {"target",          "format",     "vdev",      "access",        "backend",
                          "backendtype",     "script",     "removable", "devtype",       "cdrom",
                          "direct-io-safe", /* xspath: a word of xl's */
                          "discard",         "no-discard", "trusted",   "specification", "colo",
                          "!direct-io-safe", NULL};
    const char *backend, *format, *type, *boot = xlcfg_text(l->c, "bootloader");
    struct spec s;

    if (spec_parse(&s, line, positions)) {
        say(l, true, "see xl-disk-configuration(5)", "the disk line is too long");
        return;
    }
    backend = spec_get(&s, "backend");
    if (!backend)
        return; /* dom0's own */
    check_backend(l, backend);
    check_names(l, &s, known, "see xl-disk-configuration(5)");
    check_target(l, backend, &s);
    format = spec_get(&s, "format");
    if (format && strcmp(format, "raw") != 0)
        say(l, true, "use format=raw", "format=%s: a driver domain serves raw disks", format);
    if (!spec_get(&s, "vdev"))
        say(l, true, "add vdev=xvda", "the disk has no vdev");
    type = spec_get(&s, "backendtype");
    if (type && strcmp(type, "phy") != 0)
        say(l, true, "leave it out", "backendtype=%s is not served by drvdom", type);
    if (spec_get(&s, "script"))
        say(l, false, "leave it out", "script= is not run: drvdomd opens the disk itself");
    if (boot && boot[0])
        say(l, true, "boot the guest with kernel=, pvgrub or OVMF",
            "bootloader=%s runs in dom0 and cannot read a driver domain's disk", boot);
}

/* ---- vif = [...] ---- */

static void check_vif(struct lint *l, const char *line)
{
    static const char *const known[] = {
        "mac",  "bridge", "gatewaydev", "type", "model",   "vifname", "script", "ip", "backend",
        "rate", "devid",  "vlan",       "mtu",  "trusted", "netdev",  "accel",  NULL};
    const char *backend, *mac, *bridge, *type;
    uint8_t parsed[VALUE_MAC_LEN];
    struct spec s;

    if (spec_parse(&s, line, NULL)) {
        say(l, true, "see xl-network-configuration(5)", "the vif line is too long");
        return;
    }
    backend = spec_get(&s, "backend");
    if (!backend)
        return;
    check_backend(l, backend);
    check_names(l, &s, known, "see xl-network-configuration(5)");
    mac = spec_get(&s, "mac");
    if (mac && value_mac(mac, strlen(mac), parsed))
        say(l, true, "write 00:16:3e:xx:xx:xx", "mac=%s is no hardware address", mac);
    else if (mac && (parsed[0] & 1))
        say(l, true, "write 00:16:3e:xx:xx:xx", "mac=%s is a multicast address", mac);
    bridge = spec_get(&s, "bridge");
    if (bridge && strlen(bridge) > 15)
        say(l, true, "interface names have at most 15 bytes", "bridge=%s is too long", bridge);
    type = spec_get(&s, "type");
    if (type && strcmp(type, "ioemu") == 0)
        say(l, false, "use type=vif", "type=ioemu: the emulated NIC stays without a network");
    if (spec_get(&s, "script"))
        say(l, false, "leave it out", "script= is not run: drvdomd attaches the vif itself");
}

/* Two vifs or disks of one guest must not be the same. */
static void check_twice(struct lint *l, const struct xlcfg_key *k, const char *name)
{
    for (unsigned i = 1; i < k->count; i++) {
        struct spec a, b;
        const char *va, *vb;

        if (spec_parse(&a, k->values[i], NULL))
            continue;
        va = spec_get(&a, name);
        for (unsigned j = 0; va && j < i; j++) {
            if (spec_parse(&b, k->values[j], NULL))
                continue;
            vb = spec_get(&b, name);
            l->line = k->lines[i];
            if (vb && strcmp(va, vb) == 0)
                say(l, true, "give each its own", "%s=%s stands twice", name, va);
        }
    }
}

/* ---- a driver domain's own ---- */

bool lint_is_driver_domain(const struct xlcfg *c, const struct lint_env *env)
{
    const char *flag = xlcfg_text(c, "driver_domain"), *ramdisk = xlcfg_text(c, "ramdisk");
    char manifest[512];
    const char *slash;

    if (flag && strcmp(flag, "1") == 0)
        return true;
    slash = ramdisk ? strrchr(ramdisk, '/') : NULL;
    if (!slash || (size_t)snprintf(manifest, sizeof(manifest), "%.*s/manifest.json",
                                   (int)(slash - ramdisk), ramdisk) >= sizeof(manifest))
        return false;
    return env->file(env->arg, manifest);
}

static void check_pci(struct lint *l, const char *line)
{
    char bdf[32], driver[64] = "", remedy[128];

    snprintf(bdf, sizeof(bdf), "%.*s", (int)MIN(strcspn(line, ","), sizeof(bdf) - 1), line);
    snprintf(remedy, sizeof(remedy), "xl pci-assignable-add %s", bdf);
    switch (l->env->pci(l->env->arg, bdf, driver, sizeof(driver))) {
    case LINT_PCI_ABSENT:
        say(l, true, "see lspci -D", "pci %s: no such device on this host", bdf);
        break;
    case LINT_PCI_BOUND:
        say(l, true, remedy, "pci %s is bound to dom0's driver %s", bdf, driver);
        break;
    case LINT_PCI_UNBOUND:
        say(l, true, remedy, "pci %s is not assignable so far", bdf);
        break;
    case LINT_PCI_GIVEN:
        break;
    }
}

static void check_file(struct lint *l, const char *name)
{
    const struct xlcfg_key *k = xlcfg_find(l->c, name);

    l->line = k ? k->line : 1;
    if (!k || k->is_list || !k->count)
        say(l, true, "drvdom image build makes both", "%s= is missing", name);
    else if (!l->env->file(l->env->arg, k->values[0]))
        say(l, true, "drvdom image build", "%s=%s: there is no such file", name, k->values[0]);
}

static void check_driver_domain(struct lint *l)
{
    const struct xlcfg_key *pci = xlcfg_find(l->c, "pci"), *k;
    const char *flag = xlcfg_text(l->c, "driver_domain"), *type = xlcfg_text(l->c, "type");
    const char *memory = xlcfg_text(l->c, "memory");

    l->line = 1;
    if (!flag || strcmp(flag, "1") != 0)
        say(l, true, "add driver_domain=1",
            "driver_domain=1 is missing: drvdomd may not write its keys");
    check_file(l, "kernel");
    check_file(l, "ramdisk");
    k = xlcfg_find(l->c, "type");
    l->line = k ? k->line : 1;
    if (pci && pci->count && type && strcmp(type, "pvh") == 0)
        say(l, true, "use type=\"pv\"", "type=pvh: no PCI passthrough to PVH domains");
    k = xlcfg_find(l->c, "memory");
    l->line = k ? k->line : 1;
    if (!memory || strtoul(memory, NULL, 10) < 80)
        say(l, false, "memory=96", "less than 80 MB is too little to start");
    if (pci && pci->count && !l->env->iommu(l->env->arg)) {
        l->line = pci->line;
        say(l, true, "switch on VT-d or AMD-Vi in the firmware, and iommu=1 for Xen",
            "Xen has no IOMMU: passthrough is refused");
    }
    for (unsigned i = 0; pci && i < pci->count; i++) {
        l->line = pci->lines[i];
        check_pci(l, pci->values[i]);
    }
}

/* ---- all of it ---- */

unsigned lint_cfg(const struct xlcfg *c, const struct lint_env *env,
                  void (*report)(void *arg, const struct lint_finding *f), void *arg)
{
    struct lint l = {.c = c, .env = env, .report = report, .arg = arg, .line = 1};
    const struct xlcfg_key *disk = xlcfg_find(c, "disk"), *vif = xlcfg_find(c, "vif");

    if (!xlcfg_text(c, "name"))
        say(&l, true, "add name=\"...\"", "name= is missing");
    if (lint_is_driver_domain(c, env))
        check_driver_domain(&l);
    for (unsigned i = 0; disk && i < disk->count; i++) {
        l.line = disk->lines[i];
        check_disk(&l, disk->values[i]);
    }
    for (unsigned i = 0; vif && i < vif->count; i++) {
        l.line = vif->lines[i];
        check_vif(&l, vif->values[i]);
    }
    if (disk)
        check_twice(&l, disk, "vdev");
    if (vif)
        check_twice(&l, vif, "mac");
    return l.errors;
}
