/*
 * /etc/drvdom.conf: what drvdom-init brings up inside a driver domain.  Read twice: by
 * `drvdom image build`, which refuses a bad file, and by drvdom-init.  PURE.
 *
 * Line-based; words are separated by blanks; `#` starts a comment.  See example.conf.
 */
#ifndef DRVDOM_IMAGE_CONF_H
#define DRVDOM_IMAGE_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

/* Fixed sizes: PID 1 allocates nothing, and a configuration that needs more is a typo. */
enum {
    CONF_ENTRIES = 16,    /* of each kind */
    CONF_PORTS = 8,       /* of one bridge */
    CONF_NAME_BYTES = 64, /* a module name is shorter than 56 */
    CONF_PATH_BYTES = 128,
    CONF_ARGS_BYTES = 256,
    CONF_TARGET_BYTES = 16, /* DM_MAX_TYPE_NAME of linux/dm-ioctl.h */
};

struct conf_module {
    char name[CONF_NAME_BYTES];
    char args[CONF_ARGS_BYTES]; /* "" when none */
};

struct conf_bridge {
    char name[IFNAMSIZ];
    char ports[CONF_PORTS][IFNAMSIZ];
    unsigned port_count;
    bool vlans; /* it filters them; its ports here carry all */
};

struct conf_nic {
    char ifname[IFNAMSIZ]; /* the name it gets */
    uint8_t mac[6];
};

struct conf_address {
    char ifname[IFNAMSIZ];
    uint32_t addr; /* host byte order */
    unsigned prefix;
};

struct conf_mtu {
    char ifname[IFNAMSIZ];
    unsigned mtu;
};

struct conf_wait {
    char path[CONF_PATH_BYTES];
    unsigned seconds;
};

/* A file system; its module is in the image. */
struct conf_mount {
    char device[CONF_PATH_BYTES];
    char where[CONF_PATH_BYTES];
    char type[CONF_NAME_BYTES];
};

struct conf_file {
    char path[CONF_PATH_BYTES];
    uint64_t size_bytes;
    bool sparse; /* memory is taken when it is written, and may then be missing */
};

/* A device-mapper device of one target: /dev/mapper/NAME. */
struct conf_map {
    char name[CONF_NAME_BYTES];
    char target[CONF_TARGET_BYTES];
    uint64_t sectors; /* of 512 bytes */
    char args[CONF_ARGS_BYTES];
};

struct conf {
    struct conf_module modules[CONF_ENTRIES];
    unsigned module_count;
    struct conf_nic nics[CONF_ENTRIES];
    unsigned nic_count;
    struct conf_bridge bridges[CONF_ENTRIES];
    unsigned bridge_count;
    struct conf_address addresses[CONF_ENTRIES];
    unsigned address_count;
    struct conf_mtu mtus[CONF_ENTRIES];
    unsigned mtu_count;
    struct conf_wait waits[CONF_ENTRIES];
    unsigned wait_count;
    struct conf_file files[CONF_ENTRIES];
    unsigned file_count;
    struct conf_mount mounts[CONF_ENTRIES];
    unsigned mount_count;
    struct conf_map maps[CONF_ENTRIES];
    unsigned map_count;
    char drvdomd_args[CONF_ENTRIES][CONF_PATH_BYTES];
    unsigned drvdomd_arg_count;
    uint32_t gateway; /* host byte order */
    bool has_gateway;
    bool forward;
    unsigned watchdog_seconds; /* 0: none */
    bool nbd;                  /* the image has the worker for NBD, and its libraries */
};

struct conf_error {
    unsigned line;
    char text[192];
};

/*
 * Parses `len` bytes into *c, which is emptied first.  0, or -EINVAL at the first bad line with
 * *err filled; *c then holds what the lines before it said.
 */
must_check int conf_parse(struct conf *c, const char *text, size_t len, struct conf_error *err);

#endif
