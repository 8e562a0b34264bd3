/*
 * drvdomd's side of the blackbox (transport/xen/blackbox.h): where its memory comes from, and which
 * devices a predecessor left in it.
 *
 * In this order: dom0's drvdom-guard has granted it (survives the domain); drvdom-init has made it
 * and hands it to every drvdomd (survives drvdomd); or it is our own (survives the workers).
 */
#ifndef DRVDOM_DRVDOMD_BOX_H
#define DRVDOM_DRVDOMD_BOX_H

#include "transport/xen/backend.h"
#include "transport/xen/blackbox.h"
#include "transport/xen/grant.h"

/* drvdom-init puts the number of the first of 1 + BB_SLOTS descriptors here: head, slots. */
#define BOX_FDS_ENV "DRVDOM_BOX_FDS"

struct box {
    bool inherited; /* a predecessor's devices may be in it */
    bool guarded;
    struct grant grant;
    uint32_t ref[BB_REFS];
    struct bb_head *head;
    struct bb_slot *slot[BB_SLOTS];
    int fd[BB_SLOTS];
};

/* 0 or -errno.  What is found in the head is logged as the last words of the predecessor. */
int box_open(struct box *b, struct store *s) must_check;

/* The slot of a device that was left connected, or -1. */
int box_find(const struct box *b, const char *kind, uint32_t domid, uint32_t devid);
/* Will a successor of ours find this slot? */
bool box_survives(const struct box *b, unsigned slot);
/* Is this slot claimed by any such device? */
bool box_is_claimed(const struct box *b, unsigned slot);

/* Memory of one slot for a device: *mem, and the descriptor of it, or -1 when it is granted memory.
 * Slots from BB_SLOTS on get memory of their own, that nobody inherits.  `fresh`: emptied. */
int box_take(struct box *b, unsigned slot, bool fresh, struct bb_slot **mem, int *fd) must_check;
void box_give(struct box *b, unsigned slot, struct bb_slot *mem, int fd);

/* The references of a slot's pages; only of a granted box. */
const uint32_t *box_refs(const struct box *b, unsigned slot);

/* Who is in the slot; payload NULL: not connected.  The claim outlives us. */
void box_note(struct box *b, unsigned slot, const char *kind, const struct dev_id *id,
              const void *payload, size_t len);
/* The payload noted: its length, 0 when there is none. */
size_t box_payload(const struct box *b, unsigned slot, void *payload);
/* Nobody is in it. */
void box_forget(struct box *b, unsigned slot);

#endif
