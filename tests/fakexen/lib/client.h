/*
 * fakexen, library side: this process's connection to the broker and its views of the domains.
 * One connection per process: when the process ends, however it ends, the broker sees it.
 */
#ifndef DRVDOM_FAKEXEN_CLIENT_H
#define DRVDOM_FAKEXEN_CLIENT_H

#include "tests/fakexen/proto.h"

/* A domain as seen from this process: its table and all of its memory, mapped once. */
struct fx_dom {
    uint16_t domid;
    int memfd;
    struct fx_tab *tab;
    uint8_t *mem;
    struct fx_dom *next;
};

/* Own domain; connects at first use.  NULL with errno when there is no session. */
struct fx_dom *fx_self(void);

/* Another domain (or DOMID_SELF).  NULL with errno (ESRCH: no such domain). Kept until exit. */
struct fx_dom *fx_dom_get(uint32_t domid);

/*
 * One request and its answer.  v/n: words after the request (may be NULL); out receives up to cap
 * words; fd_in is passed along when >= 0; fds receives exactly nfds descriptors or -1s.
 * Returns rep->rc, or -errno.  Without descriptors only read() and write() are used, so that a
 * program that has locked itself down may still call.
 */
struct fx_call {
    struct fx_req req;
    const uint32_t *v;
    uint32_t *out;
    uint32_t cap;
    int fd_in;
    int *fds;
    unsigned nfds;
    uint32_t a[2]; /* answer's words */
    uint32_t nout;
};
int fx_rpc(struct fx_call *c);

/* Shorthand: no descriptors, no words but the answer's a0. Returns -errno or rc. */
int fx_simple(uint32_t op, uint32_t h, uint32_t a0, uint32_t a1, uint32_t *ret);

/* A request that has no answer. */
void fx_send(uint32_t op, uint32_t h, uint32_t a0);

/* Sets errno from a negative rc and returns -1; else returns rc. */
int fx_errno(int rc);

/*
 * Is this the call that must fail?  Returns 0 or the fault's code (see struct fx_fault);
 * *hit says a fault fires even if its code is 0.
 */
int fx_fault(enum fx_fault_kind kind, bool *hit);

/* For open and bind calls: true, with errno set, when the call must fail. */
bool fx_fail(enum fx_fault_kind kind);

/* Which of the above by name: -1 if unknown. */
int fx_fault_by_name(const char *name);
int fx_fault_usual(int kind); /* the code it has unless one is given */

#endif
