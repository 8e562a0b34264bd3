/* See boot.h.
 * #syscalls: mount mkdir setrlimit finit_module fork open read write fallocate ftruncate access */
#include "driver-domain/init/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/base/log.h"

/* Both files are made by the image builder and small; static, for PID 1 allocates nothing. */
static char text[32768];

void boot_mounts(void)
{
    static const struct {
        const char *type, *where, *options;
        unsigned long flags;
    } mounts[] = {
        {"devtmpfs", "/dev", "mode=0755", MS_NOSUID | MS_NOEXEC},
        {"proc", "/proc", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV},
        {"sysfs", "/sys", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV},
        {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NOEXEC | MS_NODEV},
    };

    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        mkdir(mounts[i].where, 0755);
        /* EBUSY: the kernel has mounted it already. */
        if (mount(mounts[i].type, mounts[i].where, mounts[i].type, mounts[i].flags,
                  mounts[i].options) < 0 &&
            errno != EBUSY)
            log_error("cannot mount %s on %s: %s", mounts[i].type, mounts[i].where,
                      strerror(errno));
    }
}

void boot_limits(void)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t value;
        const char *name;
    } limits[] = {
        {RLIMIT_NOFILE, 65536, "open files"},
        {RLIMIT_MEMLOCK, RLIM_INFINITY, "locked memory"}, /* io_uring's registered buffers */
        {RLIMIT_CORE, 0, "core file size"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct rlimit r = {limits[i].value, limits[i].value};

        if (setrlimit(limits[i].what, &r) < 0)
            log_warn("cannot set the limit of %s: %s", limits[i].name, strerror(errno));
    }
}

/* Fills `text`.  Its length, or -errno. */
static ssize_t read_text(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0)
        n = -errno;
    close(fd);
    text[len] = '\0';
    return n < 0 ? n : (ssize_t)len;
}

int boot_sysctl(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, value, strlen(value)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* Children that load a module each; one of them needs more only with several PCI frontends. */
static pid_t loaders[4];

/* Nobody but us ever loads one: a worker that is taken over shall not be able to. */
static void close_kernel(void)
{
    int rc = boot_sysctl("/proc/sys/kernel/modules_disabled", "1");

    if (rc < 0)
        log_warn("cannot close the kernel for further modules: %s", strerror(-rc));
}

static void load_module(char *path, bool optional)
{
    char *args = strchr(path, ' ');
    int fd;

    if (args)
        *args++ = '\0';
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_error("module %s: %s: build the image again", path, strerror(errno));
        return;
    }
    /* ENODEV is what a module says to the wrong machine: a processor without the instruction, a
     * Xen module without Xen (boot_check_xen tells that one in plain words). */
    if (syscall(SYS_finit_module, fd, args ? args : "", 0) < 0 && errno != EEXIST && !optional)
        log_error("module %s: cannot be loaded: %s", path, strerror(errno));
    close(fd);
    (void)unlink(path); /* it lies on a RAM disk: memory that guests' I/O can use */
}

/* xen-pcifront's init waits until dom0's pciback has answered, in steps of 100 ms, while the
 * processor is idle. */
static void load_in_child(char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(loaders); i++) {
        pid_t pid;

        if (loaders[i] != 0)
            continue;
        pid = fork();
        if (pid == 0) {
            load_module(path, false);
            _exit(0);
        }
        if (pid < 0)
            break;
        loaders[i] = pid;
        return;
    }
    load_module(path, false);
}

static bool loading(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(loaders); i++) {
        if (loaders[i] != 0)
            return true;
    }
    return false;
}

bool boot_reap(pid_t pid)
{
    for (size_t i = 0; i < ARRAY_SIZE(loaders); i++) {
        if (loaders[i] != pid)
            continue;
        loaders[i] = 0;
        if (!loading())
            close_kernel();
        return true;
    }
    return false;
}

/* A line of modules.list is "[-|&]PATH [ARGUMENT...]" (driver-domain/image/build.c). */
void boot_modules(void)
{
    char *save = NULL;
    ssize_t len = read_text("/etc/modules.list");

    if (len < 0) {
        log_error("/etc/modules.list: %s: build the image again", strerror((int)-len));
        return;
    }
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        if (l[0] == '&')
            load_in_child(l + 1);
        else
            load_module(l + (l[0] == '-'), l[0] == '-');
    }
    if (!loading())
        close_kernel();
}

void boot_check_xen(void)
{
    static const char *const nodes[] = {"/dev/xen/xenbus", "/dev/xen/evtchn", "/dev/xen/gntdev"};
    char type[16] = "";
    int fd = open("/sys/hypervisor/type", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, type, sizeof(type) - 1) < 0)
            type[0] = '\0';
        close(fd);
    }
    if (strcmp(type, "xen\n") != 0) {
        log_error("this kernel does not run under Xen, so no guest can be served: start the image "
                  "with xl create");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        if (access(nodes[i], F_OK) < 0)
            log_error("%s is missing: the image lacks its module, build it again", nodes[i]);
    }
}

void boot_read_conf(struct conf *c)
{
    struct conf_error err;
    ssize_t len = read_text("/etc/drvdom.conf");

    *c = (struct conf){0};
    if (len < 0)
        log_error("/etc/drvdom.conf: %s", strerror((int)-len));
    else if (conf_parse(c, text, (size_t)len, &err) < 0)
        log_error("/etc/drvdom.conf:%u: %s (this line and what follows is ignored)", err.line,
                  err.text);
}

static int make_file(const struct conf_file *f)
{
    int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = 0;

    if (fd < 0)
        return -errno;
    /* Allocated at once unless told otherwise: a guest that fills a sparse file must not meet the
     * end of memory. */
    if (f->sparse)
        rc = ftruncate(fd, (off_t)f->size_bytes) < 0 ? -errno : 0;
    else
        rc = fallocate(fd, 0, 0, (off_t)f->size_bytes) < 0 ? -errno : 0;
    close(fd);
    if (rc < 0)
        unlink(f->path);
    return rc;
}

void boot_files(const struct conf *c)
{
    for (unsigned i = 0; i < c->file_count; i++) {
        int rc = make_file(&c->files[i]);

        if (rc < 0)
            log_error("file %s: cannot make its %llu bytes: %s%s", c->files[i].path,
                      (unsigned long long)c->files[i].size_bytes, strerror(-rc),
                      rc == -ENOSPC ? ": give the domain more memory, or say sparse" : "");
    }
}
