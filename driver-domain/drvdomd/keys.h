/*
 * drvdomd's own keys of a device directory, those that every class has: states, online, errors.
 * The rest belongs to the class (backends/.../conn.c).
 */
#ifndef DRVDOM_DRVDOMD_KEYS_H
#define DRVDOM_DRVDOMD_KEYS_H

#include "driver-domain/drvdomd/table.h"

/* Fills dev->dir and dev->front from class and id. */
void keys_paths(struct device *dev);

/* -EINVAL and dev->why when the directory names another frontend than its path says. */
int keys_check_frontend(struct device *dev) must_check;

/* Does our own directory of this device say Connected, or nothing because xenstore fails?  For a
 * device that a predecessor's blackbox knows. */
bool keys_is_connected(struct store *s, const char *kind, uint32_t domid, uint32_t devid);

/* Tells dom0 how many workers were replaced. */
void keys_tell_replaced(struct drvdomd *d);

/* What the xenbus machine needs to see.  Unreadable or malformed counts as gone.  False: xenstore
 * failed on the way, *v is in part what it was before, and has to be looked at again. */
bool keys_view(struct device *dev, struct xenbus_view *v);

/* Writes our state in a transaction that gives up when the directory is gone: a write would create
 * it again and leave a ghost.  With publish, all feature and size keys go first, in the same
 * transaction.  0, -ENOENT, or another -errno. */
int keys_write_state(struct device *dev, enum xenbus_state state, bool publish) must_check;

/* The frontend's keys, read in one transaction into a CONNECT payload: its length, -EAGAIN (not
 * complete yet), or -errno with dev->why. */
int keys_read_front(struct device *dev, uint8_t *payload) must_check;

/* The device could not be opened: hotplug-status=error, the reason, and no `state`, so that libxl
 * fails at once instead of waiting 10 s. */
void keys_write_failure(struct device *dev);

/* The reason why a device that was announced was closed. */
void keys_write_error(struct device *dev, const char *text);

void keys_remove(struct device *dev);

/* Was this domain created with driver_domain=1?  An error of xenstore's does not say that it was
 * not. */
bool keys_is_driver_domain(struct store *s);
extern const char keys_no_driver_domain[]; /* the reason and the remedy */

/* data/drvdom/state of this domain.  KEYS_REFUSING: it was not. */
enum keys_daemon_state { KEYS_STARTING, KEYS_READY, KEYS_REFUSING };
int keys_write_daemon_state(struct store *s, enum keys_daemon_state state) must_check;

#endif
