/*
 * drvdom image: the options of `build` and `show`; the work is in driver-domain/image.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/verb.h"
#include "driver-domain/image/build.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom image build [OPTION...] -o DIR\n"
    "       drvdom image show DIR\n"
    "\n"
    "build writes DIR/vmlinux (uncompressed, so that xl create does not unpack it each time),\n"
    "DIR/initramfs.gz and DIR/manifest.json.\n"
    "\n"
    "  --nic DEVICE        a NIC the driver domain gets: 0000:00:05.0, 00:05.0 (an address on\n"
    "                      this machine), 8086:10d3 (vendor:device) or driver:e1000e\n"
    "  --disk DEVICE       a disk controller, named likewise\n"
    "  --module NAME       a module more\n"
    "  --config FILE       becomes /etc/drvdom.conf: bridges, addresses, disks to wait for\n"
    "  --kernel FILE       a vmlinuz or vmlinux    (default /boot/vmlinuz-VERSION, the running)\n"
    "  --modules DIR       its lib/modules/VERSION (default /lib/modules/VERSION)\n"
    "  --kernel-root DIR   both, from a kernel package unpacked in DIR\n"
    "  --bin DIR           our binaries            (default: where drvdom is)\n"
    "  --lib DIR           shared libraries, looked in before the system's directories\n"
    "  --level 0..9        zlib's compression of the initramfs (default 6; 0 starts fastest\n"
    "                      where disks are fast)\n"
    "  --keep-signatures   of the modules; checking them costs a start 10 ms each on the rig.\n"
    "                      Needed with module.sig_enforce or lockdown on the command line\n"
    "  -o, --output DIR    made when it is not there\n"
    "\n"
    "Exit status: 0 done, 1 failed (the reason is on stderr), 2 wrong usage.\n";

enum option_key {
    OPT_NIC = 256,
    OPT_DISK,
    OPT_MODULE,
    OPT_CONFIG,
    OPT_KERNEL,
    OPT_MODULES,
    OPT_KERNEL_ROOT,
    OPT_BIN,
    OPT_LIB,
    OPT_LEVEL,
    OPT_KEEP_SIGNATURES,
};

static const struct option options[] = {
    {"nic", required_argument, NULL, OPT_NIC},
    {"disk", required_argument, NULL, OPT_DISK},
    {"module", required_argument, NULL, OPT_MODULE},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"modules", required_argument, NULL, OPT_MODULES},
    {"kernel-root", required_argument, NULL, OPT_KERNEL_ROOT},
    {"bin", required_argument, NULL, OPT_BIN},
    {"lib", required_argument, NULL, OPT_LIB},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"keep-signatures", no_argument, NULL, OPT_KEEP_SIGNATURES},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int add_device(struct image_recipe *r, enum pci_use use, const char *text)
{
    if (r->device_count == IMAGE_LIST_MAX) {
        log_error("more than %d devices", IMAGE_LIST_MAX);
        return -E2BIG;
    }
    if (pci_parse(&r->devices[r->device_count], use, text) < 0) {
        log_error("%s \"%s\": write 0000:00:05.0 or 00:05.0 (PCI address), 8086:10d3 "
                  "(vendor:device) or driver:e1000e",
                  use == PCI_NIC ? "--nic" : "--disk", text);
        return -EINVAL;
    }
    r->device_count++;
    return 0;
}

/* Appends to a fixed list. */
static int add_text(const char **list, unsigned *count, const char *what, const char *text)
{
    if (*count == IMAGE_LIST_MAX) {
        log_error("more than %d times %s", IMAGE_LIST_MAX, what);
        return -E2BIG;
    }
    list[(*count)++] = text;
    return 0;
}

static int set_level(struct image_recipe *r, const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] != '\0') {
        log_error("--level %s: give a digit, 0 to 9", text);
        return -EINVAL;
    }
    r->level = text[0] - '0';
    return 0;
}

/* 0; 1: help was asked for; -errno: wrong, and said so. */
static int take_option(struct image_recipe *r, int key, const char *arg)
{
    switch (key) {
    case OPT_NIC:
        return add_device(r, PCI_NIC, arg);
    case OPT_DISK:
        return add_device(r, PCI_DISK, arg);
    case OPT_MODULE:
        return add_text(r->modules, &r->module_count, "--module", arg);
    case OPT_LIB:
        return add_text(r->lib_dirs, &r->lib_dir_count, "--lib", arg);
    case OPT_LEVEL:
        return set_level(r, arg);
    case OPT_KEEP_SIGNATURES:
        r->keep_signatures = true;
        return 0;
    case OPT_CONFIG:
        r->config = arg;
        return 0;
    case OPT_KERNEL:
        r->kernel = arg;
        return 0;
    case OPT_MODULES:
        r->modules_dir = arg;
        return 0;
    case OPT_KERNEL_ROOT:
        r->kernel_root = arg;
        return 0;
    case OPT_BIN:
        r->bin_dir = arg;
        return 0;
    case 'o':
        r->out_dir = arg;
        return 0;
    case 'h':
        return 1;
    default: /* getopt has said what is wrong */
        return -EINVAL;
    }
}

static int usage(const char *what)
{
    log_error("%s: see drvdom image --help", what);
    return VERB_USAGE;
}

static int build(int argc, char **argv)
{
    static struct image_recipe recipe = {.level = 6};
    int key, rc;

    while ((key = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        rc = take_option(&recipe, key, optarg);
        if (rc > 0)
            fputs(help_text, stdout);
        if (rc != 0)
            return rc > 0 ? VERB_OK : VERB_USAGE;
    }
    if (optind < argc)
        return usage("image build takes options only");
    if (!recipe.out_dir)
        return usage("image build: say where to with -o DIR");
    return image_build(&recipe) < 0 ? VERB_FAILED : VERB_OK;
}

int verb_image(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "build") == 0) {
        log_set_prefix("drvdom image build");
        return build(argc - 1, argv + 1);
    }
    if (argc == 3 && strcmp(argv[1], "show") == 0 && argv[2][0] != '-') {
        log_set_prefix("drvdom image show");
        return image_show(argv[2]) < 0 ? VERB_FAILED : VERB_OK;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help_text, stdout);
            return VERB_OK;
        }
    }
    return usage("image: build or show DIR");
}
