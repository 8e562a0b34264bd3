/* The image's manifest.json: what went in, for people and for scripts.  PURE.  See build.h. */
#include "driver-domain/image/build.h"

#include <string.h>

/* A string as JSON wants it; bytes outside ASCII come from file names and are escaped as \u00XX. */
static void quote(struct bytes *out, const char *s)
{
    bytes_add(out, "\"", 1);
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            bytes_printf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            bytes_printf(out, "\\u%04x", (unsigned)c);
        else
            bytes_add(out, s, 1);
    }
    bytes_add(out, "\"", 1);
}

static void member(struct bytes *out, const char *name, const char *value)
{
    bytes_printf(out, "\"%s\": ", name);
    quote(out, value);
}

static void devices(const struct image *image, struct bytes *out)
{
    bytes_printf(out, "  \"devices\": [");
    for (unsigned i = 0; i < image->recipe->device_count; i++) {
        const struct pci_device *d = &image->recipe->devices[i];

        bytes_printf(out, "%s\n    {", i ? "," : "");
        member(out, "use", d->use == PCI_NIC ? "nic" : "disk");
        bytes_printf(out, ", ");
        member(out, "given_as", d->text);
        bytes_printf(out, ", ");
        member(out, "modules", image->device_drivers[i]);
        bytes_printf(out, "}");
    }
    bytes_printf(out, "\n  ],\n");
}

static void modules(const struct image *image, struct bytes *out)
{
    bytes_printf(out, "  \"modules\": [");
    for (size_t i = 0; i < image->modules.count; i++) {
        const struct module *m = &image->modules.list[i];

        bytes_printf(out, "%s\n    {", i ? "," : "");
        member(out, "name", m->name);
        bytes_printf(out, ", ");
        member(out, "args", m->args);
        bytes_printf(out, ", \"optional\": %s}", m->flags & MODULE_OPTIONAL ? "true" : "false");
    }
    bytes_printf(out, "\n  ],\n");
}

static void files(const struct image *image, struct bytes *out)
{
    bool first = true;

    bytes_printf(out, "  \"files\": [");
    for (size_t i = 0; i < image->tree.count; i++) {
        const struct tree_node *n = &image->tree.nodes[i];

        if (n->kind != TREE_FILE)
            continue;
        bytes_printf(out, "%s\n    {", first ? "" : ",");
        member(out, "path", n->path);
        bytes_printf(out, ", \"size_bytes\": %zu}", n->data.len);
        first = false;
    }
    bytes_printf(out, "\n  ]\n");
}

void image_manifest(const struct image *image, struct bytes *out)
{
    bytes_printf(out, "{\n  ");
    member(out, "drvdom_version", DRVDOM_VERSION);
    bytes_printf(out, ",\n  ");
    member(out, "kernel_release", image->kernel_info.release);
    bytes_printf(out, ",\n  ");
    member(out, "kernel_was_compressed_with", image->kernel_info.compression);
    bytes_printf(out, ",\n  \"vmlinux_bytes\": %zu,\n", image->kernel.len);
    bytes_printf(out, "  \"initramfs_bytes\": %zu,\n", image->initramfs.len);
    bytes_printf(out, "  \"initramfs_unpacked_bytes\": %zu,\n", image->archive.len);
    devices(image, out);
    modules(image, out);
    files(image, out);
    bytes_printf(out, "}\n");
}
