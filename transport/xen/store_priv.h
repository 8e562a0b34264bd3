/* What store.c and store_ahead.c share, and nobody else includes. */
#ifndef DRVDOM_XEN_STORE_PRIV_H
#define DRVDOM_XEN_STORE_PRIV_H

#include "transport/xen/store.h"

struct xs_handle;
struct store_cache;

struct store {
    struct xs_handle *xs;
    struct store_cache *cache; /* NULL: everything is asked */
};

#endif
