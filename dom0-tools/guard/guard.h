/*
 * drvdom-guard: brings a driver domain that died back under the same domid, with the same PCI
 * devices, so that every grant and event channel its guests gave stays good.
 *
 *   domain.c   one driver domain: known, guarded, dead, coming back
 *   devices.c  its backend directories, kept outside its own tree and restored
 *   memory.c   its blackbox: pages of dom0's, granted to it
 *   toolstack.c  what libxl is needed for
 *   replace.c  another kernel and image under running guests, and back if it does not serve
 *   outage.c   how long its guests had no answers
 *   words.c    what a blackbox holds, as text
 *   serve.c    answers `drvdom`: statistics and last words
 *
 * Everything in a driver domain's tree and in its blackbox was written by it and is untrusted:
 * numbers are parsed, names and values bounded, and what is written back goes only where dom0's own
 * records (/libxl) say that such a device exists.
 */
#ifndef DRVDOM_GUARD_GUARD_H
#define DRVDOM_GUARD_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <xengnttab.h>

#include "dom0-tools/guard/client.h"
#include "transport/base/loop.h"
#include "transport/xen/blackbox.h"
#include "transport/xen/store.h"

enum {
    GUARD_DEATHS = 5,
    GUARD_DOMAINS = 16,
    GUARD_DEAD = 8,
    KEPT_DEVICES = 64,
    KEPT_NODES = 64,
    KEPT_NAME = 64,
};

struct kept_node {
    char name[KEPT_NAME];
    char *value;
};

/* One backend directory in state 4, as it was last seen. */
struct kept_device {
    char kind[8]; /* "" when unused */
    uint32_t guest, devid;
    unsigned nodes;
    struct kept_node node[KEPT_NODES];
};

struct memory {
    void *index;
    uint32_t index_ref;
    struct bb_head *head;
    struct bb_slot *slot; /* BB_SLOTS of them, one after the other */
};

struct saved_config; /* toolstack.c */

/* A change of image under way: `config` is the new one already. */
struct replacement {
    bool under_way;
    struct saved_config *old;     /* what to go back to; NULL: gone back already */
    uint64_t end_ns;              /* it serves by then, or is given up */
    char why[96];                 /* it went back */
    char text[GUARD_OUTCOME_MAX]; /* of the last one, for who asks */
};

enum domain_is {
    DOMAIN_NONE,
    DOMAIN_NEW,     /* a driver domain; whether it is ours is not yet known */
    DOMAIN_GUARDED, /* drvdomd has said ready */
    DOMAIN_DEAD,    /* to be made again */
    DOMAIN_BACK,    /* made again; drvdomd has not yet said ready */
};

/* From a death, noticed at died_ns, to the next answer; 0: not yet. */
struct outage {
    struct loop_timer timer;
    uint64_t gone_ns, created_ns, restored_ns, started_ns, ready_ns;
    uint64_t answers_before;
};

struct guard;

struct domain {
    struct guard *g;
    enum domain_is is;
    uint32_t domid;
    char name[64];
    struct memory memory;
    struct saved_config *config;
    struct kept_device *device; /* KEPT_DEVICES */
    struct loop_timer timer;    /* a look is due */
    bool off;                   /* its administrator does not want it back */
    bool by_us;                 /* we made it: no xl waits for its end */
    uint64_t free_ns; /* DEAD: libxl gives the number again from then on; 0: not gone yet */
    uint64_t died_ns, grace_ns, made_ns;
    uint64_t unplugged_ns; /* its last PCI device so far was taken away; 0: none was */
    struct outage outage;
    unsigned deaths; /* in a row, each soon after the last */
    struct replacement replace;
};

/* What a domain had to say when it died: for who asks why. */
struct dead_domain {
    char name[64];
    uint32_t domid;
    char *words; /* NULL: unused */
};

struct guard {
    struct loop loop;
    struct store *store;
    struct loop_fd store_watch, signals, listener;
    xengntshr_handle *share;
    struct toolstack *xl;
    struct domain domain[GUARD_DOMAINS];
    unsigned deaths_max; /* in a row, each soon after the start: then a domain stays dead */
    struct dead_domain dead[GUARD_DEAD];
    unsigned next_dead;
};

