/*
 * A block request as a frontend writes it, and an answer as it reads it, in each of the three ABIs
 * of xen/io/protocols.h.  PURE.
 *
 * The layouts are Xen's own header's, not the backend's: a mistake in either would otherwise be
 * shared by both and never be seen.
 */
#ifndef DRVDOM_BLKFRONT_REQ_H
#define DRVDOM_BLKFRONT_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/io/blkif.h>

enum bf_abi { BF_ABI_NATIVE, BF_ABI_X86_32, BF_ABI_X86_64 };

enum {
    BF_SLOT_MAX = 112, /* bytes: the largest request */
    BF_SECTOR = 512,   /* the unit of all sector numbers (hostile-peers B19) */
    BF_PAGE = 4096,
    BF_SECTORS_PER_PAGE = BF_PAGE / BF_SECTOR,
    BF_SEGS_DIRECT = BLKIF_MAX_SEGMENTS_PER_REQUEST,
    BF_SEGS_PER_PAGE = BF_PAGE / sizeof(struct blkif_request_segment),
    BF_INDIRECT_PAGES = BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST,
};

/* Every field any kind of request has.  `op` selects the shape: DISCARD, INDIRECT, else the plain
 * one.  Nothing is checked: a hostile test peer writes what it likes. */
struct bf_req {
    uint8_t op;
    uint8_t nr_segments;
    uint16_t handle;
    uint64_t id, sector;
    struct blkif_request_segment seg[BF_SEGS_DIRECT];
    /* DISCARD */
    uint8_t flag;
    uint64_t nr_sectors;
    /* INDIRECT */
    uint8_t inner_op;
    uint16_t nr_indirect;
    uint32_t gref[BF_INDIRECT_PAGES];
};

struct bf_answer {
    uint64_t id;
    uint8_t op;
    int16_t status; /* BLKIF_RSP_ */
    bool padded;    /* a byte outside the fields is not zero (B20) */
};

/* Bytes of a ring slot. */
uint32_t bf_slot_size(enum bf_abi abi);

/* Writes the request as the ABI has it into `slot` (BF_SLOT_MAX bytes, all of them set); returns
 * the size that counts. */
uint32_t bf_req_encode(const struct bf_req *r, enum bf_abi abi, uint8_t *slot);

/* The operation that the answer carries: for an indirect request the inner one, or Linux would kill
 * the disk (peers 3.2). */
uint8_t bf_req_answer_op(const struct bf_req *r);

/* Reads an answer out of a private copy of its slot. */
void bf_answer_decode(const uint8_t *slot, uint32_t slot_size, struct bf_answer *a);

const char *bf_status_name(int status);

#endif
