/* See map.h.
 * #syscalls: ioctl(DM_*), linux/dm-ioctl.h */
#include "driver-domain/init/map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One command and what goes with it, as the kernel wants it: the target's arguments follow. */
struct command {
    struct dm_ioctl head;
    struct dm_target_spec spec;
    char args[CONF_ARGS_BYTES];
};

_Static_assert(CONF_TARGET_BYTES <= DM_MAX_TYPE_NAME, "a target's name fits");
_Static_assert(CONF_NAME_BYTES <= DM_NAME_LEN, "a name fits");

static void begin(struct command *c, const struct conf_map *m)
{
    *c = (struct command){
        .head = {.version = {DM_VERSION_MAJOR, 0, 0},
                 .data_size = sizeof(*c),
                 .data_start = offsetof(struct command, spec)},
    };
    snprintf(c->head.name, sizeof(c->head.name), "%s", m->name);
}

static int run(int fd, unsigned long request, struct command *c)
{
    return ioctl(fd, request, c) ? -errno : 0;
}

static int load(int fd, struct command *c, const struct conf_map *m)
{
    begin(c, m);
    c->head.target_count = 1;
    c->spec.length = m->sectors;
    snprintf(c->spec.target_type, sizeof(c->spec.target_type), "%s", m->target);
    snprintf(c->args, sizeof(c->args), "%s", m->args);
    return run(fd, DM_TABLE_LOAD, c);
}

/* devtmpfs makes /dev/dm-N; the name is udev's part elsewhere. */
static int name_it(const struct command *c, const struct conf_map *m)
{
    char target[32], path[CONF_NAME_BYTES + 16];
    /* huge_encode_dev(): the minor's low 8 bits, then the major's 12, then the minor's others */
    unsigned minor = (unsigned)((c->head.dev & 0xff) | (c->head.dev >> 12 & 0xffffff00));

    snprintf(target, sizeof(target), "../dm-%u", minor);
    snprintf(path, sizeof(path), "/dev/mapper/%s", m->name);
    return symlink(target, path) && errno != EEXIST ? -errno : 0;
}

int map_make(const struct conf_map *m)
{
    static struct command c; /* PID 1 allocates nothing, and its stack is small */
    int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), rc;

    if (fd < 0)
        return errno == ENOENT ? -EOPNOTSUPP : -errno; /* no dm-mod: none will come */
    begin(&c, m);
    rc = run(fd, DM_DEV_CREATE, &c);
    if (!rc) {
        rc = load(fd, &c, m);
        if (!rc) {
            begin(&c, m);
            rc = run(fd, DM_DEV_SUSPEND, &c); /* without its flag: resume */
        }
        if (!rc)
            rc = name_it(&c, m);
        if (rc) {
            begin(&c, m);
            (void)run(fd, DM_DEV_REMOVE, &c);
        }
    }
    close(fd);
    return rc;
}
