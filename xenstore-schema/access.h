/*
 * Reads and writes one key as its table entry says.  The generated accessors are one-line calls of
 * these; nobody else needs to call them.  They block for a round trip to xenstored.
 *
 * Reading: 0 and *out; or the default when the key is absent and has one; -ENOENT when it has none;
 * -EINVAL when the value is not what the schema allows (schema_last_error() says what is wrong);
 * -EACCES and other errors as store_read().  *out is untouched unless 0 is returned.
 *
 * Writing: 0 or -errno.  A number out of range is our own bug and asserts; a string may come from
 * outside, so one that the schema forbids gives -EINVAL; a text is escaped and cut, never refused.
 */
#ifndef DRVDOM_SCHEMA_ACCESS_H
#define DRVDOM_SCHEMA_ACCESS_H

#include "transport/xen/store.h"
#include "xenstore-schema/key.h"

/* Why the last -EINVAL of this thread was returned: one line, printable ASCII, never NULL. */
const char *schema_last_error(void);

/* dir + "/" + key into buf; dir may be "" (our own domain's home).  Returns the length; asserts
 * that it fits, as all parts are bounded.  For watches on a key: the schema has the names. */
int schema_join(char *buf, size_t size, const char *dir, const char *key);
/* The same with the one index of a pattern such as "queue-%u". */
int schema_join_index(char *buf, size_t size, const char *dir, const char *pattern, unsigned index);

/* Keys without an index pass 0. */
int schema_get_u64(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint64_t *out) must_check;
int schema_get_u32(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint32_t *out) must_check;
int schema_get_bool(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, bool *out) must_check;
int schema_get_word(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, unsigned *out) must_check;
/* string, text, path: asserts size > the schema's maximum, so that nothing is ever cut. */
int schema_get_string(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                      unsigned index, char *buf, size_t size) must_check;
int schema_get_mac(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, uint8_t out[VALUE_MAC_LEN]) must_check;
int schema_get_rate(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, struct value_rate *out) must_check;

int schema_set_uint(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, uint64_t v) must_check;
int schema_set_word(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, unsigned v) must_check;
int schema_set_string(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                      unsigned index, const char *v) must_check;
int schema_set_mac(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                   unsigned index, const uint8_t v[VALUE_MAC_LEN]) must_check;
int schema_set_rate(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
                    unsigned index, struct value_rate v) must_check;

/* 0 also when the key was not there: gone is what was asked for. */
int schema_rm(struct store *s, store_txn t, const char *dir, const struct schema_key *k,
              unsigned index) must_check;

#endif
