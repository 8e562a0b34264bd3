/*
 * Strict parsers for what stands in xenstore.  PURE: no I/O, no allocation, no state.
 *
 * Everything a peer writes is hostile until it has passed one of these.  They take exactly one
 * spelling of each value: no sign, no space, no 0x, no leading zero, nothing after the value.  What
 * they refuse is refused for good: two readers that disagree about "010" are a hole.
 *
 * All take (str, len); str need not be terminated.  Return 0, or -EINVAL with *out untouched.
 */
#ifndef DRVDOM_SCHEMA_VALUE_H
#define DRVDOM_SCHEMA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum { VALUE_MAC_LEN = 6, VALUE_UINT_MAXLEN = 20, VALUE_RATE_MAXLEN = 40 };

/* A vif's credit: `bytes` each `usec` microseconds (libxl writes "bytes,usec"). */
struct value_rate {
    uint64_t bytes;
    uint32_t usec;
};

/* Decimal in min..max. */
int value_uint(const char *str, size_t len, uint64_t min, uint64_t max, uint64_t *out) must_check;
/* Exactly "0" or "1": Windows parses the vif flags in base 2, so nobody may write anything else. */
int value_bool(const char *str, size_t len, bool *out) must_check;
/* Index of the word that equals str. */
int value_word(const char *str, size_t len, const char *const *words, size_t nwords,
               unsigned *out) must_check;
/* aa:bb:cc:dd:ee:ff, either case; any address (multicast too: policy is the caller's). */
int value_mac(const char *str, size_t len, uint8_t out[VALUE_MAC_LEN]) must_check;
/* "bytes,usec", both decimal; usec 0 means no limit in libxl's text, so it is allowed. */
int value_rate(const char *str, size_t len, struct value_rate *out) must_check;

/* Printable ASCII only, min..max bytes. */
bool value_is_string(const char *str, size_t len, size_t min, size_t max);
/* A path xenstored would take: [A-Za-z0-9-/_@]+, no "//", no '/' at the end. */
bool value_is_path(const char *str, size_t len, size_t max);

/* Writes str as printable ASCII: unprintable bytes become \xHH (doing it twice changes nothing, so
 * it is for showing, not for parsing back).  Always terminates; cuts with ".." when it does not fit
 * (size >= 3).  Returns the length written. */
size_t value_escape(char *buf, size_t size, const char *str, size_t len);

#endif
