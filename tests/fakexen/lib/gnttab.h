/*
 * fakexen: the handle libxengnttab uses for both halves, gnttab (others' pages) and gntshr (own).
 */
#ifndef DRVDOM_FAKEXEN_GNTTAB_H
#define DRVDOM_FAKEXEN_GNTTAB_H

#include <pthread.h>
#include <sys/types.h>

#include <xengnttab.h>

#include "tests/fakexen/lib/client.h"
#include "tests/fakexen/lib/toolcore.h"

struct gnt_map {
    uint8_t *addr;
    uint32_t count;
    uint32_t id; /* the broker's */
    struct gnt_map *next;
};

struct xengntdev_handle {
    struct fx_active active; /* first: the callback gets its address */
    int fd;                  /* for xengnttab_fd() only */
    uint32_t id;
    uint32_t op_close;
    _Atomic bool
        restricted;       /* by xentoolcore_restrict_all(): good for nothing any more, as on Xen */
    pthread_mutex_t lock; /* maps */
    struct gnt_map *maps;
};

xengnttab_handle *gnt_handle_open(uint32_t op_open, uint32_t op_close);
int gnt_handle_close(xengnttab_handle *h);

/*
 * Makes `count` pages contiguous in this process: page i is frame[i * stride] of dom[i] (dom[0] for
 * all when `one`).  NULL with errno.
 */
uint8_t *gnt_pages_map(struct fx_dom *const *dom, bool one, const uint32_t *frame, unsigned stride,
                       uint32_t count, int prot);

/* Remembers a mapping; -ENOMEM. */
int gnt_map_add(xengnttab_handle *h, uint8_t *addr, uint32_t count, uint32_t id);

/* Takes it out again: the broker's id, or -EINVAL if there is none at exactly that place. */
int64_t gnt_map_take(xengnttab_handle *h, void *addr, uint32_t count);

#endif
