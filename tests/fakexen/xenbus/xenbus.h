/*
 * fakexen's xenbus: what a domain's kernel does for /dev/xen/xenbus.  Programs of the domain
 * connect to a socket (XENSTORED_PATH points libxenstore there); their requests go through the one
 * ring the domain shares with xenstored, which therefore sees the domain and no other.
 */
#ifndef DRVDOM_FAKEXEN_XENBUS_H
#define DRVDOM_FAKEXEN_XENBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

/* Growing byte queue. */
struct bytes {
    uint8_t *p;
    size_t len, cap;
};
void bytes_add(struct bytes *b, const void *p, size_t n); /* exits when memory is out */
void bytes_drop(struct bytes *b, size_t n);

/* A whole message at the front of the queue?  Its payload's length may not exceed the protocol's.
 */
enum msg_state { MSG_PART, MSG_WHOLE, MSG_BAD };
enum msg_state msg_check(const struct bytes *b, struct xsd_sockmsg *h);

/* ring.c: the domain's end of the ring; exits when the broker has gone. */
int ring_open(void); /* descriptor to poll; -errno */
void ring_event(void);
void ring_send(const struct xsd_sockmsg *h, const void *payload);
/* Moves bytes both ways; true while there is a whole answer in ring_in(). */
bool ring_move(void);
struct bytes *ring_in(void);

/* client.c */
struct client {
    int fd;
    uint32_t id;
    struct bytes in, out;
    struct note *notes;
    struct client *next;
};
struct client *client_new(int fd);
void client_close(struct client *c);
int client_read(struct client *c); /* -1: has gone */
int client_write(struct client *c);
extern struct client *clients;
void answer(const struct xsd_sockmsg *h,
            const uint8_t *payload); /* from xenstored, to its client */

#endif
