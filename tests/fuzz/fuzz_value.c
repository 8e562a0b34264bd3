/*
 * libFuzzer: the text of any xenstore key, against every key of the schema, and what is made of it.
 *
 * Input: one byte that chooses a key, the rest is the value.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/device.h"
#include "schema/driver-domain.h"
#include "schema/vbd.h"
#include "schema/vif.h"
#include "transport/base/arith.h"
#include "xenstore-schema/key.h"
#include "xenstore-schema/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_dir *const dirs[] = {
    &schema_dir_vbd_back,  &schema_dir_vbd_front,   &schema_dir_vbd_libxl,    &schema_dir_vif_back,
    &schema_dir_vif_front, &schema_dir_device_back, &schema_dir_device_front, &schema_dir_drvdom,
};

static const struct schema_key *choose(uint8_t n)
{
    size_t at = n;

    for (;;) {
        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
            if (at < dirs[i]->nkeys)
                return &dirs[i]->keys[at];
            at -= dirs[i]->nkeys;
        }
    }
}

static bool printable(const char *s)
{
    while (*s >= 0x20 && *s < 0x7f)
        s++;
    return *s == '\0';
}

/* A number is its own canonical form: written again it is the same text. */
static void check_number(const struct schema_key *k, const char *val, size_t len, uint64_t v)
{
    char again[32];

    assert(v >= k->min && v <= k->max && (!k->pow2 || is_pow2(v)));
    assert((size_t)snprintf(again, sizeof(again), "%" PRIu64, v) == len);
    assert(memcmp(again, val, len) == 0);
}

static void check_value(const struct schema_key *k, const char *val, size_t len,
                        const struct schema_value *v)
{
    assert(len <= schema_key_maxlen(k));
    switch (k->type) {
    case SCHEMA_UINT:
        check_number(k, val, len, v->uint);
        break;
    case SCHEMA_BOOL:
        assert(len == 1 && val[0] == (v->flag ? '1' : '0'));
        break;
    case SCHEMA_ENUM:
        assert(v->word < k->nwords && strlen(k->words[v->word]) == len &&
               memcmp(k->words[v->word], val, len) == 0);
        break;
    case SCHEMA_STRING:
    case SCHEMA_PATH:
        assert(len >= (k->type == SCHEMA_STRING ? k->min : 1) && len <= k->max &&
               !memchr(val, 0, len));
        break;
    case SCHEMA_TEXT:
    case SCHEMA_MAC:
    case SCHEMA_RATE:
        break;
    }
}

/* Whatever stands there, what people get to see is printable and has an end. */
static void check_words(const struct schema_key *k, const char *val, size_t len)
{
    for (size_t size = 3; size <= SCHEMA_WHY_MAX; size += 79) {
        char *buf = malloc(size);

        assert(buf);
        assert(value_escape(buf, size, val, len) < size && printable(buf));
        free(buf);
    }
    char why[SCHEMA_WHY_MAX];

    schema_key_why(k, k->name, val, len, why, sizeof(why));
    assert(why[0] && printable(why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct schema_key *k;
    struct schema_value v;
    unsigned index;
    char *val, *name;

    if (size < 1)
        return 0;
    k = choose(data[0]);
    size--;
    val = malloc(size ? size : 1);
    name = malloc(size + 1);
    assert(val && name);
    memcpy(val, data + 1, size);
    memcpy(name, data + 1, size);
    name[size] = '\0';
    memset(&v, 0xa5, sizeof(v));
    if (schema_key_parse(k, val, size, &v) == 0)
        check_value(k, val, size, &v);
    check_words(k, val, size);
    /* The same bytes as the name of a node. */
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        const struct schema_key *found = schema_dir_find(dirs[i], name, &index);

        assert(!found || index <= found->index_max);
    }
    free(name);
    free(val);
    return 0;
}
