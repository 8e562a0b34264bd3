/*
 * The blackbox of a driver domain: memory that outlives its workers, drvdomd, and, when dom0's
 * drvdom-guard has granted it, the domain itself.  Recovery state and flight recorder in one.
 * PURE: layout and access.
 *
 *   head   drvdomd's alone: a log ring, and who is in each slot (identity records)
 *   slot   one per device, mapped by its worker too: a log ring, struct dev_stats, the journal
 *   index  the grant references of all of it, one read-only page, only with a guard
 *
 * Identity records are kept twice and written in turn, each with a sequence number and a crc32: a
 * write that is cut anywhere leaves the older one.  Everybody who reads copies first and checks
 * the copy: the writer may be compromised.
 */
#ifndef DRVDOM_XEN_BLACKBOX_H
#define DRVDOM_XEN_BLACKBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"
#include "transport/xen/stats.h"

enum {
    BB_VERSION = 2,
    BB_PAGE = 4096,
    BB_SLOTS = 16,
    BB_HEAD_PAGES = 10,
    BB_SLOT_PAGES = 62,
    BB_LOG_BYTES = BB_PAGE,
    BB_HEAD_LOG_BYTES = 2 * BB_PAGE,
    BB_STATS_PAGES = 31,
    BB_JOURNAL_PAGES = BB_SLOT_PAGES - BB_STATS_PAGES - 1,
    BB_JOURNAL_BYTES = BB_JOURNAL_PAGES * BB_PAGE,
    BB_REFS = BB_HEAD_PAGES + BB_SLOTS * BB_SLOT_PAGES,
    BB_PAYLOAD_MAX = 984,
    BB_TEXT_MAX = BB_HEAD_LOG_BYTES, /* a log ring never holds more */
};

/* Which device is in a slot, and what its worker was told when it connected. */
struct bb_ident {
    uint32_t magic, crc;
    uint32_t version, seq;
    char kind[8];
    uint32_t domid, devid;
    uint32_t connected; /* payload is what CONNECT said; 0: not connected, or slot is empty */
    uint32_t payload_len;
    uint8_t payload[BB_PAYLOAD_MAX];
};

struct bb_head {
    uint8_t log[BB_HEAD_LOG_BYTES];
    struct bb_ident ident[BB_SLOTS][2];
};

struct bb_slot {
    uint8_t log[BB_LOG_BYTES];
    union {
        struct dev_stats stats;
        uint8_t stats_pages[BB_STATS_PAGES * BB_PAGE];
    };
    uint8_t journal[BB_JOURNAL_BYTES];
};

_Static_assert(sizeof(struct bb_ident) == 1024, "two of them fill half a page");
_Static_assert(sizeof(struct bb_head) == (size_t)BB_HEAD_PAGES * BB_PAGE, "the head's pages");
_Static_assert(sizeof(struct bb_slot) == (size_t)BB_SLOT_PAGES * BB_PAGE, "the slot's pages");

struct bb_index {
    uint32_t magic, crc, version;
    uint32_t head_pages, slots, slot_pages;
    uint32_t ref[BB_REFS]; /* the head's, then each slot's */
};
_Static_assert(sizeof(struct bb_index) <= BB_PAGE, "the index is one page");

/* Reads the valid record of highest sequence into *out; false: there is none. */
bool bb_ident_read(const struct bb_ident pair[2], struct bb_ident *out);
/* Writes kind, domid, devid, connected and payload of *v; the record read now stays readable until
 * the new one is complete. */
void bb_ident_write(struct bb_ident pair[2], const struct bb_ident *v);

void bb_index_seal(struct bb_index *x);
/* Is it an index, and of this layout? */
bool bb_index_ok(const struct bb_index *x);

/* ---- log rings: text that wraps around, `bytes` long in all ---- */

/* Makes an empty ring unless there is one. */
void bb_log_init(uint8_t *ring, size_t bytes);
/* Several threads may write at once: whole lines, unless the ring wraps over them. */
void bb_log_add(uint8_t *ring, size_t bytes, const char *line, size_t len);
/* Copies the lines that are still whole, oldest first, unprintable bytes as '?', terminated.
 * Returns the length; out has room for `bytes` at least. */
size_t bb_log_read(const uint8_t *ring, size_t bytes, char *out);

#endif
