/* See key.h. */
#include "xenstore-schema/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t schema_key_maxlen(const struct schema_key *k)
{
    size_t max = 0;

    switch (k->type) {
    case SCHEMA_UINT:
        return VALUE_UINT_MAXLEN;
    case SCHEMA_BOOL:
        return 1;
    case SCHEMA_ENUM:
        for (size_t i = 0; i < k->nwords; i++)
            max = MAX(max, strlen(k->words[i]));
        return max;
    case SCHEMA_STRING:
    case SCHEMA_TEXT:
    case SCHEMA_PATH:
        return (size_t)k->max;
    case SCHEMA_MAC:
        return 3 * VALUE_MAC_LEN - 1;
    case SCHEMA_RATE:
        return VALUE_RATE_MAXLEN;
    }
    return 0;
}

int schema_key_parse(const struct schema_key *k, const char *val, size_t len,
                     struct schema_value *out)
{
    switch (k->type) {
    case SCHEMA_UINT: {
        uint64_t v;

        if (value_uint(val, len, k->min, k->max, &v) || (k->pow2 && !is_pow2(v)))
            return -EINVAL;
        out->uint = v;
        return 0;
    }
    case SCHEMA_BOOL:
        return value_bool(val, len, &out->flag);
    case SCHEMA_ENUM:
        return value_word(val, len, k->words, k->nwords, &out->word);
    case SCHEMA_STRING:
        return value_is_string(val, len, (size_t)k->min, (size_t)k->max) ? 0 : -EINVAL;
    case SCHEMA_TEXT:
        return len <= k->max ? 0 : -EINVAL;
    case SCHEMA_PATH:
        return value_is_path(val, len, (size_t)k->max) ? 0 : -EINVAL;
    case SCHEMA_MAC:
        return value_mac(val, len, out->mac);
    case SCHEMA_RATE:
        return value_rate(val, len, &out->rate);
    }
    return -EINVAL;
}

static void list_words(const struct schema_key *k, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < k->nwords && n < size; i++) {
        const char *w = k->words[i];

        n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", w[0] ? w : "(empty)");
    }
}

/* What would have been right, as the end of a sentence. */
static void expected(const struct schema_key *k, char *buf, size_t size)
{
    char words[100];

    switch (k->type) {
    case SCHEMA_UINT:
        snprintf(buf, size, "%s in %" PRIu64 "..%" PRIu64, k->pow2 ? "a power of two" : "a number",
                 k->min, k->max);
        break;
    case SCHEMA_BOOL:
        snprintf(buf, size, "0 or 1");
        break;
    case SCHEMA_ENUM:
        list_words(k, words, sizeof(words));
        snprintf(buf, size, "one of %s", words);
        break;
    case SCHEMA_STRING:
        snprintf(buf, size, "%" PRIu64 "..%" PRIu64 " printable ASCII characters", k->min, k->max);
        break;
    case SCHEMA_TEXT:
        snprintf(buf, size, "a text of at most %" PRIu64 " bytes", k->max);
        break;
    case SCHEMA_PATH:
        snprintf(buf, size, "a xenstore path of at most %" PRIu64 " bytes", k->max);
        break;
    case SCHEMA_MAC:
        snprintf(buf, size, "a MAC address such as 00:16:3e:01:02:03");
        break;
    case SCHEMA_RATE:
        snprintf(buf, size, "a rate \"bytes,microseconds\"");
        break;
    }
}

void schema_key_why(const struct schema_key *k, const char *name, const char *val, size_t len,
                    char *buf, size_t size)
{
    char shown[48], want[128];

    value_escape(shown, sizeof(shown), val, len);
    expected(k, want, sizeof(want));
    snprintf(buf, size, "%.40s: \"%s\" is not %s", name, shown, want);
}

bool schema_name_match(const char *pattern, const char *name, unsigned max, unsigned *index)
{
    const char *mark = strstr(pattern, "%u");
    size_t head, tail, len = strlen(name);
    uint64_t v;

    *index = 0;
    if (!mark)
        return strcmp(pattern, name) == 0;
    head = (size_t)(mark - pattern);
    tail = strlen(mark + 2);
    if (len <= head + tail || memcmp(pattern, name, head) != 0 ||
        memcmp(mark + 2, name + len - tail, tail) != 0)
        return false;
    if (value_uint(name + head, len - head - tail, 0, max, &v))
        return false;
    *index = (unsigned)v;
    return true;
}

const struct schema_key *schema_dir_find(const struct schema_dir *d, const char *name,
                                         unsigned *index)
{
    for (size_t i = 0; i < d->nkeys; i++) {
        if (schema_name_match(d->keys[i].name, name, d->keys[i].index_max, index))
            return &d->keys[i];
    }
    return NULL;
}

static bool take_param(const char *str, size_t len, struct schema_param *p)
{
    uint64_t v;

    if (!p->is_word) {
        if (value_uint(str, len, 0, UINT32_MAX, &v))
            return false;
        p->num = (unsigned)v;
        return true;
    }
    if (len == 0 || len >= sizeof(p->word))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = str[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    memcpy(p->word, str, len);
    p->word[len] = '\0';
    return true;
}

int schema_path_match(const char *pattern, const char *path, struct schema_param *params,
                      size_t nparams, const char **rest)
{
    size_t used = 0;

    /* Both walk component by component; a $NAME eats one component of the path. */
    while (*pattern) {
        size_t plen = strcspn(pattern, "/");
        size_t len = strcspn(path, "/");

        if (pattern[0] == '$') {
            if (used == nparams || !take_param(path, len, &params[used++]))
                return -EINVAL;
        } else if (plen != len || memcmp(pattern, path, len) != 0) {
            return -EINVAL;
        }
        pattern += plen;
        path += len;
        if (*pattern == '/') {
            if (*path != '/')
                return -EINVAL;
            pattern++;
            path++;
        }
    }
    if (*path == '/')
        path++;
    else if (*path != '\0')
        return -EINVAL;
    *rest = path;
    return used == nparams ? 0 : -EINVAL;
}
