/*
 * What blkif looks like in memory (xen/io/blkif.h), for each of the three ABIs of
 * xen/io/protocols.h.
 *
 * These are private copies' layouts: ring.c copies a slot into a `union blkif_slot`, and only that
 * is ever read.  The two ABIs differ because i386 aligns a uint64_t to 4 bytes:
 *
 *   request      op nr handle  id   sector  seg[11]        size    indirect: handle  grefs[8]
 *   x86_64       0  1  2       8    16      24             112               24      28
 *   x86_32       0  1  2       4    12      20             108               20      24
 *
 * Native is x86_64 here: driver domains are 64-bit.
 */
#ifndef DRVDOM_BLK_BLKIF_ABI_H
#define DRVDOM_BLK_BLKIF_ABI_H

#include <stddef.h>
#include <stdint.h>

enum blkif_abi { BLKIF_ABI_X86_64, BLKIF_ABI_X86_32 };

enum blkif_op {
    BLKIF_READ = 0,
    BLKIF_WRITE = 1,
    BLKIF_BARRIER = 2, /* BLKIF_OP_WRITE_BARRIER */
    BLKIF_FLUSH = 3,   /* BLKIF_OP_FLUSH_DISKCACHE */
    BLKIF_RESERVED = 4,
    BLKIF_DISCARD = 5,
    BLKIF_INDIRECT = 6,
};

enum { BLKIF_OKAY = 0, BLKIF_ERROR = -1, BLKIF_EOPNOTSUPP = -2 };

enum {
    BLKIF_SEGS = 11,          /* in one direct request */
    BLKIF_INDIRECT_PAGES = 8, /* named by one indirect request */
    BLKIF_SEGS_PER_PAGE = 512,
    BLKIF_PAGE = 4096,
    BLKIF_SECTOR = 512, /* the unit of every sector number, whatever sector-size says (xen
                           221f2748e8; hostile-peers B19) */
    BLKIF_SECTORS_PER_PAGE = BLKIF_PAGE / BLKIF_SECTOR,
    BLKIF_DISCARD_SECURE = 1,
};

enum { BLKIF_DISK_CDROM = 1, BLKIF_DISK_REMOVABLE = 2, BLKIF_DISK_READONLY = 4 }; /* `info` */

struct blkif_seg {
    uint32_t gref;
    uint8_t first_sect, last_sect; /* inclusive */
    uint16_t pad;
};
_Static_assert(sizeof(struct blkif_seg) == 8, "the same in every ABI");

struct blkif_x86_64_rw {
    uint8_t op, nr_segments;
    uint16_t handle;
    uint32_t pad;
    uint64_t id;
    uint64_t sector;
    struct blkif_seg seg[BLKIF_SEGS];
};
struct blkif_x86_64_discard {
    uint8_t op, flag;
    uint16_t handle;
    uint32_t pad;
    uint64_t id;
    uint64_t sector;
    uint64_t nr_sectors;
};
struct blkif_x86_64_indirect {
    uint8_t op, indirect_op;
    uint16_t nr_segments;
    uint32_t pad;
    uint64_t id;
    uint64_t sector;
    uint16_t handle, pad2;
    uint32_t gref[BLKIF_INDIRECT_PAGES];
    uint32_t pad3;
};

struct __attribute__((packed, aligned(4))) blkif_x86_32_rw {
    uint8_t op, nr_segments;
    uint16_t handle;
    uint64_t id;
    uint64_t sector;
    struct blkif_seg seg[BLKIF_SEGS];
};
struct __attribute__((packed, aligned(4))) blkif_x86_32_discard {
    uint8_t op, flag;
    uint16_t handle;
    uint64_t id;
    uint64_t sector;
    uint64_t nr_sectors;
};
struct __attribute__((packed, aligned(4))) blkif_x86_32_indirect {
    uint8_t op, indirect_op;
    uint16_t nr_segments;
    uint64_t id;
    uint64_t sector;
    uint16_t handle, pad2;
    uint32_t gref[BLKIF_INDIRECT_PAGES];
    uint64_t pad3;
};

/* One request slot, copied.  Read it only through req.c. */
union blkif_slot {
    uint8_t op;
    uint8_t bytes[112];
    struct blkif_x86_64_rw rw64;
    struct blkif_x86_64_discard discard64;
    struct blkif_x86_64_indirect indirect64;
    struct blkif_x86_32_rw rw32;
    struct blkif_x86_32_discard discard32;
    struct blkif_x86_32_indirect indirect32;
};

/* The used part of a response is the same in both; ring_back_put zeroes the rest (B20). */
struct blkif_rsp {
    uint64_t id;
    uint8_t op;
    uint8_t pad;
    int16_t status;
};

#define BLKIF_AT(type, member, offset)                                                             \
    _Static_assert(offsetof(struct blkif_##type, member) == (offset), #type "." #member)
BLKIF_AT(x86_64_rw, id, 8);
BLKIF_AT(x86_64_rw, sector, 16);
BLKIF_AT(x86_64_rw, seg, 24);
_Static_assert(sizeof(struct blkif_x86_64_rw) == 112, "x86_64 slot");
BLKIF_AT(x86_64_discard, id, 8);
BLKIF_AT(x86_64_discard, sector, 16);
BLKIF_AT(x86_64_discard, nr_sectors, 24);
BLKIF_AT(x86_64_indirect, nr_segments, 2);
BLKIF_AT(x86_64_indirect, id, 8);
BLKIF_AT(x86_64_indirect, sector, 16);
BLKIF_AT(x86_64_indirect, handle, 24);
BLKIF_AT(x86_64_indirect, gref, 28);
_Static_assert(sizeof(struct blkif_x86_64_indirect) == 64, "x86_64 indirect");
BLKIF_AT(x86_32_rw, id, 4);
BLKIF_AT(x86_32_rw, sector, 12);
BLKIF_AT(x86_32_rw, seg, 20);
_Static_assert(sizeof(struct blkif_x86_32_rw) == 108, "x86_32 slot");
BLKIF_AT(x86_32_discard, id, 4);
BLKIF_AT(x86_32_discard, sector, 12);
BLKIF_AT(x86_32_discard, nr_sectors, 20);
BLKIF_AT(x86_32_indirect, nr_segments, 2);
BLKIF_AT(x86_32_indirect, id, 4);
BLKIF_AT(x86_32_indirect, sector, 12);
BLKIF_AT(x86_32_indirect, handle, 20);
BLKIF_AT(x86_32_indirect, gref, 24);
_Static_assert(sizeof(struct blkif_x86_32_indirect) == 64, "x86_32 indirect");
BLKIF_AT(rsp, op, 8);
BLKIF_AT(rsp, status, 10);
#undef BLKIF_AT

/* Bytes of a ring slot. */
static inline uint32_t blkif_slot_size(enum blkif_abi abi)
{
    return abi == BLKIF_ABI_X86_32 ? sizeof(struct blkif_x86_32_rw)
                                   : sizeof(struct blkif_x86_64_rw);
}

#endif
