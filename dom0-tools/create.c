/*
 * drvdom create: from a PCI address to a driver domain that serves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "dom0-tools/xl.h"
#include "driver-domain/image/build.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom create NAME --nic BDF --disk BDF... [OPTION...]\n"
    "       drvdom create NAME --image DIR [OPTION...]\n"
    "\n"
    "Checks the host, builds the image in /var/lib/drvdom/NAME (or takes one that\n"
    "drvdom image build made), writes " HOST_CONFIG_DIR "/NAME.cfg, takes the devices away from\n"
    "dom0, starts the domain and returns when it is ready.\n"
    "\n"
    "  --nic BDF, --disk BDF   PCI devices to pass through, each several times; with --image too\n"
    "  --image DIR             do not build\n"
    "  --config FILE           drvdom.conf of the image (default: a bridge xenbr0 with all NICs,\n"
    "                          and wait for NVMe disks)\n"
    "  --memory MB             default 96\n"
    "  --vcpus N               default 1\n"
    "  --no-start              write everything, start nothing\n"
    "  --timeout SECONDS       default 60\n"
    "\n"
    "Exit status: 0 ready, 1 failed (what had been made so far stays), 2 wrong usage, 3 not ready\n"
    "in time.\n";

#define IMAGE_ROOT "/var/lib/drvdom"

/* WEIGHT: of the processor, when guests want all of it, four times their share (xl's default is
 * 256): what a driver domain does is done for them, and they wait for it. */
enum { DEVICES = 8, WEIGHT = 1024 };

enum own { OWN_NIC, OWN_DISK, OWN_IMAGE, OWN_CONFIG, OWN_MEMORY, OWN_VCPUS, OWN_NO_START, OWNS };

struct create {
    const char *name;
    const char *nics[DEVICES], *disks[DEVICES];
    unsigned nnics, ndisks;
    const char *image_dir; /* given, or NULL */
    const char *config;    /* given, or NULL */
    unsigned long memory_mb, vcpus;
    bool start;
    char dir[256];      /* of the image */
    char cfg_path[256]; /* of xl's configuration */
};

/* ---- preflight: everything that can be known before something is changed ---- */

/* Letters, digits, - _ . : it becomes a file name and stands in quotes in a configuration. */
static bool good_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    return len > 0 && len < 64 && !name[len] && name[0] != '.' && name[0] != '-';
}

static int check_device(const char *bdf)
{
    char driver[64] = "";

    if (host_pci(bdf, driver, sizeof(driver)) == LINT_PCI_ABSENT) {
        log_error("%s: no such PCI device; remedy: see lspci -D", bdf);
        return -ENODEV;
    }
    if (!host_pci_can_reset(bdf))
        log_warn(
            "%s cannot be reset on its own (no FLR): after a crash of the driver domain it may "
            "need a reboot of the host",
            bdf);
    return 0;
}

static int check_devices(const struct create *c, const struct host_xen *xen)
{
    int rc = 0;

    if (c->nnics + c->ndisks == 0)
        return 0;
    if (xen->known && !xen->iommu) {
        log_error("Xen has no IOMMU, passthrough is refused; remedy: switch on VT-d or AMD-Vi in "
                  "the firmware, and iommu=1 for Xen");
        return -ENOTSUP;
    }
    if (!host_module_loaded("xen-pciback")) {
        log_error("xen-pciback is not loaded; remedy: modprobe xen-pciback");
        return -ENOTSUP;
    }
    for (unsigned i = 0; i < c->nnics && !rc; i++)
        rc = check_device(c->nics[i]);
    for (unsigned i = 0; i < c->ndisks && !rc; i++)
        rc = check_device(c->disks[i]);
    return rc;
}

static int preflight(const struct create *c)
{
    struct host_xen xen;
    int rc;

    if (access(c->cfg_path, F_OK) == 0) {
        log_error("%s exists; remedy: drvdom start %s, or remove it", c->cfg_path, c->name);
        return -EEXIST;
    }
    host_xen_read(&xen);
    if (c->start && !xen.known) {
        log_error("xl info does not work; remedy: run this as root in dom0 of a running Xen");
        return -ENOTSUP;
    }
    rc = check_devices(c, &xen);
    if (rc)
        return rc;
    /* dom0 may give memory back (autoballoon), so this alone is no reason to stop. */
    if (xen.known && xen.free_mb < c->memory_mb + 8)
        log_warn("Xen has %lu MB free, %s wants %lu: dom0 must give memory back", xen.free_mb,
                 c->name, c->memory_mb);
    return 0;
}

