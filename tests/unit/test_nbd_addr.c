/* target= that names an NBD export: what is understood, and what is refused. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/nbd_addr.h"
#include "tests/unit/suite.h"

static struct nbd_addr a;
static struct why why;

static bool parses(const char *target)
{
    return nbd_addr_parse(&a, target, &why) == 0;
}

static unsigned port(void)
{
    const struct sockaddr_in *in = (const void *)&a.sock; /* at the same place for both */

    return ntohs(in->sin_port);
}

START_TEST(tcp)
{
    ck_assert(parses("nbd://10.7.0.2"));
    ck_assert(a.sock.any.sa_family == AF_INET && port() == 10809 && !a.local);
    ck_assert_str_eq(a.export_name, "");
    ck_assert(parses("nbd://10.7.0.2:99/disks/a:b"));
    ck_assert(port() == 99);
    ck_assert_str_eq(a.export_name, "disks/a:b");
    ck_assert(parses("nbd://127.1.2.3/x") && a.local);
    ck_assert(parses("nbd://[fd00::1]:5/x"));
    ck_assert(a.sock.any.sa_family == AF_INET6 && port() == 5 && !a.local);
    ck_assert(parses("nbd://[::1]") && a.local && port() == 10809);
}
END_TEST

START_TEST(local)
{
    ck_assert(parses("nbd+unix:///disk?socket=/run/nbd.sock"));
    ck_assert(a.local && a.sock.path.sun_family == AF_UNIX);
    ck_assert_str_eq(a.sock.path.sun_path, "/run/nbd.sock");
    ck_assert_str_eq(a.export_name, "disk");
    ck_assert(parses("nbd+unix://?socket=/s"));
    ck_assert_str_eq(a.export_name, "");
}
END_TEST

static const char *const bad[] = {
    "nbd://",
    "nbd:///x",
    "nbd://host/x",
    "nbd://10.7.0.2:",
    "nbd://10.7.0.2:0/x",
    "nbd://10.7.0.2:65536/x",
    "nbd://10.7.0.2:12a/x",
    "nbd://10.7.0.2:999999999999/x",
    "nbd://10.7.0/x",
    "nbd://[fd00::1/x",
    "nbd://[fd00::1]x/x",
    "nbd://fd00::1/x",
    "nbd://10.7.0.2/a%20b",
    "nbd://10.7.0.2/a?tls=1",
    "nbds://10.7.0.2/x",
    "nbd+unix:///x",
    "nbd+unix:///x?socket=relative",
    "nbd+unix:///x?socket=/a&tls=1",
    "nbd:unix:/run/nbd.sock",
    "nbd+ssh://x",
};

START_TEST(refused)
{
    ck_assert(nbd_addr_is(bad[_i])); /* never taken for a file */
    ck_assert(!parses(bad[_i]));
    ck_assert_ptr_nonnull(strstr(why.text, "use nbd://"));
}
END_TEST

START_TEST(too_long)
{
    char text[1200] = "nbd+unix:///x?socket=/";

    memset(text + strlen(text), 'a', 200);
    ck_assert(!parses(text));
    memset(text, 0, sizeof(text));
    memcpy(text, "nbd://10.7.0.2/", 15);
    memset(text + 15, 'a', NBD_EXPORT_MAX);
    ck_assert(parses(text) && strlen(a.export_name) == NBD_EXPORT_MAX);
    text[15 + NBD_EXPORT_MAX] = 'a';
    ck_assert(!parses(text));
    memset(text + 6, '1', 300);
    ck_assert(!parses(text));
    ck_assert(!nbd_addr_is("/dev/nbd0") && !nbd_addr_is("nbdisk"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nbd_addr");
    TCase *t = tcase_create("nbd_addr");

    tcase_add_test(t, tcp);
    tcase_add_test(t, local);
    tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, too_long);
    suite_add_tcase(s, t);
    return run_suite(s);
}