/* ---- domain.c ---- */

/* A domain was introduced or has ended. */
void domains_look(struct guard *g);
/* Something changed below the home of this domain. */
void domain_changed(struct guard *g, uint32_t domid);
struct domain *domain_find(struct guard *g, uint32_t domid);

/* Is the home that the toolstack gave it still there?  It goes at once, with all in it. */
bool domain_has_home(const struct domain *d);

/* It is dead, or has to be: it is made again. */
void domain_died(struct domain *d, const char *how);
/* Another look, so many milliseconds from now. */
void domain_soon(struct domain *d, unsigned ms);

/* ---- replace.c ---- */

/* Ends the domain and lets it come back with dir/vmlinux and dir/initramfs.gz.  0 or -errno with
 * the reason in d->replace.text. */
int replace_begin(struct domain *d, const char *dir) must_check;
/* It serves, the new one or the old one again: that is the end of it. */
void replace_served(struct domain *d);
/* The new one is dead, cannot be made, or is late: the old configuration is put back.  False: no
 * new one is being tried. */
bool replace_failed(struct domain *d, const char *why);
bool replace_is_late(const struct domain *d);

/* ---- devices.c ---- */

/* Copies every backend directory in state 4; forgets those that are gone. */
void devices_keep(struct domain *d);
/* Writes them back and gives both ends' nodes their owners again.  How many. */
unsigned devices_restore(struct domain *d);
void devices_drop(struct domain *d);
/* Is there a guest? */
bool devices_any(const struct domain *d);

/* libxl takes a PV domain's PCI devices away one by one and waits up to 10 s after each for an
 * answer that a dead domain will not give.  Answers for it, now; false: nobody waits.  dead: libxl
 * is ending it, and waits as well for a domain that died before its pcifront had connected. */
bool devices_answer_pci(struct store *s, uint32_t domid, bool dead);
/* Is libxl about to take one away from the running domain? */
bool devices_unplugged(struct store *s, uint32_t domid);
/* What libxl left behind when it gave up waiting would be taken for the successor's.  False: it
 * left nothing. */
bool devices_forget_pci(struct store *s, uint32_t domid);

/* ---- outage.c ---- */

/* It was made again and is about to run: logs, later, where the time went. */
void outage_watch(struct domain *d, uint64_t gone_ns, uint64_t created_ns);
/* It ended again, or is no longer guarded. */
void outage_forget(struct domain *d);

/* ---- memory.c ---- */

/* Grants a fresh blackbox.  0 or -errno. */
int memory_make(struct guard *g, struct domain *d) must_check;
void memory_drop(struct guard *g, struct domain *d);

/* ---- toolstack.c ---- */

struct toolstack *toolstack_open(void);
enum alive { ALIVE, PAUSED, CRASHED, SHUT_DOWN, DYING, NOT_THERE };
enum alive toolstack_alive(struct toolstack *t, uint32_t domid);
/* The domain's configuration as libxl has it, or NULL (not complete yet). */
struct saved_config *toolstack_config(struct toolstack *t, uint32_t domid);
void toolstack_config_free(struct saved_config *c);
/* Lets libxl forget which domids were in use just now; false: it cannot. */
bool toolstack_forget_domids(struct toolstack *t) must_check;
/* Makes the domain again, paused.  0 or -errno. */
int toolstack_create(struct toolstack *t, struct saved_config *c, uint32_t domid) must_check;
/* A copy with another kernel and ramdisk, or NULL. */
struct saved_config *toolstack_with_image(struct toolstack *t, const struct saved_config *c,
                                          const char *kernel, const char *ramdisk);
int toolstack_pause(struct toolstack *t, uint32_t domid) must_check;
int toolstack_unpause(struct toolstack *t, uint32_t domid) must_check;
void toolstack_destroy(struct toolstack *t, uint32_t domid);

/* ---- serve.c ---- */

int serve_start(struct guard *g, const char *path) must_check;

#endif
