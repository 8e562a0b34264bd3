/* See maptrack.h. */
#include "dom0-tools/maptrack.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING_MAX = 1 << 20, ASK_MS = 20, TRIES = 100 };

static const char the_end[] = "gnttab_usage_print_all ] done";

/* "  1 frames (64 max), 0 maptrack frames (1024 max)", after Xen's prefix */
int maptrack_find(const char *text, unsigned domid, uint64_t *used, uint64_t *limit)
{
    unsigned long u, l;
    char head[48];
    const char *at, *end;

    snprintf(head, sizeof(head), "grant-table for remote d%u (", domid);
    at = strstr(text, head);
    at = at ? strchr(at, '\n') : NULL;
    end = at ? strchr(at + 1, '\n') : NULL;
    at = at ? strstr(at, "max), ") : NULL;
    if (!at || (end && at > end) || sscanf(at, "max), %lu maptrack frames (%lu max)", &u, &l) != 2)
        return -ENOENT;
    *used = u;
    *limit = l;
    return 0;
}

/* All that the ring holds behind *index, which moves on; terminated. */
static int read_ring(xc_interface *xc, char *text, size_t *len, uint32_t *index)
{
    unsigned n = (unsigned)(RING_MAX - 1 - *len);

    if (xc_readconsolering(xc, text + *len, &n, 0, 1, index))
        return -1;
    *len += n;
    text[*len] = '\0';
    return 0;
}

char *maptrack_print(xc_interface *xc)
{
    char *text = malloc(RING_MAX);
    uint32_t index = 0;
    size_t len = 0;

    if (!text)
        return NULL;
    /* What is there already is somebody else's, perhaps an older dump. */
    if (read_ring(xc, text, &len, &index) || xc_send_debug_keys(xc, "g")) {
        free(text);
        return NULL;
    }
    len = 0;
    for (int i = 0; i < TRIES; i++) {
        if (read_ring(xc, text, &len, &index) == 0 && strstr(text, the_end))
            return text;
        poll(NULL, 0, ASK_MS);
    }
    free(text);
    errno = ETIMEDOUT;
    return NULL;
}