/* ---- the image ---- */

/* Reads the device's class from sysfs: 0x010802 is NVMe. */
static bool is_nvme(const char *text)
{
    char bdf[16], path[128], line[16] = "";
    FILE *f;

    if (host_bdf(text, bdf))
        return false;
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", bdf);
    f = fopen(path, "re");
    if (!f)
        return false;
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    fclose(f);
    return strncmp(line, "0x0108", 6) == 0;
}

/* Bridges and waits for the devices that were named. */
static void default_config(const struct create *c, struct bytes *out)
{
    unsigned nvme = 0;

    bytes_printf(out, "# written by drvdom create\n");
    if (c->nnics) {
        bytes_printf(out, "bridge xenbr0");
        for (unsigned i = 0; i < c->nnics; i++)
            bytes_printf(out, " eth%u", i);
        bytes_printf(out, "\n");
    }
    for (unsigned i = 0; i < c->ndisks; i++) {
        if (is_nvme(c->disks[i]))
            bytes_printf(out, "wait /dev/nvme%un1 10\n", nvme++);
    }
}

static int make_dir(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0;
    log_error("%s: %s", path, strerror(errno));
    return -errno;
}

static int write_config(const struct create *c, char *path, size_t size)
{
    struct bytes text = {0};
    int rc;

    default_config(c, &text);
    rc = bytes_check(&text);
    if (!rc)
        rc = file_write(c->dir, "drvdom.conf", text.data, text.len);
    if (rc)
        log_error("%s/drvdom.conf: %s", c->dir, strerror(-rc));
    bytes_fini(&text);
    snprintf(path, size, "%s/drvdom.conf", c->dir);
    return rc;
}

static int add_devices(struct image_recipe *r, const char *const *list, unsigned n,
                       enum pci_use use)
{
    for (unsigned i = 0; i < n; i++) {
        if (pci_parse(&r->devices[r->device_count], use, list[i])) {
            log_error("%s: write a PCI address such as 00:05.0", list[i]);
            return -EINVAL;
        }
        r->device_count++;
    }
    return 0;
}

static int build_image(struct create *c)
{
    static struct image_recipe recipe = {.level = 6};
    const char *config = c->config;
    char fresh[300];
    int rc = make_dir(IMAGE_ROOT);

    if (!rc)
        rc = make_dir(c->dir);
    if (!rc && !config) {
        rc = write_config(c, fresh, sizeof(fresh));
        config = fresh;
    }
    if (!rc)
        rc = add_devices(&recipe, c->nics, c->nnics, PCI_NIC);
    if (!rc)
        rc = add_devices(&recipe, c->disks, c->ndisks, PCI_DISK);
    if (rc)
        return rc;
    recipe.config = config;
    recipe.out_dir = c->dir;
    rc = image_build(&recipe);
    recipe.config = NULL; /* `fresh` ends here */
    return rc;
}

static int check_image(const struct create *c)
{
    static const char *const names[] = {"vmlinux", "initramfs.gz"};
    char path[512];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", c->dir, names[i]);
        if (access(path, R_OK)) {
            log_error("%s: %s; remedy: drvdom image build -o %s", path, strerror(errno), c->dir);
            return -ENOENT;
        }
    }
    return 0;
}

/* ---- the configuration ---- */

static void xl_cfg(const struct create *c, struct bytes *out)
{
    bytes_printf(out, "# A driver domain; written by drvdom create, yours to change.\n");
    bytes_printf(out, "name = \"%s\"\ntype = \"pv\"\n", c->name);
    bytes_printf(out, "kernel = \"%s/vmlinux\"\nramdisk = \"%s/initramfs.gz\"\n", c->dir, c->dir);
    bytes_printf(out, "extra = \"console=hvc0 quiet nokaslr audit=0 lsm= "
                      "cryptomgr.notests=1 8250.nr_uarts=0\"\n");
    bytes_printf(out, "memory = %lu\nvcpus = %lu\ncpu_weight = %d\ndriver_domain = 1\n",
                 c->memory_mb, c->vcpus, WEIGHT);
    bytes_printf(out, "on_crash = \"destroy\"\n");
    if (c->nnics + c->ndisks == 0)
        return;
    bytes_printf(out, "pci = [");
    for (unsigned i = 0; i < c->nnics; i++)
        bytes_printf(out, "%s\"%s\"", i ? ", " : "", c->nics[i]);
    for (unsigned i = 0; i < c->ndisks; i++)
        bytes_printf(out, "%s\"%s\"", i + c->nnics ? ", " : "", c->disks[i]);
    bytes_printf(out, "]\n");
}

