/*
 * fakexen's broker: what Xen and the kernels of all domains do for user space, in one
 * single-threaded process.  No lock anywhere: what a client may not do while another does it goes
 * through here.
 */
#ifndef DRVDOM_FAKEXEN_HV_H
#define DRVDOM_FAKEXEN_HV_H

#include <sys/types.h>

#include "tests/fakexen/proto.h"

struct hv_list {
    struct hv_list *prev, *next;
};

/* What epoll reports on; first member of whatever it is. */
enum src_kind { SRC_LISTEN, SRC_CONN, SRC_EVT, SRC_SIGNAL };
struct src {
    enum src_kind kind;
    bool dead; /* already closed in this round; freed at its end */
    struct src *next_dead;
};

struct gent {
    uint32_t pins; /* maps of it in other domains */
    bool used;     /* reference handed out */
    bool deferred; /* owner has let go; freed with the last pin */
};

struct dom {
    uint16_t id;
    bool alive;
    int tabfd, memfd;
    struct fx_tab *tab;
    uint8_t *mem;
    uint32_t pins;     /* maps of its pages by others: a dead domain stays until 0 */
    uint32_t limit[3]; /* enum fx_limit */
    uint32_t nports, ngrants, nmaps;
    uint16_t virq[32];       /* port bound to each, 0 none */
    uint16_t hold[FX_PORTS]; /* unmap notifications that name the port */
    bool orphan[FX_PORTS];   /* its owner has closed; goes with the last hold */
    struct gent gent[FX_GRANTS];
    uint32_t ref_top, ref_free[FX_GRANTS]; /* references to reuse, last in first out */
    uint32_t next_ref;
    uint32_t next_frame, fq_head, fq_len; /* frames to reuse, first in first out */
    uint32_t fq[FX_FRAMES];
};

/* A process.  Everything it opened goes with it, but for event channel handles (see evt). */
struct conn {
    struct src src;
    int fd;
    pid_t pid;
    struct dom *dom;
    struct hv_list grants; /* gnt and shr handles */
    struct hv_list link;
};

/*
 * An open /dev/xen/evtchn.  Lives as long as somebody has the read end of its pipe, which may have
 * been passed to another process, so it belongs to the domain and not to a conn.
 */
struct evt {
    struct src src;
    int wfd;
    ino_t ino; /* of the pipe: finds the handle when a passed descriptor is shown */
    uint32_t id;
    struct dom *dom;
    uint32_t restrict_to; /* domid, FX_NONE: any */
    struct hv_list link;
};

/* main.c */
extern struct hv_list conns, evts;
int hv_watch(struct src *s, int fd, uint32_t events);
void hv_bury(struct src *s, int fd); /* closes fd, forgets s */
void hv_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void hv_list_init(struct hv_list *l)
{
    l->prev = l->next = l;
}
static inline void hv_list_add(struct hv_list *l, struct hv_list *e)
{
    e->prev = l->prev;
    e->next = l;
    l->prev->next = e;
    l->prev = e;
}
static inline void hv_list_del(struct hv_list *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
}
#define hv_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* dispatch.c: one request. Fills rep and up to two descriptors to pass (they stay the owner's). */
void hv_handle(struct conn *c, const struct fx_req *q, int fd_in, struct fx_rep *rep, int fds[2]);

/* domain.c; -errno */
struct dom *dom_find(uint32_t domid); /* living ones */
int dom_create(uint32_t domid);
int dom_destroy(uint32_t domid);
void dom_unpin(struct dom *d, uint32_t n);
uint32_t dom_list(uint32_t *v, uint32_t cap);
uint32_t frame_alloc(struct dom *d); /* zeroed; FX_NONE: none left */
void frame_free(struct dom *d, uint32_t frame);

/* port.c */
struct evt *evt_find(uint32_t id, const struct dom *d);
int evt_open(struct dom *d, int fds[2], uint32_t *id);
int evt_ident(struct dom *d, int fd, uint32_t *id);
void evt_close(struct evt *e);
void evt_sync(struct evt *e);
int port_alloc(struct evt *e, uint32_t remote, uint32_t *port);
int port_bind(struct evt *e, uint32_t domid, uint32_t rport, uint32_t *port, int *peer_wfd);
int port_virq(struct evt *e, uint32_t virq, uint32_t *port);
int port_unbind(struct evt *e, uint32_t port);
int port_adopt(struct evt *e, uint32_t port);
int port_peer(struct dom *d, uint32_t port, uint32_t *uid, int *wfd);
void port_kick(struct dom *d, uint32_t port);
int port_hold(struct dom *d, uint32_t port);
void port_release(struct dom *d, uint32_t port); /* sends the event, drops the hold */
void port_reserve(struct dom *d, uint32_t port, uint32_t remote);
void port_close_all(struct dom *d);
void port_resend(struct dom *d);
void virq_raise(uint32_t domid, uint32_t virq);

/* grant.c */
int gnt_open(struct conn *c, bool shares, uint32_t *id);
int gnt_map(struct conn *c, const struct fx_req *q, struct fx_rep *rep);
int gnt_unmap(struct conn *c, uint32_t h, uint32_t map);
int gnt_close(struct conn *c, uint32_t h);
int shr_share(struct conn *c, const struct fx_req *q, struct fx_rep *rep);
int shr_unshare(struct conn *c, uint32_t h, uint32_t id);
int page_reserve(struct dom *d, uint32_t ref, uint32_t to, uint32_t *frame);
void gnt_close_all(struct conn *c);

#endif
