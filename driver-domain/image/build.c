/* See build.h.
 * #syscalls: uname readlink mkdir stat, and those of file.c, libs.c, modules.c */
#include "driver-domain/image/build.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "driver-domain/image/elf.h"
#include "driver-domain/image/libs.h"
#include "driver-domain/image/unpack.h"
#include "transport/base/log.h"

/* <= 16 MB without the kernel is the promise; the goal is far below. */
enum { INITRAMFS_MAX_BYTES = 16 << 20, MODULE_MAX_BYTES = 64 << 20 };

#define MODULES_DIR "lib/modules" /* in the image, flat */

/* Modules of every driver domain, in the order in which they are wanted.  /dev/xen/xenbus, the
 * xenstore device, is built in.  xenfs and xen-privcmd are for dom0's tools: not here. */
static const struct {
    const char *name;
    const char *what_for;
    bool net_only; /* not needed when the driver domain has disks and no NIC or bridge */
    unsigned flags;
} base_modules[] = {
    {"xen-evtchn", "event channels of drvdomd's workers", false, 0},
    {"xen-gntdev", "the guests' grants", false, 0},
    {"xen-gntalloc", "granting pages to dom0", false, 0},
    {"xen_wdt", "Xen's watchdog", false, 0},
    {"xen-pcifront", "passed-through PCI devices", false, MODULE_BACKGROUND},
    {"tun", "the guests' network ports", true, 0},
    {"bridge", "the guests' bridge", true, 0},
};

static const struct {
    const char *name; /* in bin_dir */
    const char *to;
    bool nbd_only;
} programs[] = {
    {"drvdom-init", "init", false},
    {"drvdomd", "sbin/drvdomd", false},
    {"drvdom-blkback", "sbin/drvdom-blkback", false},
    {"drvdom-nbdback", "sbin/drvdom-nbdback", true},
    {"drvdom-netback", "sbin/drvdom-netback", false},
};

/* The first (by name) match of a pattern. */
static int find_one(const char *pattern, char path[PATH_MAX])
{
    glob_t g = {0};
    int rc = -ENOENT;

    if (glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc > 0 && strlen(g.gl_pathv[0]) < PATH_MAX) {
        memcpy(path, g.gl_pathv[0], strlen(g.gl_pathv[0]) + 1);
        rc = 0;
    }
    globfree(&g);
    return rc;
}

