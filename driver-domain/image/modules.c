/* See modules.h.
 * #syscalls: access stat mkdtemp symlink unlink rmdir realpath, posix_spawn + waitpid (depmod) */
#include "driver-domain/image/modules.h"

#include <dirent.h>
#include <errno.h>
#include <libkmod.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/base/log.h"

/* The kernel's own backends would take the devices from ours as soon as libxl writes them. */
static const char *const refused[] = {"xen_blkback", "xen_netback", "xen_scsiback"};

static bool has_index(const char *dir)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s/modules.dep.bin", dir) < (int)sizeof(path) &&
           access(path, R_OK) == 0;
}

static int run_depmod(const char *base, const char *version)
{
    char *argv[] = {(char *)(uintptr_t) "depmod", (char *)(uintptr_t) "-b", (char *)(uintptr_t)base,
                    (char *)(uintptr_t)version, NULL};
    static const char *const places[] = {"/sbin/depmod", "/usr/sbin/depmod", "/bin/depmod"};
    int status, rc = -ENOENT;
    pid_t pid;

    for (size_t i = 0; i < ARRAY_SIZE(places) && rc != 0; i++)
        rc = -posix_spawn(&pid, places[i], NULL, NULL, argv, environ);
    if (rc < 0) {
        log_error("this kernel's modules have no index and depmod cannot be run (%s): apt-get "
                  "install kmod",
                  strerror(-rc));
        return rc;
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        log_error("depmod -b %s %s failed: is the kernel package unpacked in full?", base, version);
        return -EIO;
    }
    return 0;
}

/* base/lib/modules/VERSION/ with a link to everything in dir; depmod writes its files beside. */
static int link_modules(const char *dir, const char *to)
{
    char from_path[PATH_MAX], to_path[PATH_MAX];
    struct dirent *e;
    DIR *d = opendir(dir);
    int rc = 0;

    if (!d)
        return -errno;
    while (rc == 0 && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        if (snprintf(from_path, PATH_MAX, "%s/%s", dir, e->d_name) >= PATH_MAX ||
            snprintf(to_path, PATH_MAX, "%s/%s", to, e->d_name) >= PATH_MAX)
            rc = -ENAMETOOLONG;
        else if (symlink(from_path, to_path) < 0)
            rc = -errno;
    }
    closedir(d);
    return rc;
}

/* Makes the indexes of `dir` (absolute) in a temporary place; index_dir is where they are. */
static int make_index(struct modules *m, const char *dir, char index_dir[PATH_MAX])
{
    const char *tmp = getenv("TMPDIR"), *version = strrchr(dir, '/') + 1;
    static const char *const parts[] = {"/lib", "/lib/modules", "/lib/modules/"};
    char base[PATH_MAX];
    int rc = 0;

    if (snprintf(base, PATH_MAX, "%s/drvdom-image.XXXXXX", tmp ? tmp : "/tmp") >= PATH_MAX)
        return -ENAMETOOLONG;
    if (!mkdtemp(base))
        rc = -errno;
    if (rc == 0 && (m->temp_dir = strdup(base)) == NULL)
        rc = -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && rc == 0; i++) {
        if (snprintf(index_dir, PATH_MAX, "%s%s%s", base, parts[i], i == 2 ? version : "") >=
            PATH_MAX)
            rc = -ENAMETOOLONG;
        else if (mkdir(index_dir, 0700) < 0)
            rc = -errno;
    }
    if (rc == 0)
        rc = link_modules(dir, index_dir);
    if (rc < 0) {
        log_error("cannot prepare an index of the modules in %s: %s", base, strerror(-rc));
        return rc;
    }
    return run_depmod(base, version);
}

int modules_open(struct modules *m, const char *dir)
{
    char real[PATH_MAX], index_dir[PATH_MAX], softdep[PATH_MAX + 16];
    const char *config[] = {softdep, NULL};
    struct stat st;
    int rc;

    *m = (struct modules){0};
    if (!realpath(dir, real) || stat(real, &st) < 0 || !S_ISDIR(st.st_mode)) {
        log_error("no kernel modules at %s: give their directory with --modules, or install the "
                  "kernel's package",
                  dir);
        return -ENOENT;
    }
    m->dir = strdup(real);
    if (!m->dir)
        return -ENOMEM;
    memcpy(index_dir, real, strlen(real) + 1);
    if (!has_index(real)) {
        rc = make_index(m, real, index_dir);
        if (rc < 0)
            return rc;
    }
    /* This machine's modprobe.d has no say in another machine's modules: only depmod's file. */
    snprintf(softdep, sizeof(softdep), "%s/modules.softdep", index_dir);
    m->kmod = kmod_new(index_dir, config);
    if (!m->kmod) {
        log_error("libkmod cannot open %s", index_dir);
        return -ENOMEM;
    }
    kmod_set_log_priority(m->kmod, 0);
    return 0;
}

