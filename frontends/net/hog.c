/* See hog.h. */
#include "frontends/net/hog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/io.h"
#include "transport/base/log.h"

enum { SMALL = 60, LARGE = 1514 };

static volatile sig_atomic_t told_to_stop;

static void on_signal(int sig)
{
    (void)sig;
    told_to_stop = 1;
}

/* Two frames: what costs neighbours most in number, and in bytes. */
static void make_frames(struct nf_conn *c, const uint8_t to[6])
{
    for (unsigned page = 0; page < 2; page++) {
        uint8_t *f = nf_page(&c->queue[0], 0, page);

        memcpy(f, to, 6);
        memcpy(f + 6, c->mac, 6);
        memset(f + 12, 0x88, 2); /* no protocol of anybody's */
    }
}

/* The ring is always full. */
static int flood(struct nf_conn *c, uint64_t *done)
{
    struct nf_queue *q = &c->queue[0];
    struct netif_tx_response rsp;
    int rc;

    while (ring_front_space(&q->tx) > 0) {
        unsigned page = q->tx.prod & 1;

        nf_raw_tx(q, (uint16_t)page, page, 0, page ? LARGE : SMALL, 0);
    }
    rc = nf_push(c, q);
    if (!rc)
        rc = nf_raw_answer(c, q, &rsp, 100);
    *done += rc > 0;
    return MIN(rc, 0);
}

static int storm(struct nf_conn *c, uint64_t *done)
{
    int rc = evtchn_notify(&c->f.ev, c->queue[0].port[*done & 1 && c->queue[0].port[1].port].port);

    ++*done;
    return rc;
}

static int dry(struct nf_conn *c, uint64_t *done)
{
    (void)c;
    ++*done;
    usleep(100000);
    return 0;
}

int hog(struct nf_conn *c, const struct nf_want *want, const char *what, const uint8_t to[6])
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    int (*step)(struct nf_conn * c, uint64_t * done);
    struct nf_want w = *want;
    uint64_t done = 0;
    int rc, end;

    step = strcmp(what, "flood") == 0   ? flood
           : strcmp(what, "pour") == 0  ? flood
           : strcmp(what, "storm") == 0 ? storm
           : strcmp(what, "dry") == 0   ? dry
                                        : NULL;
    if (!step)
        return front_fail(&c->f, -EINVAL, "no hog \"%s\": flood, pour, storm or dry", what);
    w.no_buffers = step == dry;
    w.queues = 1;
    rc = nf_connect(c, &w);
    if (rc)
        return rc;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    make_frames(c, strcmp(what, "pour") == 0 ? to : all);
    printf("hogging %s\n", what);
    while (!rc && !told_to_stop)
        rc = step(c, &done);
    printf("%s: %llu times\n", what, (unsigned long long)done);
    end = nf_disconnect(c);
    return rc ? rc : end;
}
