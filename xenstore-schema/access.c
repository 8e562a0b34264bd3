/* See access.h. */
#include "xenstore-schema/access.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Per thread, so that a reader of xenstore in another thread cannot change the text under us. */
static _Thread_local char last_error[SCHEMA_WHY_MAX];

const char *schema_last_error(void)
{
    return last_error;
}

int schema_join(char *buf, size_t size, const char *dir, const char *key)
{
    int n = snprintf(buf, size, "%s%s%s", dir, dir[0] ? "/" : "", key);

    assert(n > 0 && (size_t)n < size);
    return n;
}

int schema_join_index(char *buf, size_t size, const char *dir, const char *pattern, unsigned index)
{
    const char *mark = strstr(pattern, "%u");
    int n;

    if (!mark)
        return schema_join(buf, size, dir, pattern);
    n = snprintf(buf, size, "%s%s%.*s%u%s", dir, dir[0] ? "/" : "", (int)(mark - pattern), pattern,
                 index, mark + 2);
    assert(n > 0 && (size_t)n < size);
    return n;
}

static void key_path(char *buf, const char *dir, const struct schema_key *k, unsigned index)
{
    assert(index <= k->index_max);
    schema_join_index(buf, STORE_PATH_MAX, dir, k->name, index);
}

/* The key's own name for messages: the path without the directory. */
static const char *shown_name(const char *path, const char *dir)
{
    return path + strlen(dir) + (dir[0] ? 1 : 0);
}

/* Reads the raw text into buf (size > schema_key_maxlen) and checks it. */
static int get(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
               unsigned index, char *buf, size_t size, struct schema_value *out)
{
    char path[STORE_PATH_MAX];
    int len;

    key_path(path, dir, k, index);
    len = store_read(s, t, path, buf, size);
    if (len == -ENOENT && k->fallback) {
        len = (int)strlen(k->fallback);
        assert((size_t)len < size);
        memcpy(buf, k->fallback, (size_t)len + 1);
    }
    if (len == -E2BIG || len == -EINVAL) {
        snprintf(last_error, sizeof(last_error), "%.40s: %s", shown_name(path, dir),
                 len == -E2BIG ? "the value is too long" : "the value has a NUL byte inside");
        return -EINVAL;
    }
    if (len < 0)
        return len;
    if (schema_key_parse(k, buf, (size_t)len, out)) {
        schema_key_why(k, shown_name(path, dir), buf, (size_t)len, last_error, sizeof(last_error));
        return -EINVAL;
    }
    return 0;
}

/* Everything but strings: a small buffer holds any valid value, one more byte shows a longer one.
 */
enum { SMALL = 80 };

static int get_small(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                     unsigned index, struct schema_value *out)
{
    char buf[SMALL];

    assert(schema_key_maxlen(k) < sizeof(buf));
    return get(s, t, dir, k, index, buf, sizeof(buf), out);
}

int schema_get_u64(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint64_t *out)
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    if (rc == 0)
        *out = v.uint;
    return rc;
}

int schema_get_u32(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint32_t *out)
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    assert(k->max <= UINT32_MAX);
    if (rc == 0)
        *out = (uint32_t)v.uint;
    return rc;
}

int schema_get_bool(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, bool *out)
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    if (rc == 0)
        *out = v.flag;
    return rc;
}

int schema_get_word(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, unsigned *out)
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    if (rc == 0)
        *out = v.word;
    return rc;
}

int schema_get_mac(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint8_t out[VALUE_MAC_LEN])
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    if (rc == 0)
        memcpy(out, v.mac, VALUE_MAC_LEN);
    return rc;
}

int schema_get_rate(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, struct value_rate *out)
{
    struct schema_value v;
    int rc = get_small(s, t, dir, k, index, &v);

    if (rc == 0)
        *out = v.rate;
    return rc;
}

int schema_get_string(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                      unsigned index, char *buf, size_t size)
{
    char raw[SCHEMA_STRING_MAX + 1];
    struct schema_value v;
    int rc;

    assert(size > k->max && k->max <= SCHEMA_STRING_MAX);
    rc = get(s, t, dir, k, index, raw, (size_t)k->max + 1, &v);
    if (rc)
        return rc;
    /* A text is for people: it reaches a terminal or a log without a control byte. */
    if (k->type == SCHEMA_TEXT)
        value_escape(buf, size, raw, strlen(raw));
    else
        memcpy(buf, raw, strlen(raw) + 1);
    return 0;
}

static int set(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
               unsigned index, const char *v)
{
    char path[STORE_PATH_MAX];

    key_path(path, dir, k, index);
    return store_write(s, t, path, v);
}

int schema_set_uint(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, uint64_t v)
{
    char buf[VALUE_UINT_MAXLEN + 1];

    assert(k->type == SCHEMA_BOOL ? v <= 1 : v >= k->min && v <= k->max);
    assert(!k->pow2 || is_pow2(v));
    snprintf(buf, sizeof(buf), "%" PRIu64, v);
    return set(s, t, dir, k, index, buf);
}

int schema_set_word(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, unsigned v)
{
    assert(v < k->nwords);
    return set(s, t, dir, k, index, k->words[v]);
}

int schema_set_string(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                      unsigned index, const char *v)
{
    char safe[SCHEMA_STRING_MAX + 1];
    struct schema_value unused;

    if (k->type == SCHEMA_TEXT) {
        value_escape(safe, (size_t)k->max + 1, v, strlen(v));
        return set(s, t, dir, k, index, safe);
    }
    if (schema_key_parse(k, v, strlen(v), &unused)) {
        schema_key_why(k, k->name, v, strlen(v), last_error, sizeof(last_error));
        return -EINVAL;
    }
    return set(s, t, dir, k, index, v);
}

int schema_set_mac(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, const uint8_t v[VALUE_MAC_LEN])
{
    char buf[3 * VALUE_MAC_LEN];

    snprintf(buf, sizeof(buf), "%02x:%02x:%02x:%02x:%02x:%02x", v[0], v[1], v[2], v[3], v[4], v[5]);
    return set(s, t, dir, k, index, buf);
}

int schema_set_rate(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, struct value_rate v)
{
    char buf[VALUE_RATE_MAXLEN + 1];

    snprintf(buf, sizeof(buf), "%" PRIu64 ",%" PRIu32, v.bytes, v.usec);
    return set(s, t, dir, k, index, buf);
}

int schema_rm(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
              unsigned index)
{
    char path[STORE_PATH_MAX];
    int rc;

    key_path(path, dir, k, index);
    rc = store_rm(s, t, path);
    return rc == -ENOENT ? 0 : rc;
}
