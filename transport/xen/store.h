/*
 * xenstore, bounded: every value read is copied into the caller's buffer, every call returns
 * -errno.  Blocks for a round trip to xenstored.  The only user of libxenstore (xenstore.h).
 */
#ifndef DRVDOM_XEN_STORE_H
#define DRVDOM_XEN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/base/arith.h"

struct store;
typedef uint32_t store_txn; /* 0: outside any transaction */

enum { STORE_PATH_MAX = 256, STORE_TOKEN_MAX = 64 };

/* Opens a connection.  -ENOENT: no xenstore here (not a Xen domain).  *out is the caller's until
 * store_close(). */
int store_open(struct store **out) must_check;
void store_close(struct store *s);

/* Copies the value into buf, NUL-terminated.  Returns its length, -ENOENT, -EACCES,
 * -E2BIG (longer than size - 1), -EINVAL (a NUL inside). */
int store_read(struct store *s, store_txn t, const char *path, char *buf, size_t size) must_check;
int store_write(struct store *s, store_txn t, const char *path, const char *value) must_check;
/* Removes the node and all below it; -ENOENT when there is none. */
int store_rm(struct store *s, store_txn t, const char *path) must_check;
/* 1 the node exists and may be read, 0 not, or -errno. */
int store_exists(struct store *s, store_txn t, const char *path) must_check;

/* Calls fn for each child of path; stops when fn returns non-zero and returns that.
 * -ENOENT when the node does not exist.  The name is only valid during the call. */
int store_each(struct store *s, store_txn t, const char *path,
               int (*fn)(void *arg, const char *name), void *arg) must_check;

/* Transactions: 0 or -errno.  store_txn_end returns -EAGAIN when it lost against another writer:
 * begin again.  abort=true cannot fail in a way that matters. */
int store_txn_begin(struct store *s, store_txn *out) must_check;
int store_txn_end(struct store *s, store_txn t, bool abort) must_check;

int store_watch(struct store *s, const char *path, const char *token) must_check;
int store_unwatch(struct store *s, const char *path, const char *token) must_check;

/* Readable when watch events wait.  Level-triggered; drain with store_next_event. */
int store_fd(struct store *s);

/* Takes one watch event without blocking: 1 and both strings filled (cut to size), or 0 when none
 * waits, or -errno when the connection is lost.  xenstored deletes events that stay unread for 20 s
 * (XSA-326): read at once, and scan everything again after any stall. */
int store_next_event(struct store *s, char path[STORE_PATH_MAX], char token[STORE_TOKEN_MAX]);

/* Makes node readable by `reader` and owned by `owner` (nobody else). Needs to own it or be dom0.
 */
int store_set_perms(struct store *s, store_txn t, const char *path, unsigned owner,
                    unsigned reader) must_check;
/* The permissions as xenstore-ls -p shows them, "n1,r5".  0, -E2BIG or another -errno. */
int store_get_perms(struct store *s, store_txn t, const char *path, char *buf,
                    size_t size) must_check;

/* Asks xenstored itself (docs/misc/xenstore.txt, CONTROL); dom0 only.  arg may be NULL.  The answer
 * is copied, at most size - 1 bytes.  0 or -errno: -EINVAL or -ENOSYS from a xenstored that does
 * not know the command. */
int store_control(struct store *s, const char *command, const char *arg, char *buf,
                  size_t size) must_check;

#endif
