/* See profile.h. */
#include "frontends/blk/profile.h"

#include <stddef.h>
#include <string.h>

#include "schema/vbd.h"

/* clang-format off */
#define WAIT_2     {0, ST(INIT_WAIT), ST_NEVER}
#define GO_3       {XENBUS_INITIALISED, ST(CONNECTED), ST_NEVER | ST(CLOSING) | ST(CLOSED)}
#define GO_4       {XENBUS_CONNECTED, ST(CONNECTED), ST_NEVER | ST(CLOSING) | ST(CLOSED)}
#define SAY_4      {XENBUS_CONNECTED, 0, 0}
#define CLOSE_5    {XENBUS_CLOSING, ST(CLOSING) | ST(CLOSED), ST_NEVER}
#define CLOSE_6    {XENBUS_CLOSED, ST(CLOSED), ST_NEVER}
#define AGAIN_1    {XENBUS_INITIALISING, ST(INIT_WAIT), ST_NEVER | ST(CONNECTED)}
/* clang-format on */

/* Mini-OS and its relatives wait for "at least", as they wrote it for states that only grow. */
#define MINIOS_CLOSE                                                                               \
    {                                                                                              \
        {XENBUS_CLOSING, ST_FROM(CLOSING), 0}, {XENBUS_CLOSED, ST_FROM(CLOSED), 0}, AGAIN_1        \
    }

static const struct profile profiles[] = {
    {
        .name = "linux",
        .before = {WAIT_2},
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE},
        .order = ORDER_IF_MORE,
        .queues = QUEUES_IF_MORE,
        .max_order = 4,
        .persistent = true,
        .indirect = true,
    },
    {
        /* Starts by closing, whatever it finds, and then wants exactly 2. */
        .name = "windows",
        .before = {CLOSE_5,
                   CLOSE_6,
                   {XENBUS_INITIALISING, ST_ANY & ~(ST(CLOSED) | ST(INITIALISING) | ST_NEVER),
                    ST_NEVER},
                   {0, ST(INIT_WAIT), ST_ANY & ~ST(INIT_WAIT)}},
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6, AGAIN_1},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE},
        .order = ORDER_IF_MORE,
        .queues = QUEUES_ALWAYS,
        .max_order = 4,
        .persistent = true,
        .indirect = true,
    },
    {
        .name = "freebsd",
        .before = {{0, ST(INIT_WAIT) | ST(INITIALISED), 0}},
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE, VBD_BACK_KEY_INFO},
        .order = ORDER_BOTH_KEYS,
        .max_order = 4,
        .indirect = true,
    },
    {
        /* Features and size are read at attach, nothing is waited for before 3. */
        .name = "netbsd",
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE, VBD_BACK_KEY_INFO},
        .order = ORDER_NONE,
        .indirect = true,
        .indirect_min = 17,
    },
    {
        .name = "openbsd",
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_TYPE, VBD_BACK_KEY_DEV, VBD_BACK_KEY_SECTORS},
        .order = ORDER_BOTH_KEYS,
        .max_order = 3,
    },
    {
        .name = "minios",
        .after = {GO_4},
        .close = MINIOS_CLOSE,
        .demands = {VBD_BACK_KEY_MODE, VBD_BACK_KEY_SECTORS},
    },
    {
        .name = "unikraft",
        .after = {GO_4},
        .close = MINIOS_CLOSE,
        .demands = {VBD_BACK_KEY_MULTI_QUEUE_MAX_QUEUES, VBD_BACK_KEY_FEATURE_FLUSH_CACHE,
                    VBD_BACK_KEY_FEATURE_BARRIER, VBD_BACK_KEY_MODE, VBD_BACK_KEY_SECTORS},
        .queues = QUEUES_ALWAYS,
        .protocol = PROTOCOL_NONE,
    },
    {
        .name = "nanos",
        .before = {WAIT_2},
        .after = {GO_3, SAY_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE},
        .needs_512 = true,
    },
    {
        /* Spins as long as the state is exactly 2 and takes anything else for success; goes to 6
         * at once and waits for 6 without a limit. */
        .name = "grub",
        .after = {{XENBUS_INITIALISED, ST(CONNECTED), ST_ANY & ~(ST(INIT_WAIT) | ST(CONNECTED))}},
        .close = {CLOSE_6, {XENBUS_INITIALISING, 0, 0}},
        .demands = {VBD_BACK_KEY_DEV, VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_SECTOR_SIZE},
    },
    {
        /* Fails when the backend's state jumps past 5. */
        .name = "ovmf",
        .after = {GO_4},
        .close = {{XENBUS_CLOSING, ST(CLOSING), ST_NEVER | ST(CLOSED)},
                  {XENBUS_CLOSED, ST(CLOSED), ST_NEVER | ST(INIT_WAIT)},
                  AGAIN_1},
        .demands = {VBD_BACK_KEY_SECTORS, VBD_BACK_KEY_FEATURE_FLUSH_CACHE,
                    VBD_BACK_KEY_FEATURE_BARRIER},
    },
    {
        /* Fixed at the 32-bit layout, whatever it runs on. */
        .name = "mirage",
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VBD_BACK_KEY_MODE, VBD_BACK_KEY_SECTORS},
        .order = ORDER_IF_MORE,
        .protocol = PROTOCOL_X86_32,
        .max_order = 2,
        .indirect = true,
    },
};

const struct profile *bf_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

const char *bf_profile_name(unsigned i)
{
    return i < sizeof(profiles) / sizeof(profiles[0]) ? profiles[i].name : NULL;
}
