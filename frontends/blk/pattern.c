/* See pattern.h. */
#include "frontends/blk/pattern.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 512 / 8, HEAD_WORDS = 4 };

static const uint64_t MAGIC = 0x6d6f647672640a01; /* "\x01\ndrvdom" */

uint64_t pattern_random(uint64_t *state)
{
    uint64_t x = *state ? *state : 1;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1d;
}

/* The words behind the head depend on all of it, so that no byte can be right by chance. */
void pattern_fill(uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation)
{
    uint64_t word[WORDS] = {MAGIC, seed, sector, generation};
    uint64_t state = seed ^ (sector * 0x9e3779b97f4a7c15) ^ ((uint64_t)generation << 40) ^ MAGIC;

    for (unsigned i = HEAD_WORDS; i < WORDS; i++)
        word[i] = pattern_random(&state);
    memcpy(buf, word, sizeof(word));
}

bool pattern_is(const uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation)
{
    uint8_t want[512];

    pattern_fill(want, seed, sector, generation);
    return memcmp(buf, want, sizeof(want)) == 0;
}

static unsigned first_difference(const uint8_t *buf, uint64_t seed, uint64_t sector,
                                 uint32_t generation)
{
    uint8_t want[512];
    unsigned i = 0;

    pattern_fill(want, seed, sector, generation);
    while (i < sizeof(want) - 1 && buf[i] == want[i])
        i++;
    return i;
}

void pattern_explain(const uint8_t *buf, uint64_t seed, uint64_t sector, uint32_t generation,
                     char *text, size_t size)
{
    static const uint8_t zero[512];
    uint64_t head[HEAD_WORDS];

    memcpy(head, buf, sizeof(head));
    if (head[0] == MAGIC && pattern_is(buf, head[1], head[2], (uint32_t)head[3]))
        snprintf(text, size,
                 "sector %llu should hold generation %u, but holds sector %llu%s, "
                 "generation %llu",
                 (unsigned long long)sector, generation, (unsigned long long)head[2],
                 head[1] == seed ? "" : " of another disk", (unsigned long long)head[3]);
    else if (memcmp(buf, zero, sizeof(zero)) == 0)
        snprintf(text, size, "sector %llu should hold generation %u, but is all zero",
                 (unsigned long long)sector, generation);
    else
        snprintf(text, size, "sector %llu should hold generation %u, but differs from byte %u on",
                 (unsigned long long)sector, generation,
                 first_difference(buf, seed, sector, generation));
}
