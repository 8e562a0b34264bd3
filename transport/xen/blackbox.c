/* See blackbox.h. */
#include "transport/xen/blackbox.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { IDENT_MAGIC = 0x49565244 /* "DRVI" */, INDEX_MAGIC = 0x58565244 /* "DRVX" */ };

/* ---- identity ---- */

static uint32_t ident_sum(const struct bb_ident *v)
{
    const uint8_t *from = (const uint8_t *)&v->version;

    return (uint32_t)crc32(BB_VERSION, from,
                           (uInt)(sizeof(*v) - offsetof(struct bb_ident, version)));
}

static bool ident_ok(const struct bb_ident *v)
{
    return v->magic == IDENT_MAGIC && v->version == BB_VERSION && v->crc == ident_sum(v) &&
           v->payload_len <= BB_PAYLOAD_MAX && memchr(v->kind, '\0', sizeof(v->kind));
}

/* Copies both, as they may change while they are looked at; index of the newer, or -1. */
static int newest(const struct bb_ident pair[2], struct bb_ident copy[2])
{
    bool ok[2];

    memcpy(copy, pair, 2 * sizeof(*copy));
    ok[0] = ident_ok(&copy[0]);
    ok[1] = ident_ok(&copy[1]);
    if (ok[0] && ok[1])
        return (int32_t)(copy[1].seq - copy[0].seq) > 0;
    return ok[0] ? 0 : ok[1] ? 1 : -1;
}

bool bb_ident_read(const struct bb_ident pair[2], struct bb_ident *out)
{
    struct bb_ident copy[2];
    int n = newest(pair, copy);

    if (n < 0)
        return false;
    *out = copy[n];
    return true;
}

void bb_ident_write(struct bb_ident pair[2], const struct bb_ident *v)
{
    struct bb_ident copy[2], fresh = *v;
    int n = newest(pair, copy);

    assert(v->payload_len <= BB_PAYLOAD_MAX);
    fresh.magic = IDENT_MAGIC;
    fresh.version = BB_VERSION;
    fresh.seq = n < 0 ? 1 : copy[n].seq + 1;
    memset(fresh.payload + v->payload_len, 0, BB_PAYLOAD_MAX - v->payload_len);
    fresh.crc = ident_sum(&fresh);
    memcpy(&pair[n == 0 ? 1 : 0], &fresh, sizeof(fresh));
    __atomic_signal_fence(__ATOMIC_RELEASE);
}

/* ---- index ---- */

static uint32_t index_sum(const struct bb_index *x)
{
    const uint8_t *from = (const uint8_t *)&x->version;

    return (uint32_t)crc32(BB_VERSION, from,
                           (uInt)(sizeof(*x) - offsetof(struct bb_index, version)));
}

void bb_index_seal(struct bb_index *x)
{
    x->magic = INDEX_MAGIC;
    x->version = BB_VERSION;
    x->head_pages = BB_HEAD_PAGES;
    x->slots = BB_SLOTS;
    x->slot_pages = BB_SLOT_PAGES;
    x->crc = index_sum(x);
}

bool bb_index_ok(const struct bb_index *x)
{
    return x->magic == INDEX_MAGIC && x->version == BB_VERSION && x->crc == index_sum(x) &&
           x->head_pages == BB_HEAD_PAGES && x->slots == BB_SLOTS && x->slot_pages == BB_SLOT_PAGES;
}

/* ---- log rings ---- */

/* The first 8 bytes: a mark, and how many bytes were ever written. */
enum { LOG_MAGIC = 0x4c565244 /* "DRVL" */, LOG_HEAD = 8 };

static uint32_t *log_word(uint8_t *ring, unsigned i)
{
    return (uint32_t *)(void *)ring + i;
}

void bb_log_init(uint8_t *ring, size_t bytes)
{
    if (*log_word(ring, 0) == LOG_MAGIC)
        return;
    memset(ring, 0, bytes);
    *log_word(ring, 0) = LOG_MAGIC;
}

void bb_log_add(uint8_t *ring, size_t bytes, const char *line, size_t len)
{
    size_t room = bytes - LOG_HEAD;
    uint32_t at;

    if (len > room)
        return;
    at = __atomic_fetch_add(log_word(ring, 1), (uint32_t)len, __ATOMIC_RELAXED);
    for (size_t i = 0; i < len; i++)
        ring[LOG_HEAD + (at + i) % room] = (uint8_t)line[i];
}

static char shown(uint8_t c)
{
    return c == '\n' || (c >= 0x20 && c < 0x7f) ? (char)c : '?';
}

size_t bb_log_read(const uint8_t *ring, size_t bytes, char *out)
{
    size_t room = bytes - LOG_HEAD, len, n = 0;
    uint32_t word[2];

    memcpy(word, ring, sizeof(word));
    if (word[0] != LOG_MAGIC) {
        out[0] = '\0';
        return 0;
    }
    len = word[1] < room ? word[1] : room;
    for (size_t i = 0; i < len; i++)
        out[n++] = shown(ring[LOG_HEAD + (word[1] - len + i) % room]);
    if (len == room) { /* the oldest line is cut */
        const char *nl = memchr(out, '\n', n);
        size_t skip = nl ? (size_t)(nl + 1 - out) : 0;

        memmove(out, out + skip, n - skip);
        n -= skip;
    }
    out[n] = '\0';
    return n;
}