static int kernel_path(const struct image_recipe *r, char path[PATH_MAX])
{
    char pattern[PATH_MAX];
    struct utsname u;

    if (r->kernel)
        return snprintf(path, PATH_MAX, "%s", r->kernel) < PATH_MAX ? 0 : -ENAMETOOLONG;
    if (r->kernel_root) {
        if (snprintf(pattern, PATH_MAX, "%s/boot/vmlinuz-*", r->kernel_root) >= PATH_MAX)
            return -ENAMETOOLONG;
        if (find_one(pattern, path) == 0)
            return 0;
        log_error("no kernel at %s: unpack a linux-image package there (apt-get download, then "
                  "dpkg -x)",
                  pattern);
        return -ENOENT;
    }
    uname(&u);
    return snprintf(path, PATH_MAX, "/boot/vmlinuz-%s", u.release) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int read_kernel(struct image *image)
{
    struct bytes file = {0};
    char path[PATH_MAX];
    int rc = kernel_path(image->recipe, path);

    if (rc < 0)
        return rc;
    rc = file_read(path, &file);
    if (rc < 0) {
        log_error("cannot read kernel %s: %s: give one with --kernel or --kernel-root", path,
                  strerror(-rc));
    } else {
        rc = vmlinux_extract(&file, &image->kernel, &image->kernel_info);
        if (rc < 0)
            log_error("kernel %s: %s", path, image->kernel_info.error);
    }
    if (rc == 0)
        printf("kernel     %s (%s), %zu -> %zu bytes (was: %s)\n", path, image->kernel_info.release,
               file.len, image->kernel.len, image->kernel_info.compression);
    bytes_fini(&file);
    return rc;
}

/* A module of another kernel is refused by the kernel at boot, one by one: say so now. */
static int check_release(const char *dir, const char *release)
{
    char real[PATH_MAX];
    const char *version;

    if (!realpath(dir, real))
        return 0; /* modules_open says it */
    version = strrchr(real, '/') + 1;
    if (strcmp(version, release) == 0)
        return 0;
    log_error("the kernel is %s but the modules in %s are for %s: give the pair that belongs "
              "together",
              release, dir, version);
    return -EINVAL;
}

static int open_modules(struct image *image)
{
    const struct image_recipe *r = image->recipe;
    char dir[PATH_MAX];
    int n;

    if (r->modules_dir)
        n = snprintf(dir, PATH_MAX, "%s", r->modules_dir);
    else
        n = snprintf(dir, PATH_MAX, "%s/lib/modules/%s", r->kernel_root ? r->kernel_root : "",
                     image->kernel_info.release);
    if (n >= PATH_MAX)
        return -ENAMETOOLONG;
    if (check_release(dir, image->kernel_info.release) < 0)
        return -EINVAL;
    return modules_open(&image->modules, dir);
}

/* The names of the modules that were added after `from`, as "nvme-core nvme". */
static char *names_since(const struct modules *m, size_t from)
{
    struct bytes names = {0};

    for (size_t i = from; i < m->count; i++)
        bytes_printf(&names, "%s%s", i > from ? " " : "", m->list[i].name);
    bytes_add(&names, "", 1);
    return (char *)names.data;
}

static int add_device_drivers(struct image *image, const struct pci_device *d)
{
    char alias[PCI_MODALIAS_BYTES];
    int rc;

    if (d->kind == PCI_DRIVER)
        return modules_add(&image->modules, d->driver, NULL, 0, d->text);
    for (unsigned n = 0; (rc = pci_modalias(d, n, alias)) > 0; n++) {
        rc = modules_add_modalias(&image->modules, alias, 0);
        if (rc != 0)
            return MIN(rc, 0);
    }
    if (rc < 0)
        log_error("no PCI device %s on this machine (%s): look with lspci -D, or give its id "
                  "VVVV:DDDD or driver:NAME",
                  d->text, strerror(-rc));
    else
        log_error("no driver of this kernel claims PCI device %s: check the id (lspci -nn), or "
                  "name the driver with driver:NAME",
                  d->text);
    return rc < 0 ? rc : -ENODEV;
}

static int add_devices(struct image *image)
{
    const struct image_recipe *r = image->recipe;

    for (unsigned i = 0; i < r->device_count; i++) {
        size_t from = image->modules.count;
        int rc = add_device_drivers(image, &r->devices[i]);

        /* A SCSI or SATA controller brings disks only with the disk driver on top. */
        if (rc == 0 && r->devices[i].use == PCI_DISK && modules_find(&image->modules, "scsi_mod"))
            rc = modules_add(&image->modules, "sd_mod", NULL, 0, "SCSI and SATA disks");
        if (rc < 0)
            return rc;
        image->device_drivers[i] = names_since(&image->modules, from);
        printf("%-10s %s: %s\n", r->devices[i].use == PCI_NIC ? "nic" : "disk", r->devices[i].text,
               image->device_drivers[i] && image->device_drivers[i][0] ? image->device_drivers[i]
                                                                       : "nothing more to load");
    }
    return 0;
}

static bool wants_net(const struct image *image)
{
    for (unsigned i = 0; i < image->recipe->device_count; i++) {
        if (image->recipe->devices[i].use == PCI_NIC)
            return true;
    }
    return image->conf.bridge_count > 0 || image->recipe->device_count == 0;
}

static int choose_modules(struct image *image)
{
    struct modules *m = &image->modules;
    int rc = 0;

    /* Devices first: their probing runs in the background while the rest is loaded. */
    for (size_t i = 0; i < ARRAY_SIZE(base_modules) && rc == 0; i++) {
        if (strcmp(base_modules[i].name, "tun") == 0)
            rc = add_devices(image);
        if (rc == 0 && (!base_modules[i].net_only || wants_net(image)))
            rc = modules_add(m, base_modules[i].name, NULL, base_modules[i].flags,
                             base_modules[i].what_for);
    }
    for (unsigned i = 0; i < image->recipe->module_count && rc == 0; i++)
        rc = modules_add(m, image->recipe->modules[i], NULL, 0, "--module");
    for (unsigned i = 0; i < image->conf.module_count && rc == 0; i++)
        rc = modules_add(m, image->conf.modules[i].name, image->conf.modules[i].args, 0,
                         "a module line of the configuration");
    for (unsigned i = 0; i < image->conf.mount_count && rc == 0; i++)
        rc = modules_add(m, image->conf.mounts[i].type, NULL, 0,
                         "a mount line of the configuration");
    return rc;
}

static int read_conf(struct image *image)
{
    const char *path = image->recipe->config;
    struct conf_error err;
    int rc;

    if (!path)
        return 0;
    rc = file_read(path, &image->conf_text);
    if (rc < 0) {
        log_error("cannot read configuration %s: %s", path, strerror(-rc));
        return rc;
    }
    rc = conf_parse(&image->conf, (const char *)image->conf_text.data, image->conf_text.len, &err);
    if (rc < 0)
        log_error("%s:%u: %s", path, err.line, err.text);
    return rc;
}

/* A module's file as it goes into the image: unpacked, and without its signature.  Checking that
 * costs a start more than everything else about a module, and says nothing here: the kernel has
 * the module from the same archive as PID 1. */
static int read_module(const struct image_recipe *r, const char *path, struct bytes *out)
{
    struct bytes file = {0};
    int rc = file_read(path, &file);

    if (rc == 0 && unpack_name(file.data, file.len)) {
        rc = unpack(file.data, file.len, MODULE_MAX_BYTES, out);
    } else if (rc == 0) {
        bytes_add(out, file.data, file.len);
        rc = bytes_check(out);
    }
    if (rc == 0 && !elf_is(out->data, out->len))
        rc = -ENOEXEC;
    if (rc < 0)
        log_error("cannot read module %s: %s", path, strerror(-rc));
    else if (!r->keep_signatures)
        out->len = elf_module_unsigned_len(out->data, out->len);
    bytes_fini(&file);
    return rc;
}

/*
 * etc/modules.list, a line per module: [-|&]PATH [ARGUMENT...].  '-': may fail; '&': PID 1 goes on
 * while it is being loaded.  The others get async_probe: drivers then find their devices in the
 * background, and loading a module that lacks it would wait for all of those (do_init_module in the
 * kernel).
 */
static void list_module(const struct module *m, struct bytes *list)
{
    bool background = m->flags & MODULE_BACKGROUND;

    bytes_printf(list, "%s/%s/%s.ko%s%s%s\n",
                 background                   ? "&"
                 : m->flags & MODULE_OPTIONAL ? "-"
                                              : "",
                 MODULES_DIR, m->name, m->args[0] ? " " : "", m->args,
                 background ? "" : " async_probe");
}

static int add_module_files(struct image *image)
{
    struct bytes list = {0};
    int rc = 0;

    for (size_t i = 0; i < image->modules.count && rc == 0; i++) {
        const struct module *m = &image->modules.list[i];
        struct bytes file = {0};
        char to[PATH_MAX];

        snprintf(to, sizeof(to), MODULES_DIR "/%s.ko", m->name);
        list_module(m, &list);
        rc = read_module(image->recipe, m->path, &file);
        if (rc == 0)
            rc = tree_file(&image->tree, to, 0644, &file);
        bytes_fini(&file);
    }
    if (rc == 0)
        rc = tree_file(&image->tree, "etc/modules.list", 0644, &list);
    bytes_fini(&list);
    return rc;
}

static int bin_dir(const struct image_recipe *r, char dir[PATH_MAX])
{
    if (r->bin_dir)
        return snprintf(dir, PATH_MAX, "%s", r->bin_dir) < PATH_MAX ? 0 : -ENAMETOOLONG;
    return file_own_dir(dir, PATH_MAX);
}

static int add_programs(struct image *image)
{
    struct libs l = {.tree = &image->tree, .extra_dirs = image->recipe->lib_dirs};
    char dir[PATH_MAX], path[PATH_MAX];
    int rc = bin_dir(image->recipe, dir);

    for (size_t i = 0; i < ARRAY_SIZE(programs) && rc == 0; i++) {
        if (programs[i].nbd_only && !image->conf.nbd)
            continue;
        if (snprintf(path, PATH_MAX, "%s/%s", dir, programs[i].name) >= PATH_MAX)
            return -ENAMETOOLONG;
        if (access(path, R_OK) < 0) {
            log_error("no %s in %s: build it (make), or say where our binaries are with --bin",
                      programs[i].name, dir);
            return -ENOENT;
        }
        rc = libs_add_program(&l, path, programs[i].to);
    }
    return rc;
}

static int add_skeleton(struct image *image)
{
    static const char *const dirs[] = {"dev", "proc", "run", "sys", "tmp", "var/empty"};
    struct tree *t = &image->tree;
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(dirs) && rc == 0; i++)
        rc = tree_dir(t, dirs[i], 0755);
    /* The kernel opens it for PID 1 before anything is mounted. */
    if (rc == 0)
        rc = tree_char_node(t, "dev/console", 0600, 5, 1);
    /* What the kernel runs for `xl shutdown` and `xl reboot`. */
    if (rc == 0)
        rc = tree_link(t, "sbin/poweroff", "/init");
    if (rc == 0)
        rc = tree_link(t, "sbin/reboot", "/init");
    if (rc == 0)
        rc = tree_file(t, "etc/drvdom.conf", 0644, &image->conf_text);
    if (rc < 0)
        log_error("cannot assemble the image: %s", strerror(-rc));
    return rc;
}

