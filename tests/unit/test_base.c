/* log, hist, loop, msg, arith: the ground floor. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/base/arith.h"
#include "transport/base/hist.h"
#include "transport/base/log.h"
#include "transport/base/loop.h"
#include "transport/base/msg.h"
#include "transport/xen/worker.h"
#include "tests/unit/suite.h"

START_TEST(ranges_do_not_wrap)
{
    ck_assert(in_range(0, 0, 0));
    ck_assert(in_range(10, 6, 16));
    ck_assert(!in_range(10, 7, 16));
    ck_assert(!in_range(16, 1, 16));
    ck_assert(!in_range(UINT64_MAX, 2, 16)); /* off + len wraps to 1 */
    ck_assert(!in_range(2, UINT64_MAX, 16));
    ck_assert(in_range(UINT64_MAX - 8, 8, UINT64_MAX));
    ck_assert_uint_eq(pow2_floor(36), 32);
    ck_assert_uint_eq(pow2_floor(1), 1);
    ck_assert(is_pow2(8) && !is_pow2(0) && !is_pow2(12));
}
END_TEST

START_TEST(escapes_what_a_peer_wrote)
{
    char b[64], tiny[8];

    ck_assert_str_eq(log_escape(b, sizeof(b), "a\033[2Jb\n", 7), "a\\x1b[2Jb\\x0a");
    ck_assert_str_eq(log_escape(b, sizeof(b), "", 0), "");
    log_escape(b, sizeof(b), "0123456789012345678901234567890123456789012345678901234567890123",
               64);
    ck_assert_uint_lt(strlen(b), sizeof(b));
    ck_assert_ptr_nonnull(strstr(b, "..."));
    ck_assert_uint_lt(strlen(log_escape(tiny, sizeof(tiny), "\001\002\003", 3)), sizeof(tiny));
}
END_TEST

/* XSA-43: a peer's million bad requests are a bounded number of lines. */
START_TEST(log_limit_bounds_lines)
{
    struct log_limit l = {0};
    unsigned shown = 0, suppressed = 0, told = 0;
    uint64_t now = 1000;

    for (unsigned i = 0; i < 1000000; i++, now += 10000) { /* ten virtual seconds */
        if (log_limit_ok(&l, now, &suppressed)) {
            shown++;
            told += suppressed;
        }
    }
    ck_assert_uint_ge(shown, 15);
    ck_assert_uint_le(shown, 25);
    ck_assert_uint_eq(shown + told + l.suppressed, 1000000);
}
END_TEST

START_TEST(hist_error_is_below_one_percent)
{
    static struct hist h;

    for (uint64_t v = 1; v < (UINT64_C(1) << 36); v = v * 9 / 8 + 1) {
        uint64_t back;

        hist_reset(&h);
        hist_add(&h, v);
        h.max_ns = UINT64_MAX; /* the exact maximum would hide the bucket's error */
        back = hist_quantile(&h, 500000);
        ck_assert_msg(back * 100 >= v * 99 && back * 100 <= v * 101, "%lu came back as %lu",
                      (unsigned long)v, (unsigned long)back);
    }
}
END_TEST

START_TEST(hist_quantiles)
{
    static struct hist h, other;

    hist_reset(&h);
    ck_assert_uint_eq(hist_quantile(&h, 500000), 0);
    ck_assert_uint_eq(hist_mean(&h), 0);
    for (uint64_t v = 1; v <= 100; v++)
        hist_add(&h, v);
    ck_assert_uint_eq(hist_quantile(&h, 500000), 50);
    ck_assert_uint_eq(hist_quantile(&h, 990000), 99);
    ck_assert_uint_eq(hist_quantile(&h, 1000000), 100);
    ck_assert_uint_eq(hist_mean(&h), 50);
    hist_add(&h, UINT64_MAX >> 1); /* far out of range: counted, not lost */
    ck_assert_uint_eq(h.count, 101);
    hist_reset(&other);
    hist_merge(&other, &h);
    ck_assert_uint_eq(other.count, 101);
    ck_assert_uint_eq(hist_quantile(&other, 500000), 51);
}
END_TEST

struct tick {
    struct loop *l;
    struct loop_timer a, b, c;
    char order[8];
    struct loop_fd *victim;
};

static void tick_a(void *arg)
{
    struct tick *t = arg;

    strcat(t->order, "a");
    loop_timer_cancel(t->l, &t->c);
}

static void tick_b(void *arg)
{
    struct tick *t = arg;

    strcat(t->order, "b");
    loop_quit(t->l, 7);
}

static void tick_c(void *arg)
{
    struct tick *t = arg;

    strcat(t->order, "c");
}

