/*
 * fakexenctl: writing to xenstore as libxl does.
 */
#ifndef DRVDOM_FAKEXEN_CTL_STORE_H
#define DRVDOM_FAKEXEN_CTL_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

struct store {
    struct xs_handle *xs;
    xs_transaction_t t;
    bool failed; /* first error has been told; the transaction is to be dropped */
};

/* A connection as dom0 (DIR/xenstored.sock), made once. Exits when there is none. */
struct xs_handle *store_open(void);

/* Runs fn in a transaction, again as long as xenstored says EAGAIN.  0, or 1 after a message. */
int store_transaction(void (*fn)(struct store *s, void *arg), void *arg);

void store_write(struct store *s, const char *dir, const char *key, const char *value);
void store_writef(struct store *s, const char *dir, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void store_rm(struct store *s, const char *path);

/* Makes the directory: `owner` may do everything, `reader` (-1: nobody) may read. */
void store_dir(struct store *s, const char *path, unsigned owner, int reader);

/* Value outside a transaction; NULL; caller frees. */
char *store_read(const char *dir, const char *key);

/*
 * Waits until dir/state is exactly `state` or (gone) dir has disappeared: 0; 1 when `seconds` have
 * passed; 2 when the state node is not there (libxl's ERROR_INVAL).
 */
int store_wait(const char *dir, const char *state, bool gone, int seconds);

#endif
