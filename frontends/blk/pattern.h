/*
 * What a verified sector holds: keyed by disk, sector and generation, so that a sector found at the
 * wrong place, from an earlier write or from another disk tells where it came from.  PURE.
 */
#ifndef DRVDOM_BLKFRONT_PATTERN_H
#define DRVDOM_BLKFRONT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills one sector (512 bytes). */
void pattern_fill(uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation);

/* True when the sector holds exactly that. */
bool pattern_is(const uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation);

/* Says in `text` what a wrong sector holds instead. */
void pattern_explain(const uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation,
                     char *text, size_t size);

/* A small generator with a seed, for repeatable tests: xorshift64*. */
uint64_t pattern_random(uint64_t *state);

#endif
