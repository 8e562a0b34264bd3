/*
 * fakexen: what its broker (the "hypervisor") and its libraries share.
 *
 * Structure changes (a port bound, a page granted, a domain destroyed) are made by the broker
 * alone, on request, so a process killed at any moment leaves no lock held.  The hot path (notify,
 * unmask, grant copy) works on the tables below with single atomic words and never waits for the
 * broker.
 *
 * Two files per domain, both memfds of the broker's: the table (struct fx_tab) and the memory.
 */
#ifndef DRVDOM_FAKEXEN_PROTO_H
#define DRVDOM_FAKEXEN_PROTO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

enum {
    FX_PAGE = 4096,
    FX_MAX_DOMS = 1024,
    FX_PORTS = 4096, /* the two-level ABI's limit on x86_64 */
    FX_GRANTS = 65536,
    FX_FRAMES = 65536, /* 256 MiB of sparse memory per domain */
    FX_GRANTS_PER_FRAME = 512,
    FX_PORT_XENSTORE = 1,
    FX_PORT_CONSOLE = 2,
    FX_GREF_CONSOLE = 0, /* the reserved references; the frame has the same number */
    FX_GREF_XENSTORE = 1,
    FX_GREF_FIRST = 8,
    FX_REFS_PER_MSG = 4096,
};
#define FX_MEM_SIZE ((size_t)FX_FRAMES * FX_PAGE)

/* Calls that can be made to fail; the names are in fault.c. */
enum fx_fault_kind {
    FX_F_GNTTAB_OPEN,
    FX_F_MAP,
    FX_F_UNMAP,
    FX_F_COPY,
    FX_F_SHARE,
    FX_F_EVTCHN_OPEN,
    FX_F_BIND_UNBOUND,
    FX_F_BIND_INTERDOMAIN,
    FX_F_BIND_VIRQ,
    FX_F_NOTIFY,
    FX_F_STORE, /* of a domain only: a request to xenstore */
    FX_F_ANY,
    FX_F_COUNT,
};

/*
 * The countdown-th call from now fails with err (an errno; a negative GNTST_ status for COPY marks
 * one segment instead of failing the call; 0 for NOTIFY loses the event).  Reloaded from `every`.
 */
struct fx_fault {
    _Atomic int32_t countdown;
    _Atomic int32_t err;
    _Atomic int32_t every;
};

/* fx_port.link: state, peer domain, peer port and the peer binding's uid in one word. */
enum fx_port_state { FX_FREE, FX_UNBOUND, FX_INTERDOMAIN, FX_VIRQ };
/* fx_port.self: this binding's uid above, these below. */
enum { FX_MASKED = 1, FX_PENDING = 2 };

struct fx_port {
    _Atomic uint64_t link;
    _Atomic uint64_t self;
    _Atomic uint32_t sending; /* a notification is being written; the broker repeats it if we die */
    uint32_t handle;          /* owner, an id of the broker's */
    uint32_t pad[2];
};

/* grant entry: frame, the domain it is granted to, and the flags of grant table version 1 */
#define FX_GTF_PERMIT   1u
#define FX_GTF_READONLY 4u

struct fx_tab {
    _Atomic uint32_t alive;
    uint32_t domid;
    _Atomic uint32_t grant_entries; /* references at or above are GNTST_bad_gntref */
    uint32_t pad;
    struct fx_fault fault[FX_F_COUNT];
    struct fx_port port[FX_PORTS];
    _Atomic uint64_t grant[FX_GRANTS];
};

static inline uint64_t fx_link(unsigned state, uint32_t dom, uint32_t port, uint32_t uid)
{
    return (uint64_t)state << 60 | (uint64_t)(dom & 0xfff) << 48 | (uint64_t)(port & 0xffff) << 32 |
           uid;
}
static inline unsigned fx_link_state(uint64_t l)
{
    return (unsigned)(l >> 60);
}
static inline uint32_t fx_link_dom(uint64_t l)
{
    return (uint32_t)(l >> 48) & 0xfff;
}
static inline uint32_t fx_link_port(uint64_t l)
{
    return (uint32_t)(l >> 32) & 0xffff;
}
static inline uint32_t fx_link_uid(uint64_t l)
{
    return (uint32_t)l;
}

