/* `drvdom image show`: reads an image back, as the kernel would.  See build.h. */
#include "driver-domain/image/build.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "transport/base/log.h"

static int load(const char *dir, const char *name, struct bytes *b)
{
    char path[PATH_MAX];
    int rc;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    rc = file_read(path, b);
    if (rc < 0)
        log_error("cannot read %s: %s: build an image there first (drvdom image build -o %s)", path,
                  strerror(-rc), dir);
    return rc;
}

static int show_kernel(const char *dir)
{
    struct bytes file = {0}, out = {0};
    struct vmlinux_info info;
    int rc = load(dir, "vmlinux", &file);

    if (rc == 0) {
        rc = vmlinux_extract(&file, &out, &info);
        if (rc < 0)
            log_error("%s/vmlinux: %s", dir, info.error);
        else
            printf("kernel     %s, %zu bytes\n", info.release, file.len);
    }
    bytes_fini(&out);
    bytes_fini(&file);
    return rc;
}

/* A text file of the archive, each line indented. */
static void show_text(const char *title, const struct cpio_entry *e)
{
    const char *p = (const char *)e->data, *end = p + e->size;
    char line[256];

    printf("%s\n", title);
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = nl ? (size_t)(nl - p) : (size_t)(end - p);

        if (len > 0 && p[0] != '#')
            printf("    %s\n", log_escape(line, sizeof(line), p, (unsigned)len));
        if (!nl)
            break;
        p = nl + 1;
    }
}

static int show_files(const struct bytes *archive)
{
    struct cpio_entry e;
    size_t pos = 0;
    char name[256];
    int rc;

    printf("files\n");
    while ((rc = cpio_next(archive->data, archive->len, &pos, &e)) > 0) {
        log_escape(name, sizeof(name), e.path, (unsigned)strlen(e.path));
        if (S_ISREG(e.mode))
            printf("    %8zu /%s\n", e.size, name);
    }
    pos = 0;
    while (rc == 0 && cpio_next(archive->data, archive->len, &pos, &e) > 0) {
        if (strcmp(e.path, "etc/modules.list") == 0)
            show_text("modules, in load order", &e);
        else if (strcmp(e.path, "etc/drvdom.conf") == 0)
            show_text("configuration", &e);
    }
    return rc;
}

static int show_initramfs(const char *dir)
{
    struct bytes packed = {0}, archive = {0};
    int rc = load(dir, "initramfs.gz", &packed);

    if (rc == 0) {
        rc = image_gunzip(&packed, &archive);
        if (rc == 0) {
            printf("initramfs  %zu bytes, packed %zu\n", archive.len, packed.len);
            rc = show_files(&archive);
        }
        if (rc < 0)
            log_error("%s/initramfs.gz is damaged: build the image again", dir);
    }
    bytes_fini(&archive);
    bytes_fini(&packed);
    return rc;
}

int image_show(const char *dir)
{
    int rc = show_kernel(dir);

    return rc < 0 ? rc : show_initramfs(dir);
}
