/*
 * One queue of a vif: a ring pair, its event channels, its end of the port, and the thread that
 * serves them.  Queues share nothing but the grant device.
 *
 *   queue.c     life, events, sleep
 *   queue_tx.c  guest -> port      queue_rx.c  port -> guest
 */
#ifndef DRVDOM_NET_QUEUE_H
#define DRVDOM_NET_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/net/conn.h"
#include "backends/net/rx.h"
#include "backends/net/shared.h"
#include "backends/net/tx.h"
#include "transport/xen/journal.h"
#include "transport/xen/reactor.h"
#include "transport/xen/ring.h"
#include "transport/xen/worker_loop.h"

enum {
    /* Transmit: packets per sweep, and the memory they are copied to. */
    TX_BATCH = 32,
    TX_ARENA = 512 << 10,
    /* Receive: frames taken from the port and not yet in the guest's slots, at most; and reads
     * that wait in the kernel at a time. */
    RX_FRAMES = 32,
    RX_CHAIN = 16,
    RX_STRIDE = (1 + RX_PAGES_MAX) * NETIF_PAGE,
    QUEUE_OPS = RX_CHAIN + TX_BATCH + 8,
    SAMPLE_EVERY = 16,
    CPU_TURNS = 64, /* between looks at the clock for the CPU time */
    BUSY_PERCENT = 10,
    BATCH_SEGS = NETIF_RING_SLOTS + TX_SEGS_MAX,
};

struct rx_frame {
    struct rx_plan plan;
    uint32_t len;
    bool planned;
};

/* Where a receive response goes and which copy decides on it. */
struct rx_slot {
    uint16_t id, index; /* of the slot within its frame */
    uint32_t frame;     /* number of the frame */
    uint32_t copy;      /* index in the batch */
};

struct tx_work {
    struct tx_packet packet;
    enum tx_verdict verdict;
    uint8_t *frame;
    uint32_t first_copy;
};

/* One per event channel: the back-off of hostile-peers R8. */
struct net_port {
    uint32_t local; /* 0: none */
    bool masked;    /* an event was delivered and not yet acknowledged */
};

/* Counted here, added to the shared statistics once per turn. */
struct net_count {
    uint64_t ops[STAT_OPS], bytes[STAT_OPS], errors[STAT_OPS];
    uint64_t events, notifies, sweeps;
};

struct net_queue {
    /* For the life of the worker. */
    struct worker *w;
    unsigned index;
    struct net_shared *shared;
    struct net_count count;
    struct cpu_meter cpu;
    bool busy; /* it uses so much of a CPU that it shall not interrupt others */
    uint32_t turns;
    int port_fd, command_fd;
    struct evtchn ev;
    struct reactor reactor;
    struct grant_batch batch;
    uint8_t *tx_area, *rx_area;

    /* For one connection. */
    bool serving;
    bool rx_notify;
    int fault;              /* -errno once the guest broke the protocol */
    const char *fault_text; /* static string */
    void *tx_page, *rx_page;
    struct ring tx, rx;
    /* Answers are noted there before they are put on the ring, for a successor.  The worker's box,
     * or, in tests, spare. */
    struct answers *tx_answers, *rx_answers;
    struct answers spare_answers[2];
    struct tx_rules tx_rules;
    struct rx_caps rx_caps;
    unsigned rx_look;        /* version of the shared part of rx_caps */
    struct net_port port[2]; /* tx, rx; one channel for both: only port[0] */
    unsigned idle_wakes;     /* events in a row that brought no work */
    uint64_t unmask_due_ns;  /* 0: at once */
    bool command;            /* the command descriptor is readable */
    bool woken;
    bool changed;     /* fault or stalled: the main thread should look */
    uint32_t sample;  /* sweeps so far */
    uint64_t wait_ns; /* a limit: nothing to do before this time has passed; 0: none */

    /* Transmit. */
    bool tx_limited;            /* the rate is used up for now */
    bool tx_owed;               /* an event about answers of this turn */
    uint32_t tx_writing;        /* submitted to the port, not completed: the arena is in use */
    unsigned tx_next, tx_taken; /* tx_work between them is copied and not yet sent */
    struct tx_work tx_work[TX_BATCH];

    /* Receive.  Frames are numbered; number n lives in buffer n % RX_FRAMES.
     * placed <= filled <= armed <= placed + RX_FRAMES. */
    bool rx_limited;            /* the rate is used up for now */
    uint32_t rx_placed;         /* given to the guest (or dropped) below this */
    uint32_t rx_filled;         /* read from the port below this */
    uint32_t rx_armed;          /* reads submitted below this */
    uint32_t rx_reading;        /* reads not completed */
    uint32_t rx_need;           /* slots that the frame takes which had too few; else 1 */
    uint64_t rx_short_since_ns; /* the guest has too few slots since then; 0: it has enough */
    atomic_bool rx_stalled;     /* for so long that the link counts as down */
    struct rx_frame rx_frame[RX_FRAMES];
    struct rx_slot rx_slot[NETIF_RING_SLOTS];
};

/* ---- life (queue.c); 0 or -errno ---- */
int net_queue_init(struct net_queue *q, struct worker *w, struct net_shared *shared, unsigned index,
                   int port_fd, int command_fd) must_check;
/* Gives back everything, after net_queue_disconnect(); for tests, as a worker simply ends. */
void net_queue_fini(struct net_queue *q);
int net_queue_connect(struct net_queue *q, const struct net_connect *c, uint32_t mtu,
                      struct why *why) must_check;
/* Finishes what is in flight, unmaps, unbinds.  By the thread that serves it, or after that. */
void net_queue_disconnect(struct net_queue *q);
/* Stops serving; keeps everything mapped. */
void net_queue_stop(struct net_queue *q);

/* One round: takes what has happened, serves both directions, sleeps if there is nothing to do (at
 * most timeout_ns).  Sets q->command when the command descriptor is readable.  0 or -errno. */
int net_queue_turn(struct net_queue *q, uint64_t timeout_ns) must_check;

/* The guest broke the protocol, or its end is gone: stop. */
void net_queue_fault(struct net_queue *q, int err, const char *text);
void net_queue_notify(struct net_queue *q, struct net_port *p);

/* The start of a sweep that has work: the time, if this one is to be measured, else 0.  One in
 * SAMPLE_EVERY is: where Xen emulates the time stamp counter, reading it costs over a microsecond,
 * and three reads would be 5 % of a small packet's way. */
uint64_t net_queue_stamp(struct net_queue *q);
/* Adds a measured sweep of n packets to the histograms; counts it in any case. */
void net_queue_sample(struct net_queue *q, enum stat_op op, uint32_t n, uint64_t began_ns,
                      uint64_t copied_ns);

/* Puts the answers noted up to number upto on the ring, once all of them are noted. */
void net_queue_put(struct ring *r, struct answers *a, uint32_t upto, size_t size);

/* ---- the two directions ---- */
/* True when something was done. */
bool net_queue_tx_sweep(struct net_queue *q);
bool net_queue_rx_sweep(struct net_queue *q);
/* Before sleeping: asks the guest for the events needed.  True: do not sleep, there is work. */
bool net_queue_tx_rest(struct net_queue *q);
bool net_queue_rx_rest(struct net_queue *q);
/* Sends the event about answers that is due. */
void net_queue_tx_pay(struct net_queue *q);
/* Completions of port operations; tags are theirs. */
enum { NET_TAG_WRITE = 1 << 16 }; /* else a read, tag = buffer */
void net_queue_tx_done(struct net_queue *q, uint32_t tag, int res);
void net_queue_rx_done(struct net_queue *q, uint32_t tag, int res);

#endif
