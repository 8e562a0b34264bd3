/*
 * The event loop of every drvdom process: file descriptors and timers, one thread, no locks.
 */
#ifndef DRVDOM_BASE_LOOP_H
#define DRVDOM_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "transport/base/arith.h"

/* The caller owns these structs; they must outlive their registration. */
struct loop_fd {
    int fd;
    void (*fn)(void *arg, uint32_t events); /* EPOLLIN... */
    void *arg;
};

struct loop_timer {
    uint64_t due_ns; /* 0: not armed */
    void (*fn)(void *arg);
    void *arg;
    struct loop_timer *next;
};

struct loop {
    int epfd;
    bool quit;
    int exit_code;
    struct loop_timer *timers;       /* sorted by due_ns; a worker has a handful */
    const struct loop_fd *batch[16]; /* being dispatched: loop_del clears entries of it */
    int batch_len;
};

int loop_init(struct loop *l) must_check;
void loop_fini(struct loop *l);

/* Registers h->fd (level triggered).  0 or -errno. */
int loop_add(struct loop *l, struct loop_fd *h, uint32_t events) must_check;
/* Changes which events are wanted; 0 disarms without forgetting. */
int loop_mod(struct loop *l, struct loop_fd *h, uint32_t events) must_check;
/* Safe at any time, also from inside any callback; h->fn is not called afterwards. */
void loop_del(struct loop *l, struct loop_fd *h);

/* Arms (or re-arms) t to fire once, delay_ns from now.  t->fn and t->arg are set by the caller. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t delay_ns);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/* One round: waits (or not, wait == false), dispatches what is ready and the due timers.  For a
 * data path that sleeps elsewhere (io_uring) with l->epfd as one of its sources.  0 or -errno. */
int loop_step(struct loop *l, bool wait) must_check;
/* Nanoseconds until the next timer is due; UINT64_MAX when none is armed. */
uint64_t loop_next_timer_ns(const struct loop *l);

/* Runs until loop_quit().  Returns the exit code given there, or -errno when waiting failed. */
int loop_run(struct loop *l) must_check;
void loop_quit(struct loop *l, int exit_code);

/* Ends the loop with exit code 0 at SIGTERM or SIGINT, and ignores SIGPIPE.  *h is the caller's
 * memory and outlives the loop.  0 or -errno. */
int loop_quit_on_signals(struct loop *l, struct loop_fd *h) must_check;

#endif
