/*
 * Range checks that cannot wrap.  All sizes in the caller's unit.
 */
#ifndef DRVDOM_BASE_ARITH_H
#define DRVDOM_BASE_ARITH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is [off, off + len) inside [0, size)?  Subtractive, so off + len is never computed. */
static inline bool in_range(uint64_t off, uint64_t len, uint64_t size)
{
    return len <= size && off <= size - len;
}

static inline bool is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

/* Largest power of two <= v; v must not be 0. */
static inline uint32_t pow2_floor(uint32_t v)
{
    return UINT32_C(1) << (31 - __builtin_clz(v));
}

static inline uint64_t round_up(uint64_t v, uint64_t pow2)
{
    return (v + pow2 - 1) & ~(pow2 - 1);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
#define must_check    __attribute__((warn_unused_result))

#endif