static int write_cfg(const struct create *c)
{
    struct bytes text = {0};
    char name[128];
    int rc = make_dir(HOST_CONFIG_DIR);

    xl_cfg(c, &text);
    if (!rc)
        rc = bytes_check(&text);
    snprintf(name, sizeof(name), "%s.cfg", c->name);
    if (!rc)
        rc = file_write(HOST_CONFIG_DIR, name, text.data, text.len);
    if (rc)
        log_error("%s: %s", c->cfg_path, strerror(-rc));
    bytes_fini(&text);
    return rc;
}

static int create(struct create *c, uint64_t timeout_ns)
{
    int rc = preflight(c);

    if (!rc)
        rc = c->image_dir ? check_image(c) : build_image(c);
    if (!rc)
        rc = write_cfg(c);
    if (rc || !c->start)
        return rc;
    /* The time is the domain's, not the image builder's. */
    rc = xl_start(c->name, clock_ns() + timeout_ns);
    if (!rc)
        printf("%s is ready: use backend=%s in disk= and vif= of guests\n", c->name, c->name);
    return rc;
}

/* ---- the command line ---- */

static int number_of(const struct option_own *own, unsigned long low, unsigned long *v)
{
    char *end;

    if (!own->count)
        return 0;
    *v = strtoul(own->values[0], &end, 10);
    if (*end || *v < low || *v > 1048576) {
        log_error("--%s %s: give a number of at least %lu", own->name, own->values[0], low);
        return -EINVAL;
    }
    return 0;
}

static int fill(struct create *c, const struct options *o, struct option_own *own)
{
    if (o->nargs != 1 || !good_name(o->args[0])) {
        log_error("create: give one name of letters, digits, - _ and .: see --help");
        return -EINVAL;
    }
    c->name = o->args[0];
    c->nnics = own[OWN_NIC].count;
    c->ndisks = own[OWN_DISK].count;
    c->start = !own[OWN_NO_START].count;
    if (!c->image_dir && c->nnics + c->ndisks == 0) {
        log_error("create: name a device with --nic or --disk, or an --image: see --help");
        return -EINVAL;
    }
    if (c->image_dir && c->image_dir[0] != '/') {
        log_error("--image %s: give an absolute path: xl reads it later", c->image_dir);
        return -EINVAL;
    }
    if (c->image_dir)
        snprintf(c->dir, sizeof(c->dir), "%s", c->image_dir);
    else
        snprintf(c->dir, sizeof(c->dir), "%s/%s", IMAGE_ROOT, c->name);
    (void)host_cfg_path(c->cfg_path, sizeof(c->cfg_path), c->name);
    c->memory_mb = 96;
    c->vcpus = 1;
    if (number_of(&own[OWN_MEMORY], 32, &c->memory_mb))
        return -EINVAL;
    return number_of(&own[OWN_VCPUS], 1, &c->vcpus);
}

int verb_create(int argc, char **argv)
{
    static struct create c;
    const char *memory, *vcpus;
    struct option_own own[OWNS] = {
        [OWN_NIC] = {"nic", true, c.nics, DEVICES, 0},
        [OWN_DISK] = {"disk", true, c.disks, DEVICES, 0},
        [OWN_IMAGE] = {"image", true, &c.image_dir, 1, 0},
        [OWN_CONFIG] = {"config", true, &c.config, 1, 0},
        [OWN_MEMORY] = {"memory", true, &memory, 1, 0},
        [OWN_VCPUS] = {"vcpus", true, &vcpus, 1, 0},
        [OWN_NO_START] = {.name = "no-start"},
    };
    struct options o;
    int rc = options_parse(&o, argc, argv, help_text, own, OWNS);

    if (rc)
        return verb_parsed(rc);
    if (fill(&c, &o, own))
        return VERB_USAGE;
    rc = create(&c, o.has_timeout ? o.timeout_ns : (uint64_t)XL_TIMEOUT_S * 1000000000u);
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
