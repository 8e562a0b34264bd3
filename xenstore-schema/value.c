/* See value.h. */
#include "xenstore-schema/value.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ctype.h follows the locale; xenstore does not. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_print(char c)
{
    return c >= 0x20 && c < 0x7f;
}

int value_uint(const char *str, size_t len, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (len == 0 || len > VALUE_UINT_MAXLEN)
        return -EINVAL;
    if (str[0] == '0' && len > 1)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(str[i]))
            return -EINVAL;
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(str[i] - '0'), &v))
            return -EINVAL;
    }
    if (v < min || v > max)
        return -EINVAL;
    *out = v;
    return 0;
}

int value_bool(const char *str, size_t len, bool *out)
{
    if (len != 1 || (str[0] != '0' && str[0] != '1'))
        return -EINVAL;
    *out = str[0] == '1';
    return 0;
}

int value_word(const char *str, size_t len, const char *const *words, size_t nwords, unsigned *out)
{
    for (size_t i = 0; i < nwords; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], str, len) == 0) {
            *out = (unsigned)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int value_mac(const char *str, size_t len, uint8_t out[VALUE_MAC_LEN])
{
    uint8_t mac[VALUE_MAC_LEN];

    if (len != 3 * VALUE_MAC_LEN - 1)
        return -EINVAL;
    for (size_t i = 0; i < VALUE_MAC_LEN; i++) {
        int hi = hex_digit(str[3 * i]);
        int lo = hex_digit(str[3 * i + 1]);

        if (hi < 0 || lo < 0 || (i + 1 < VALUE_MAC_LEN && str[3 * i + 2] != ':'))
            return -EINVAL;
        mac[i] = (uint8_t)(hi << 4 | lo);
    }
    memcpy(out, mac, sizeof(mac));
    return 0;
}

int value_rate(const char *str, size_t len, struct value_rate *out)
{
    const char *comma = len <= VALUE_RATE_MAXLEN ? memchr(str, ',', len) : NULL;
    uint64_t bytes, usec;
    size_t head;

    if (!comma)
        return -EINVAL;
    head = (size_t)(comma - str);
    if (value_uint(str, head, 0, UINT64_MAX, &bytes) ||
        value_uint(comma + 1, len - head - 1, 0, UINT32_MAX, &usec))
        return -EINVAL;
    *out = (struct value_rate){.bytes = bytes, .usec = (uint32_t)usec};
    return 0;
}

bool value_is_string(const char *str, size_t len, size_t min, size_t max)
{
    if (len < min || len > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_print(str[i]))
            return false;
    }
    return true;
}

bool value_is_path(const char *str, size_t len, size_t max)
{
    if (len == 0 || len > max || str[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(str[i]) && (str[i] == '\0' || !strchr("-/_@", str[i])))
            return false;
        if (i > 0 && str[i] == '/' && str[i - 1] == '/')
            return false;
    }
    return true;
}

/* The escaped form of one byte: 1 or 4 characters. */
static size_t escape_one(char out[5], char c)
{
    if (is_print(c)) {
        out[0] = c;
        return 1;
    }
    return (size_t)snprintf(out, 5, "\\x%02x", (unsigned char)c);
}

size_t value_escape(char *buf, size_t size, const char *str, size_t len)
{
    size_t n = 0, total = 0, room;
    char one[5];

    assert(size >= 3);
    for (size_t i = 0; i < len && total < size; i++)
        total += escape_one(one, str[i]);
    room = total < size ? size - 1 : size - 3;
    for (size_t i = 0; i < len; i++) {
        size_t w = escape_one(one, str[i]);

        /* Never half of a \xHH. */
        if (n + w > room)
            break;
        memcpy(buf + n, one, w);
        n += w;
    }
    if (total >= size) {
        memcpy(buf + n, "..", 2);
        n += 2;
    }
    buf[n] = '\0';
    return n;
}