static inline uint64_t fx_grant(uint32_t flags, uint32_t dom, uint32_t frame)
{
    return (uint64_t)frame << 32 | (uint64_t)(dom & 0xffff) << 16 | (flags & 0xffff);
}
static inline uint32_t fx_grant_frame(uint64_t g)
{
    return (uint32_t)(g >> 32);
}
static inline uint32_t fx_grant_dom(uint64_t g)
{
    return (uint32_t)(g >> 16) & 0xffff;
}

/*
 * Messages on the broker's SOCK_SEQPACKET socket: one request, one answer (FX_EVT_KICK has none).
 * rc is -errno or >= 0.  Arguments by operation, then what the answer carries:
 */
enum fx_op {
    FX_HELLO = 1,     /* a0 domid                    -> fds: table, memory; first message */
    FX_DOM_GET,       /* a0 domid                    -> fds: table, memory */
    FX_DOM_CREATE,    /* a0 domid */
    FX_DOM_DESTROY,   /* a0 domid; its ports close, its processes are killed */
    FX_DOM_LIST,      /*                             -> v: domid, flags (FX_DOMF_) pairs */
    FX_DOM_LIMIT,     /* a0 domid, a1 enum fx_limit, a2 value */
    FX_DOM_USAGE,     /* a0 domid                    -> v: ports, grants, maps, pins: what it has
                                                   open, and how often its pages are mapped */
    FX_PAGE_RESERVED, /* a0 FX_GREF_*, a1 domid to grant it to -> a0 frame (= the reference) */
    FX_EVT_OPEN,      /*                             -> a0 handle; fds: read end, write end */
    FX_EVT_IDENT,     /* a fd passed along           -> a0 handle; fds: write end */
    FX_EVT_SYNC,      /* h: close its ports if no one has its fd open any more */
    FX_EVT_ALLOC,     /* h, a0 remote domid          -> a0 port */
    FX_EVT_BIND,      /* h, a0 domid, a1 port        -> a0 port; fds: peer's write end */
    FX_EVT_VIRQ,      /* h, a0 virq                  -> a0 port */
    FX_EVT_UNBIND,    /* h, a0 port */
    FX_EVT_RESTRICT,  /* h, a0 domid */
    FX_EVT_PEER,      /* h, a0 port                  -> a0 peer uid; fds: peer's write end */
    FX_EVT_ADOPT,   /* h, a0 port: take a port that libxl made for the kernel (xenstore, console) */
    FX_EVT_KICK,    /* h, a0 port: notify through the broker; no answer */
    FX_GNT_OPEN,    /*                             -> a0 handle */
    FX_GNT_CLOSE,   /* h */
    FX_GNT_MAP,     /* h, a0 writable, a1 notify offset, a2 notify port, v: domid, ref pairs
                                                   -> a0 map id, v: frames */
    FX_GNT_UNMAP,   /* h, a0 map id */
    FX_SHR_OPEN,    /*                             -> a0 handle */
    FX_SHR_CLOSE,   /* h */
    FX_SHR_SHARE,   /* h, a0 domid, a1 count, a2 writable, a3 notify offset, a4 notify port
                                                   -> a0 share id, v: ref, frame pairs */
    FX_SHR_UNSHARE, /* h, a0 share id */
};

enum fx_limit { FX_LIM_PORTS, FX_LIM_GRANTS, FX_LIM_MAPS };
enum { FX_DOMF_DYING = 1 };
#define FX_NONE UINT32_MAX /* no notify offset or port */

struct fx_req {
    uint32_t op;
    uint32_t h;
    uint32_t a[5];
    uint32_t n; /* 32-bit words that follow: FX_V() */
};

struct fx_rep {
    int32_t rc;
    uint32_t a[2];
    uint32_t n;
};
#define FX_V(msg) ((uint32_t *)(uintptr_t)((msg) + 1))

#define FX_MSG_MAX (sizeof(struct fx_req) + sizeof(uint32_t) * 2 * FX_REFS_PER_MSG)

#endif