START_TEST(timers_fire_in_order)
{
    struct loop l;
    struct tick t = {.l = &l};

    ck_assert_int_eq(loop_init(&l), 0);
    t.a = (struct loop_timer){.fn = tick_a, .arg = &t};
    t.b = (struct loop_timer){.fn = tick_b, .arg = &t};
    t.c = (struct loop_timer){.fn = tick_c, .arg = &t};
    loop_timer_set(&l, &t.b, 3000000);
    loop_timer_set(&l, &t.c, 2000000);
    loop_timer_set(&l, &t.a, 1000000);
    ck_assert_int_eq(loop_run(&l), 7);
    ck_assert_str_eq(t.order, "ab"); /* a cancelled c */
    loop_fini(&l);
}
END_TEST

static struct loop del_loop;
static struct loop_fd del_fd[2];
static int del_calls;

static void del_other(void *arg, uint32_t events)
{
    ck_assert_uint_ne(events & EPOLLIN, 0);
    del_calls++;
    loop_del(&del_loop, &del_fd[arg == &del_fd[0] ? 1 : 0]);
    loop_quit(&del_loop, 0);
}

/* A handler that removes its neighbour whose event stands in the same batch. */
START_TEST(loop_del_inside_a_batch)
{
    int p[2][2];

    ck_assert_int_eq(loop_init(&del_loop), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe(p[i]), 0);
        ck_assert_int_eq(write(p[i][1], "x", 1), 1);
        del_fd[i] = (struct loop_fd){.fd = p[i][0], .fn = del_other, .arg = &del_fd[i]};
        ck_assert_int_eq(loop_add(&del_loop, &del_fd[i], EPOLLIN), 0);
    }
    ck_assert_int_eq(loop_run(&del_loop), 0);
    ck_assert_int_eq(del_calls, 1);
    for (int i = 0; i < 2; i++) {
        close(p[i][0]);
        close(p[i][1]);
    }
    loop_fini(&del_loop);
}
END_TEST

START_TEST(messages_carry_descriptors)
{
    int s[2], p[2], fds[MSG_MAX_FDS], n = MSG_MAX_FDS;
    char buf[16];

    ck_assert_int_eq(msg_pair(s), 0);
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq((int)msg_recv(s[1], buf, sizeof(buf), NULL, NULL), -EAGAIN);
    ck_assert_int_eq(msg_send(s[0], "hello", 6, p, 2), 0);
    ck_assert_int_eq((int)msg_recv(s[1], buf, sizeof(buf), fds, &n), 6);
    ck_assert_str_eq(buf, "hello");
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(write(fds[1], "z", 1), 1);
    ck_assert_int_eq(read(p[0], buf, 1), 1);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fds[0]);
    close(fds[1]);
    /* What the receiver has no room for is closed, not leaked: the pipe ends with us. */
    ck_assert_int_eq(msg_send(s[0], "x", 1, &p[1], 1), 0);
    n = 0;
    ck_assert_int_eq((int)msg_recv(s[1], buf, sizeof(buf), fds, &n), 1);
    close(p[1]);
    ck_assert_int_eq(read(p[0], buf, 1), 0);
    /* a message that does not fit is refused whole */
    ck_assert_int_eq(msg_send(s[0], "0123456789012345678", 20, NULL, 0), 0);
    ck_assert_int_eq((int)msg_recv(s[1], buf, sizeof(buf), NULL, NULL), -EMSGSIZE);
    close(s[0]);
    ck_assert_int_eq((int)msg_recv(s[1], buf, sizeof(buf), NULL, NULL), 0);
    close(s[1]);
    close(p[0]);
}
END_TEST

START_TEST(worker_messages_are_checked)
{
    struct worker_msg m = {.type = WORKER_READY, .version = WORKER_VERSION, .payload_len = 5}, got;
    int s[2];

    ck_assert_int_eq(msg_pair(s), 0);
    memset(m.text, 'x', sizeof(m.text));
    ck_assert_int_eq(worker_send(s[0], &m, NULL, 0), 0);
    ck_assert_int_eq(worker_recv(s[1], &got, NULL, NULL), 1);
    ck_assert_uint_eq(got.payload_len, 5);
    ck_assert_uint_eq(strlen(got.text), sizeof(got.text) - 1);
    m.version++;
    ck_assert_int_eq(worker_send(s[0], &m, NULL, 0), 0);
    ck_assert_int_eq(worker_recv(s[1], &got, NULL, NULL), -EPROTO);
    ck_assert_int_eq(msg_send(s[0], "short", 5, NULL, 0), 0);
    ck_assert_int_eq(worker_recv(s[1], &got, NULL, NULL), -EPROTO);
    close(s[0]);
    close(s[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");

    tcase_add_test(t, ranges_do_not_wrap);
    tcase_add_test(t, escapes_what_a_peer_wrote);
    tcase_add_test(t, log_limit_bounds_lines);
    tcase_add_test(t, hist_error_is_below_one_percent);
    tcase_add_test(t, hist_quantiles);
    tcase_add_test(t, timers_fire_in_order);
    tcase_add_test(t, loop_del_inside_a_batch);
    tcase_add_test(t, messages_carry_descriptors);
    tcase_add_test(t, worker_messages_are_checked);
    suite_add_tcase(s, t);
    return run_suite(s);
}
