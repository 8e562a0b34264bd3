/* See libs.h.
 * #syscalls: access, and those of file.c */
#include "driver-domain/image/libs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-domain/image/elf.h"
#include "transport/base/log.h"

static const char *const default_dirs[] = {
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/local/lib/x86_64-linux-gnu",
    "/usr/local/lib",
    "/lib64",
    "/lib",
    "/usr/lib",
    NULL,
};

static bool in_dirs(const char *const *dirs, const char *name, char path[PATH_MAX])
{
    for (; dirs && *dirs; dirs++) {
        if (snprintf(path, PATH_MAX, "%s/%s", *dirs, name) < PATH_MAX && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* RUNPATH is a colon-separated list; $ORIGIN is the directory of the file that carries it. */
static bool in_runpath(const char *runpath, const char *user, const char *name, char path[PATH_MAX])
{
    static const char origin[] = "$ORIGIN";
    const char *slash = strrchr(user, '/');
    int origin_len = slash ? (int)(slash - user) : 1;

    while (runpath && *runpath) {
        int len = (int)strcspn(runpath, ":");
        int n;

        if (strncmp(runpath, origin, sizeof(origin) - 1) == 0)
            n = snprintf(path, PATH_MAX, "%.*s%.*s/%s", origin_len, slash ? user : ".",
                         len - (int)sizeof(origin) + 1, runpath + sizeof(origin) - 1, name);
        else
            n = snprintf(path, PATH_MAX, "%.*s/%s", len, runpath, name);
        if (n < PATH_MAX && access(path, R_OK) == 0)
            return true;
        runpath += len + (runpath[len] == ':');
    }
    return false;
}

static int add_elf(struct libs *l, const char *from, const char *to);

static int add_library(struct libs *l, const char *user, const char *runpath, const char *name)
{
    char path[PATH_MAX], to[NAME_MAX + sizeof(LIBS_DIR) + 2];

    if (strchr(name, '/') || strlen(name) > NAME_MAX) {
        log_error("%s needs \"%s\": a library given by path cannot go into an image", user, name);
        return -EINVAL;
    }
    snprintf(to, sizeof(to), LIBS_DIR "/%s", name);
    if (tree_find(l->tree, to))
        return 0;
    if (!in_dirs(l->extra_dirs, name, path) && !in_runpath(runpath, user, name, path) &&
        !in_dirs(default_dirs, name, path)) {
        log_error("%s needs %s, which is not installed here: apt-get install the package that has "
                  "it, or give its directory with --lib DIR",
                  user, name);
        return -ENOENT;
    }
    return add_elf(l, path, to);
}

/* ld.so is wanted in two places: where PT_INTERP says, and, as libraries name it too, in LIBS_DIR.
 * The file goes to LIBS_DIR, a link to the other. */
static int add_interp(struct libs *l, const char *user, const char *interp)
{
    const char *base = strrchr(interp, '/');
    char to[NAME_MAX + sizeof(LIBS_DIR) + 2], target[NAME_MAX + sizeof(LIBS_DIR) + 3];
    int rc;

    if (interp[0] != '/' || strlen(base) > NAME_MAX) {
        log_error("%s: odd program interpreter \"%s\"", user, interp);
        return -EINVAL;
    }
    rc = add_library(l, user, NULL, base + 1);
    snprintf(to, sizeof(to), LIBS_DIR "%s", base);
    if (rc < 0 || strcmp(interp + 1, to) == 0)
        return rc;
    snprintf(target, sizeof(target), "/%s", to);
    return tree_link(l->tree, interp + 1, target);
}

static int add_deps(struct libs *l, const char *from, const struct elf_deps *deps)
{
    if (deps->interp) {
        int rc = add_interp(l, from, deps->interp);

        if (rc < 0)
            return rc;
    }
    for (unsigned i = 0; i < deps->needed_count; i++) {
        int rc = add_library(l, from, deps->runpath, deps->needed[i]);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_elf(struct libs *l, const char *from, const char *to)
{
    struct bytes file = {0}, copy = {0};
    struct elf_deps deps;
    int rc;

    rc = file_read(from, &file);
    if (rc < 0) {
        log_error("cannot read %s: %s", from, strerror(-rc));
        goto out;
    }
    rc = elf_deps(file.data, file.len, &deps);
    if (rc < 0) {
        log_error("%s is not a usable x86-64 ELF file: build or install it for this machine", from);
        goto out;
    }
    bytes_add(&copy, file.data, file.len);
    rc = bytes_check(&copy);
    if (rc < 0)
        goto out;
    copy.len = elf_trim(copy.data, copy.len);
    /* In the tree before its libraries: two libraries that need each other then end here. */
    rc = tree_file(l->tree, to, 0755, &copy);
    if (rc < 0) {
        log_error("%s: cannot go into the image as /%s: %s", from, to, strerror(-rc));
        goto out;
    }
    rc = add_deps(l, from, &deps);
out:
    bytes_fini(&copy);
    bytes_fini(&file);
    return rc;
}

int libs_add_program(struct libs *l, const char *from, const char *to)
{
    return add_elf(l, from, to);
}
