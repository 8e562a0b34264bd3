/*
 * A xenstore that is one text: lines "PATH=VALUE", or "PATH" alone for a node that we may not read;
 * the last one counts, values are any bytes but newline.  Paths begin with "B/" (our directory) or
 * with nothing (the frontend's, which is asked for as "F/").  What is written is not kept.
 */
#ifndef DRVDOM_FUZZ_STORE_H
#define DRVDOM_FUZZ_STORE_H

#include "transport/xen/store.h"

struct store {
    const char *text;
    size_t len;
};

#endif
