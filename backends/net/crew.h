/*
 * Who serves which queue.  Queue 0 is served by the main thread; each further one by a thread of
 * its own, which does everything to it: the main thread gives orders and waits for the answer, so
 * that queues share nothing and need no locks.
 */
#ifndef DRVDOM_NET_CREW_H
#define DRVDOM_NET_CREW_H

#include <pthread.h>
#include <semaphore.h>

#include "backends/net/queue.h"

enum crew_order { CREW_CONNECT = 1, CREW_STOP, CREW_DISCONNECT };

struct crew_member {
    struct net_queue queue;
    pthread_t thread;
    bool has_thread;
    int command_fd, bell_fd; /* eventfds; bell_fd is the crew's: "look at the queues" */
    _Atomic int order;       /* enum crew_order, 0: none */
    atomic_bool faulty;      /* as of the last bell */
    sem_t done;
    int rc;
    const struct net_connect *connect; /* arguments of CREW_CONNECT */
    uint32_t mtu;
    struct why *why;
};

/* Prepares queue `index`; before the sandbox.  Queue 0 gets no thread and watches command_fd; for
 * others command_fd is ignored.  bell_fd stays the caller's.  0 or -errno. */
int crew_init(struct crew_member *m, struct worker *w, struct net_shared *shared, unsigned index,
              int port_fd, int command_fd, int bell_fd) must_check;
/* Starts the thread of a further queue; after the rights are gone, before system calls are
 * filtered.  0 or -errno. */
int crew_start(struct crew_member *m) must_check;

/* Has the queue's own thread do it and waits until it is done. */
int crew_connect(struct crew_member *m, const struct net_connect *c, uint32_t mtu,
                 struct why *why) must_check;
void crew_stop(struct crew_member *m);
void crew_disconnect(struct crew_member *m);

#endif
