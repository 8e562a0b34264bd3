/*
 * Conformance: grant copy, status by status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conf.h"

enum { PAGE = 4096, POISON_AT = 17 };

static uint8_t *local; /* four pages, page-aligned */

static xengnttab_grant_copy_segment_t from(uint32_t domid, uint32_t ref, uint16_t off, void *to,
                                           uint16_t len)
{
    xengnttab_grant_copy_segment_t s = {.len = len, .flags = GNTCOPY_source_gref, .status = 99};

    s.source.foreign.ref = ref;
    s.source.foreign.offset = off;
    s.source.foreign.domid = (uint16_t)domid;
    s.dest.virt = to;
    return s;
}

static xengnttab_grant_copy_segment_t into(uint32_t domid, uint32_t ref, uint16_t off, void *src,
                                           uint16_t len)
{
    xengnttab_grant_copy_segment_t s = {.len = len, .flags = GNTCOPY_dest_gref, .status = 99};

    s.dest.foreign.ref = ref;
    s.dest.foreign.offset = off;
    s.dest.foreign.domid = (uint16_t)domid;
    s.source.virt = src;
    return s;
}

static void one(const char *name, xengnttab_grant_copy_segment_t s)
{
    int rc = xengnttab_grant_copy(gnt, 1, &s);

    say(name, rc);
    if (rc == 0)
        printf("%s: status %d\n", name, s.status);
}

static void both_ways(uint32_t ref, uint32_t ro)
{
    one("copy from", from(front.domid, ref, 0, local, PAGE));
    printf("copied: %#x %#x\n", local[0], local[PAGE - 1]);
    memset(local, 0x5a, PAGE);
    one("copy into", into(front.domid, ref, 10, local, 100));
    printf("peer has: %#x %#x\n", peer_do(&front, P_PEEK, ref, 109, 0).rc,
           peer_do(&front, P_PEEK, ref, 110, 0).rc);
    one("copy from read-only", from(front.domid, ro, 0, local, 8));
    one("copy into read-only", into(front.domid, ro, 0, local, 8));
    one("copy to the last byte", from(front.domid, ref, 4000, local, 96));
    one("copy across local pages", from(front.domid, ref, 0, local + 4000, 4096));
    printf("across: %#x %#x\n", local[4000 + 10], local[4000 + 4095]);
    one("copy nothing of a bad reference", from(front.domid, 0x7fffffff, 0, local, 0));
}

static void refused(uint32_t ref)
{
    uint32_t other = peer_do(&front, P_SHARE, 501, 1, 1).ref[0];
    uint32_t gone = share1(1);

    peer_do(&front, P_UNSHARE, gone, 0, 0);
    one("copy past the page", from(front.domid, ref, 4000, local, 97));
    one("copy offset beyond the page", from(front.domid, ref, 5000, local, 1));
    one("copy bad reference", from(front.domid, 0x7fffffff, 0, local, 8));
    one("copy revoked", from(front.domid, gone, 0, local, 8));
    one("copy granted to another", from(front.domid, other, 0, local, 8));
    one("copy of no such domain", from(700, ref, 0, local, 8));
    peer_do(&front, P_UNSHARE, other, 0, 0);
}

/* hostile-peers R18: what is known after a call that failed in the middle */
static void poison(uint32_t ref)
{
    xengnttab_grant_copy_segment_t s[POISON_AT + 2];
    int rc;

    memset(local, 0, PAGE);
    peer_do(&front, P_POKE, ref, 0, 0x99);
    for (int i = 0; i < POISON_AT + 2; i++)
        s[i] = from(front.domid, ref, 0, local + i, 1);
    s[POISON_AT].source.foreign.offset = PAGE;
    rc = xengnttab_grant_copy(gnt, POISON_AT + 2, s);
    say("poisoned batch", rc);
    for (int i = 0; i < POISON_AT + 2; i++)
        printf("poison[%d]: status %d byte %#x\n", i, s[i].status, local[i]);
}

static void mixed(uint32_t ref)
{
    xengnttab_grant_copy_segment_t s[3];
    uint32_t to = share1(1);
    int rc;

    memset(local, 0, PAGE);
    s[0] = from(front.domid, ref, 0, local, 4);
    s[1] = from(front.domid, 0x7fffffff, 0, local + 8, 4);
    s[2] = from(front.domid, ref, 0, local + 16, 4);
    rc = xengnttab_grant_copy(gnt, 3, s);
    say("one bad of three", rc);
    printf("three: %d %d %d; %#x %#x %#x\n", s[0].status, s[1].status, s[2].status, local[0],
           local[8], local[16]);
    s[0] = from(front.domid, ref, 0, NULL, 4);
    s[0].flags |= GNTCOPY_dest_gref;
    s[0].dest.foreign.ref = to;
    s[0].dest.foreign.offset = 50;
    s[0].dest.foreign.domid = (uint16_t)front.domid;
    one("copy from grant to grant", s[0]);
    printf("grant to grant: %#x\n", peer_do(&front, P_PEEK, to, 50, 0).rc);
    say("copy no segments", xengnttab_grant_copy(gnt, 0, s));
    peer_do(&front, P_UNSHARE, to, 0, 0);
}

void conf_copy(void)
{
    uint32_t ref = share1(1), ro = share1(0);

    local = aligned_alloc(PAGE, (size_t)4 * PAGE);
    if (!local)
        abort();
    memset(local, 0, (size_t)4 * PAGE);
    both_ways(ref, ro);
    refused(ref);
    poison(ref);
    mixed(ref);
    peer_do(&front, P_UNSHARE, ref, 0, 0);
    peer_do(&front, P_UNSHARE, ro, 0, 0);
    free(local);
}