/* Removes base/lib/modules/VERSION and what depmod and link_modules put there: no deeper tree. */
static void remove_temp(const char *base)
{
    static const char *const parts[] = {"/lib/modules", "/lib", ""};
    char dir[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
    struct dirent *e;
    DIR *d, *versions;

    snprintf(dir, sizeof(dir), "%s/lib/modules", base);
    versions = opendir(dir);
    while (versions && (e = readdir(versions)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        d = opendir(path);
        if (!d)
            continue;
        for (struct dirent *f; (f = readdir(d)) != NULL;)
            unlinkat(dirfd(d), f->d_name, 0);
        closedir(d);
        rmdir(path);
    }
    if (versions)
        closedir(versions);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        snprintf(path, sizeof(path), "%s%s", base, parts[i]);
        rmdir(path);
    }
}

void modules_fini(struct modules *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->list[i].name);
        free(m->list[i].path);
        free(m->list[i].args);
    }
    free(m->list);
    if (m->kmod)
        kmod_unref(m->kmod);
    if (m->temp_dir)
        remove_temp(m->temp_dir);
    free(m->temp_dir);
    free(m->dir);
    *m = (struct modules){0};
}

/* The kernel takes '-' and '_' for the same in module names. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    }
    return *a == *b;
}

static struct module *find(const struct modules *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (same_name(m->list[i].name, name))
            return &m->list[i];
    }
    return NULL;
}

const struct module *modules_find(const struct modules *m, const char *name)
{
    return find(m, name);
}

static int append(struct modules *m, const char *name, const char *path, unsigned flags)
{
    struct module new = {.flags = flags};

    if (m->count == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 32;
        struct module *list = reallocarray(m->list, cap, sizeof(*list));

        if (!list)
            return -ENOMEM;
        m->list = list;
        m->cap = cap;
    }
    new.name = strdup(name);
    new.path = strdup(path);
    new.args = strdup("");
    if (!new.name || !new.path || !new.args) {
        free(new.name);
        free(new.path);
        free(new.args);
        return -ENOMEM;
    }
    m->list[m->count++] = new;
    return 0;
}

/* Depth first: what it needs, then itself.  depth: a circle of soft dependencies must end. */
static int add_kmod(struct modules *m, struct kmod_module *mod, unsigned flags, int depth);

static int add_list(struct modules *m, struct kmod_list *list, unsigned flags, int depth)
{
    struct kmod_list *l;
    int rc = 0;

    kmod_list_foreach(l, list)
    {
        struct kmod_module *mod = kmod_module_get_module(l);

        if (rc == 0)
            rc = add_kmod(m, mod, flags, depth);
        kmod_module_unref(mod);
    }
    kmod_module_unref_list(list);
    return rc;
}

static int check_refused(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        if (same_name(name, refused[i])) {
            log_error("module %s is the kernel's own backend and would take the guests' devices "
                      "from drvdomd: leave it out",
                      name);
            return -EPERM;
        }
    }
    return 0;
}

static int add_kmod(struct modules *m, struct kmod_module *mod, unsigned flags, int depth)
{
    const char *name = kmod_module_get_name(mod), *path = kmod_module_get_path(mod);
    struct kmod_list *pre = NULL, *post = NULL;
    struct module *old = find(m, name);
    int rc;

    if (old) {
        /* Optional only as long as nobody asks for it firmly. */
        old->flags = ((old->flags | flags) & ~(unsigned)MODULE_OPTIONAL) |
                     (old->flags & flags & MODULE_OPTIONAL);
        return 0;
    }
    if (!path || depth > 16)
        return 0; /* built into the kernel */
    rc = check_refused(name);
    if (rc < 0)
        return rc;
    if (kmod_module_get_softdeps(mod, &pre, &post) < 0)
        pre = post = NULL;
    rc = add_list(m, pre, MODULE_OPTIONAL, depth + 1);
    if (rc == 0)
        rc = add_list(m, kmod_module_get_dependencies(mod), flags & MODULE_OPTIONAL, depth + 1);
    if (rc == 0 && !find(m, name))
        rc = append(m, name, path, flags);
    if (rc == 0)
        rc = add_list(m, post, MODULE_OPTIONAL, depth + 1);
    else
        kmod_module_unref_list(post);
    return rc;
}

static int set_args(struct modules *m, const char *name, const char *args)
{
    struct module *mod = find(m, name);
    char *both;

    if (!mod || !args || args[0] == '\0')
        return 0;
    if (asprintf(&both, "%s%s%s", mod->args, mod->args[0] ? " " : "", args) < 0)
        return -ENOMEM;
    free(mod->args);
    mod->args = both;
    return 0;
}

int modules_add(struct modules *m, const char *name, const char *args, unsigned flags,
                const char *what_for)
{
    struct kmod_list *list = NULL;
    int rc = kmod_module_new_from_lookup(m->kmod, name, &list);

    if (rc < 0 || !list) {
        log_error("module %s (%s) is not among this kernel's modules in %s", name, what_for,
                  m->dir);
        return -ENOENT;
    }
    rc = add_list(m, list, flags, 0);
    return rc < 0 ? rc : set_args(m, name, args);
}

int modules_add_modalias(struct modules *m, const char *modalias, unsigned flags)
{
    struct kmod_list *list = NULL, *l;
    int count = 0, rc;

    if (kmod_module_new_from_lookup(m->kmod, modalias, &list) < 0)
        return 0;
    kmod_list_foreach(l, list) count++;
    rc = add_list(m, list, flags, 0);
    return rc < 0 ? rc : count;
}
