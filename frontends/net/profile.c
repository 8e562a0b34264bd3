/* See profile.h. */
#include "frontends/net/profile.h"

#include <stddef.h>
#include <string.h>

#include "schema/vif.h"

/* clang-format off */
#define WAIT_2  {0, ST(INIT_WAIT), ST_NEVER}
#define GO_4    {XENBUS_CONNECTED, ST(CONNECTED), ST_NEVER | ST(CLOSING) | ST(CLOSED)}
#define CLOSE_5 {XENBUS_CLOSING, ST(CLOSING) | ST(CLOSED), ST_NEVER}
#define CLOSE_6 {XENBUS_CLOSED, ST(CLOSED), ST_NEVER}
#define AGAIN_1 {XENBUS_INITIALISING, ST(INIT_WAIT), ST_NEVER | ST(CONNECTED)}
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
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .queues = QUEUES_IF_MORE,
        .split = true,
        .sg = true,
        .gso4 = true,
        .gso6 = true,
        .csum4 = true,
        .csum6 = true,
        .rx_notify = true,
    },
    {
        /* Starts by closing, whatever it finds, and then wants exactly 2. */
        .name = "windows",
        .before = {CLOSE_5,
                   CLOSE_6,
                   {XENBUS_INITIALISING, ST_ANY & ~(ST(CLOSED) | ST(INITIALISING)), ST_NEVER},
                   {0, ST(INIT_WAIT), ST_ANY & ~ST(INIT_WAIT)}},
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6, AGAIN_1},
        .demands = {VIF_BACK_KEY_MULTI_QUEUE_MAX_QUEUES, VIF_BACK_KEY_FEATURE_RX_COPY},
        .queues = QUEUES_ALWAYS,
        .resets = true,
        .split = true,
        .sg = true,
        .gso4 = true,
        .gso6 = true,
        .csum4 = true,
        .csum6 = true,
        .rx_notify = true,
        .mcast = true,
        .says_csum4 = true,
    },
    {
        .name = "freebsd",
        .before = {WAIT_2},
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .sg = true,
        .gso4 = true,
        .csum4 = true,
        .rx_notify = true,
        .says_csum4 = true,
    },
    {
        /* Writes 3 before it has anything, and 4 once it has seen 2; features are read at attach.
         */
        .name = "netbsd",
        .before = {{XENBUS_INITIALISED, ST(INIT_WAIT), ST_NEVER | ST(CONNECTED)}},
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY, VIF_BACK_KEY_FEATURE_SG},
        .sg = true,
        .csum4 = true,
        .csum6 = true,
        .rx_notify = true,
        .says_vifname = true,
    },
    {
        .name = "openbsd",
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_MAC},
        .sg = true,
        .rx_notify = true,
        .says_csum4 = true,
    },
    {
        .name = "minios",
        .after = {GO_4},
        .close = MINIOS_CLOSE,
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .split = true,
        .sg = true,
        .gso4 = true,
        .gso6 = true,
        .csum4 = true,
        .csum6 = true,
        .rx_notify = true,
        .says_persistent = true,
    },
    {
        /* Its one queue has a directory, too, and it never says that it has posted buffers. */
        .name = "unikraft",
        .after = {GO_4},
        .close = MINIOS_CLOSE,
        .demands = {VIF_BACK_KEY_MULTI_QUEUE_MAX_QUEUES},
        .queues = QUEUES_IN_DIR,
        .split = true,
        .csum4 = true,
    },
    {
        .name = "nanos",
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .csum4 = true,
        .rx_notify = true,
        .says_vifname = true,
        .first_slot_is_share = true,
    },
    {
        .name = "mirage",
        .before = {WAIT_2},
        .after = {GO_4},
        .close = {CLOSE_5, CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .sg = true,
        .gso4 = true,
        .csum4 = true,
        .rx_notify = true,
    },
    {
        /* Wants exactly 6 and exactly 2, and the whole handshake within 5 s. */
        .name = "ipxe",
        .before = {CLOSE_6, {XENBUS_INITIALISING, ST(INIT_WAIT), ST_NEVER | ST(CONNECTED)}},
        .after = {GO_4},
        .close = {CLOSE_6},
        .demands = {VIF_BACK_KEY_FEATURE_RX_COPY},
        .resets = true,
        .sg = true,
        .rx_notify = true,
        .says_csum4 = true,
        .tx_max = 16,
        .rx_max = 32,
    },
};

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

const char *profile_name(unsigned i)
{
    return i < ARRAY_SIZE(profiles) ? profiles[i].name : NULL;
}
