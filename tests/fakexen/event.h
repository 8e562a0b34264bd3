/*
 * fakexen: sending an event and unmasking, on the shared tables; used by the libraries and the
 * broker.
 *
 * A port's `self` word is 0 (idle), MASKED (delivered, not yet written back) or MASKED|PENDING
 * (again since).  Whoever moves it from idle to MASKED owes the owner one message in its pipe.
 */
#ifndef DRVDOM_FAKEXEN_EVENT_H
#define DRVDOM_FAKEXEN_EVENT_H

#include <errno.h>
#include <unistd.h>

#include "tests/fakexen/proto.h"

static inline void fx_pipe_put(int wfd, uint32_t port)
{
    /* A full pipe or a dead owner: the event is lost with its reader, as on Xen. */
    if (wfd >= 0 && write(wfd, &port, sizeof(port)) < 0)
        errno = 0;
}

/*
 * Does the port's owner have to be told?  False when it still has the last one, or when the binding
 * is no longer the one meant.
 */
static inline bool fx_event_raise(struct fx_port *p, uint32_t uid)
{
    uint64_t cur = atomic_load(&p->self), new;

    do {
        if ((uint32_t)(cur >> 32) != uid)
            return false;
        new = cur | (cur & FX_MASKED ? FX_PENDING : FX_MASKED);
    } while (!atomic_compare_exchange_weak(&p->self, &cur, new));
    return !(cur & FX_MASKED);
}

/* Write-back (EOI): true when another event waits and has now to be put into the pipe. */
static inline bool fx_event_unmask(struct fx_port *p)
{
    uint64_t cur = atomic_load(&p->self), new;

    do {
        if (!(cur & FX_MASKED))
            return false;
        new = cur & ~(uint64_t)(cur & FX_PENDING ? FX_PENDING : FX_MASKED);
    } while (!atomic_compare_exchange_weak(&p->self, &cur, new));
    return cur & FX_PENDING;
}

#endif
