/*
 * Grants, front end: pages of our own that another domain may use (libxengnttab's gntshr half,
 * /dev/xen/gntalloc).
 *
 * Giving a page back is safe at any time: while the peer still has it mapped, the kernel keeps it
 * granted and out of circulation, and frees it when the peer lets go (hostile-peers F4).
 */
#ifndef DRVDOM_XEN_SHARE_H
#define DRVDOM_XEN_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <xengnttab.h>

#include "transport/base/arith.h"

enum {
    SHARE_PAGE = 4096,
    SHARE_MAX = 1024, /* gntalloc's default `limit`: pages of all processes of the domain */
};

struct share {
    xengntshr_handle *h;
};

int share_open(struct share *s) must_check;
void share_close(struct share *s);

/* `count` fresh pages next to each other, zeroed, granted to `domid`; their references go to
 * refs[].  NULL and errno when the limit is reached. */
void *share_pages(struct share *s, unsigned domid, uint32_t count, uint32_t *refs, bool writable);
/* Ends the grant of exactly what one share_pages() gave. */
int share_end(struct share *s, void *mem, uint32_t count);

#endif
