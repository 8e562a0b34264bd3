/* Reading ahead, against a xenstored of the test's own: what it answers, counted, and what happens
 * when it answers nonsense. */
#include "transport/xen/store_ahead.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

enum { MANY = 700 };
enum mood { GOOD, WRONG_ID, HUGE, DIES };

static char dir[64], path[80];
static int listener;
static pthread_t thread;
static _Atomic int asked;
static _Atomic enum mood mood;

static bool get(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static void reply(int fd, const struct xsd_sockmsg *q, uint32_t type, const char *data, size_t len)
{
    struct xsd_sockmsg m = {.type = type, .req_id = q->req_id, .len = (uint32_t)len};

    if (mood == WRONG_ID && q->req_id > 3)
        m.req_id = 100000;
    if (mood == HUGE && q->req_id > 3)
        m.len = XENSTORE_PAYLOAD_MAX + 1;
    (void)!send(fd, &m, sizeof(m), MSG_NOSIGNAL);
    (void)!send(fd, data, len, MSG_NOSIGNAL);
}

/* "/value/N" holds N, "/list" has two children, "/long" cannot be listed in one answer. */
static void answer(int fd, const struct xsd_sockmsg *q, const char *name)
{
    asked++;
    if (q->type == XS_READ && strncmp(name, "/value/", 7) == 0)
        reply(fd, q, XS_READ, name + 7, strlen(name + 7));
    else if (q->type == XS_DIRECTORY && strcmp(name, "/list") == 0)
        reply(fd, q, XS_DIRECTORY, "one\0two", 8);
    else if (q->type == XS_DIRECTORY && strcmp(name, "/long") == 0)
        reply(fd, q, XS_ERROR, "E2BIG", 6);
    else
        reply(fd, q, XS_ERROR, "ENOENT", 7);
}

static void *connection(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct xsd_sockmsg q;
    char name[XENSTORE_PAYLOAD_MAX + 1];

    while (get(fd, &q, sizeof(q)) && q.len < sizeof(name) && get(fd, name, q.len)) {
        name[q.len] = '\0';
        if (mood == DIES && q.req_id == 3)
            break;
        answer(fd, &q, name);
    }
    close(fd);
    return NULL;
}

static void *serve(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_t t;
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return NULL;
        pthread_create(&t, NULL, connection, (void *)(intptr_t)fd);
        pthread_detach(t);
    }
}

static struct store *s;
static struct ahead a;

static void setup(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    strcpy(dir, "/tmp/store-ahead.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    strcpy(addr.sun_path, path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
    setenv("XENSTORED_PATH", path, 1);
    pthread_create(&thread, NULL, serve, NULL);
    mood = GOOD;
    ck_assert_int_eq(store_open(&s), 0);
    a = (struct ahead){0};
}

static void teardown(void)
{
    store_close(s);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    unlink(path);
    rmdir(dir);
}

static const char *value_path(int i)
{
    static char name[32];

    snprintf(name, sizeof(name), "/value/%d", i);
    return name;
}

static void ask_many(void)
{
    for (int i = 0; i < MANY; i++)
        ahead_add(&a, value_path(i), false);
    ahead_add(&a, "/none", false);
    ahead_add(&a, "/list", true);
    ahead_add(&a, "/long", true);
    ahead_ask(&a, s);
}

static void all_are_right(void)
{
    char buf[16], want[16];

    for (int i = 0; i < MANY; i++) {
        snprintf(want, sizeof(want), "%d", i);
        ck_assert_int_eq(store_read(s, 0, value_path(i), buf, sizeof(buf)), (int)strlen(want));
        ck_assert_str_eq(buf, want);
    }
    ck_assert_int_eq(store_read(s, 0, "/none", buf, sizeof(buf)), -ENOENT);
    ck_assert_int_eq(store_exists(s, 0, "/none"), 0);
    ck_assert_int_eq(store_exists(s, 0, "/value/7"), 1);
    ck_assert_int_eq(store_read(s, 0, "/value/100", buf, 3), -E2BIG);
}

static int count(void *arg, const char *name)
{
    static const char *const names[] = {"one", "two"};
    int *n = arg;

    ck_assert_str_eq(name, names[(*n)++]);
    return 0;
}

START_TEST(answers_are_kept)
{
    int before, n = 0;

    ask_many();
    before = asked;
    ck_assert_int_eq(before, MANY + 3);
    all_are_right();
    ck_assert_int_eq(store_each(s, 0, "/list", count, &n), 0);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(asked, before);
    /* what was not asked, what is asked within a transaction, and what did not fit in one answer */
    ck_assert_int_eq(store_exists(s, 0, "/value/9999"), 1);
    ck_assert_int_eq(store_exists(s, 1, "/value/7"), 1);
    ck_assert_int_lt(store_each(s, 0, "/long", count, &n), 0);
    ck_assert_int_ge(asked, before + 3);
    /* a second list adds to the first */
    before = asked;
    ahead_add(&a, "/value/8888", false);
    ahead_ask(&a, s);
    ck_assert_int_eq(store_exists(s, 0, "/value/8888"), 1);
    ck_assert_int_eq(store_exists(s, 0, "/value/7"), 1);
    ck_assert_int_eq(asked, before + 1);
    store_forget(s);
    ck_assert_int_eq(store_exists(s, 0, "/value/7"), 1);
    ck_assert_int_eq(asked, before + 2);
}
END_TEST

/* Whatever goes wrong, each value comes in the end, and is the right one. */
START_TEST(trouble_costs_time_only)
{
    mood = (enum mood)_i;
    ask_many();
    mood = GOOD;
    all_are_right();
}
END_TEST

START_TEST(no_socket)
{
    setenv("XENSTORED_PATH", "/nowhere/at/all", 1);
    ask_many();
    setenv("XENSTORED_PATH", path, 1);
    all_are_right();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_ahead");
    TCase *t = tcase_create("ahead");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, answers_are_kept);
    tcase_add_loop_test(t, trouble_costs_time_only, WRONG_ID, DIES + 1);
    tcase_add_test(t, no_socket);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