static int pack(struct image *image)
{
    int rc = tree_archive(&image->tree, &image->archive);

    if (rc == 0)
        rc = image_gzip(&image->archive, image->recipe->level, &image->initramfs);
    if (rc < 0) {
        log_error("cannot pack the initramfs: %s", strerror(-rc));
        return rc;
    }
    printf("initramfs  %zu files and directories, %zu modules, %zu bytes, packed %zu\n",
           image->tree.count, image->modules.count, image->archive.len, image->initramfs.len);
    if (image->initramfs.len > INITRAMFS_MAX_BYTES) {
        log_error("the initramfs is %zu bytes, more than the %d a driver domain may need: build "
                  "with MODE=release and name fewer devices",
                  image->initramfs.len, INITRAMFS_MAX_BYTES);
        return -EFBIG;
    }
    return 0;
}

static int write_out(const struct image *image)
{
    const char *dir = image->recipe->out_dir;
    struct bytes manifest = {0};
    const struct {
        const char *name;
        const struct bytes *bytes;
    } out[] = {{"vmlinux", &image->kernel},
               {"initramfs.gz", &image->initramfs},
               {"manifest.json", &manifest}};
    int rc;

    image_manifest(image, &manifest);
    rc = bytes_check(&manifest);
    if (rc == 0 && mkdir(dir, 0755) < 0 && errno != EEXIST)
        rc = -errno;
    if (rc < 0)
        log_error("cannot make directory %s: %s", dir, strerror(-rc));
    for (size_t i = 0; i < ARRAY_SIZE(out) && rc == 0; i++) {
        rc = file_write(dir, out[i].name, out[i].bytes->data, out[i].bytes->len);
        if (rc < 0)
            log_error("cannot write %s/%s: %s", dir, out[i].name, strerror(-rc));
        else
            printf("wrote      %s/%s\n", dir, out[i].name);
    }
    bytes_fini(&manifest);
    return rc;
}

static void image_fini(struct image *image)
{
    for (size_t i = 0; i < ARRAY_SIZE(image->device_drivers); i++)
        free(image->device_drivers[i]);
    bytes_fini(&image->conf_text);
    bytes_fini(&image->kernel);
    bytes_fini(&image->archive);
    bytes_fini(&image->initramfs);
    modules_fini(&image->modules);
    tree_fini(&image->tree);
}

int image_build(const struct image_recipe *recipe)
{
    struct image *image = calloc(1, sizeof(*image));
    int rc;

    if (!image)
        return -ENOMEM;
    image->recipe = recipe;
    rc = read_conf(image);
    if (rc == 0)
        rc = read_kernel(image);
    if (rc == 0)
        rc = open_modules(image);
    if (rc == 0)
        rc = choose_modules(image);
    if (rc == 0)
        rc = add_programs(image);
    if (rc == 0)
        rc = add_module_files(image);
    if (rc == 0)
        rc = add_skeleton(image);
    if (rc == 0)
        rc = pack(image);
    if (rc == 0)
        rc = write_out(image);
    image_fini(image);
    free(image);
    return rc;
}
