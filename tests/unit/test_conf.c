/* drvdom.conf: what is taken, and that each bad line is refused with its number and reason. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver-domain/image/conf.h"
#include "tests/unit/suite.h"

static struct conf c;
static struct conf_error err;

static int parse(const char *text)
{
    /* An exact copy on the heap: the sanitizer sees a read behind the end. */
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    int rc;

    memcpy(copy, text, len);
    rc = conf_parse(&c, copy, len, &err);
    free(copy);
    return rc;
}

START_TEST(takes_everything)
{
    ck_assert_int_eq(parse("# all of it\n"
                           "\n"
                           "module null_blk nr_devices=1  queue_mode=2 # two arguments\n"
                           "module brd\r\n"
                           "nic uplink 00:16:3e:aB:cD:0f\n"
                           "bridge xenbr0 eth0\teth1\n"
                           "bridge xenbr1\n"
                           "vlans xenbr1\n"
                           "address xenbr0 192.0.2.7/24\n"
                           "gateway 192.0.2.254\n"
                           "mtu eth0 9000\n"
                           "forward on\n"
                           "nbd on\n"
                           "wait /dev/nvme0n1 10\n"
                           "file /run/disk0.img 64M\n"
                           "file /run/disk1.img 512 sparse\n"
                           "map slow delay 65536 /dev/nvme0n1  0 5\n"
                           "map bare zero 8\n"
                           "mount /dev/nvme0n2 /data ext4\n"
                           "watchdog 5\n"
                           "drvdomd --log\n"
                           "drvdomd debug"),
                     0);
    ck_assert_uint_eq(c.module_count, 2);
    ck_assert_str_eq(c.modules[0].name, "null_blk");
    ck_assert_str_eq(c.modules[0].args, "nr_devices=1 queue_mode=2");
    ck_assert_str_eq(c.modules[1].args, "");
    ck_assert_str_eq(c.nics[0].ifname, "uplink");
    ck_assert_mem_eq(c.nics[0].mac, "\x00\x16\x3e\xab\xcd\x0f", 6);
    ck_assert_uint_eq(c.bridge_count, 2);
    ck_assert_uint_eq(c.bridges[0].port_count, 2);
    ck_assert_str_eq(c.bridges[0].ports[1], "eth1");
    ck_assert_uint_eq(c.bridges[1].port_count, 0);
    ck_assert(!c.bridges[0].vlans && c.bridges[1].vlans);
    ck_assert_uint_eq(c.addresses[0].addr, 0xc0000207);
    ck_assert_uint_eq(c.addresses[0].prefix, 24);
    ck_assert(c.has_gateway && c.gateway == 0xc00002fe);
    ck_assert_uint_eq(c.mtus[0].mtu, 9000);
    ck_assert(c.forward && c.nbd);
    ck_assert_uint_eq(c.map_count, 2);
    ck_assert_str_eq(c.maps[0].name, "slow");
    ck_assert_str_eq(c.maps[0].target, "delay");
    ck_assert_uint_eq(c.maps[0].sectors, 65536);
    ck_assert_str_eq(c.maps[0].args, "/dev/nvme0n1 0 5");
    ck_assert_str_eq(c.maps[1].args, "");
    ck_assert_str_eq(c.waits[0].path, "/dev/nvme0n1");
    ck_assert_uint_eq(c.waits[0].seconds, 10);
    ck_assert_uint_eq(c.files[0].size_bytes, 64u << 20);
    ck_assert(!c.files[0].sparse && c.files[1].sparse);
    ck_assert_uint_eq(c.mount_count, 1);
    ck_assert_str_eq(c.mounts[0].device, "/dev/nvme0n2");
    ck_assert_str_eq(c.mounts[0].where, "/data");
    ck_assert_str_eq(c.mounts[0].type, "ext4");
    ck_assert_uint_eq(c.watchdog_seconds, 5);
    ck_assert_uint_eq(c.drvdomd_arg_count, 2);
    ck_assert_str_eq(c.drvdomd_args[1], "debug");
}
END_TEST

START_TEST(empty_is_fine)
{
    ck_assert_int_eq(parse(""), 0);
    ck_assert_uint_eq(c.watchdog_seconds, 20);
    ck_assert_int_eq(parse("watchdog off"), 0);
    ck_assert_uint_eq(c.watchdog_seconds, 0);
    ck_assert_int_eq(parse("\n\n"), 0);
    ck_assert_int_eq(parse("#"), 0);
}
END_TEST

/* One line each; `says` is a part of the complaint. */
static const struct {
    const char *line, *says;
} refused[] = {
    {"brigde xenbr0", "unknown directive"},
    {"bridge", "usage: bridge"},
    {"bridge xenbr0 eth/0", "interface name"},
    {"bridge ..", "interface name"},
    {"bridge abcdefghijklmnop", "longer than 15"},
    {"bridge b 1 2 3 4 5 6 7 8 9", "more than 8 ports"},
    {"bridge b\nbridge b", "already"},
    {"vlans", "usage: vlans"},
    {"vlans b", "no bridge"},
    {"nic eth1 00:16:3e:00:00:01", "begin with eth"},
    {"nic up 00:16:3e:00:00", "not a MAC"},
    {"nic up 00:16:3e:00:00:0", "not a MAC"},
    {"nic up 00:16:3e:00:00:01:", "not a MAC"},
    {"nic up 00:16:3e:00:0g:01", "not a MAC"},
    {"nic up 00-16-3e-00-00-01", "not a MAC"},
    {"nic up :", "not a MAC"},
    {"address eth0", "usage: address"},
    {"address eth0 1.2.3.4", "not an address"},
    {"address eth0 1.2.3/24", "not an address"},
    {"address eth0 1.2.3.4.5/24", "not an address"},
    {"address eth0 1.2.3.256/24", "not an address"},
    {"address eth0 1.2.3.4/33", "not an address"},
    {"address eth0 1.2.3.4/0", "not an address"},
    {"address eth0 1..3.4/24", "not an address"},
    {"address eth0 +1.2.3.4/24", "not an address"},
    {"address eth0 1.2.3.0004/24", "not an address"},
    {"gateway 1.2.3.4/24", "not an address"},
    {"gateway 1.2.3.4\ngateway 1.2.3.4", "twice"},
    {"mtu eth0 67", "68..65535"},
    {"mtu eth0 65536", "68..65535"},
    {"mtu eth0 1e3", "68..65535"},
    {"mtu eth0 99999999999999999999999", "68..65535"},
    {"forward yes", "on or off"},
    {"wait dev/nvme0n1 10", "absolute"},
    {"wait /dev/nvme0n1 0", "1..600"},
    {"wait /dev/nvme0n1 -1", "1..600"},
    {"file /run/a 0", "not a size"},
    {"file /run/a 1000", "multiple of 512"},
    {"file /run/a 64m", "not a size"},
    {"file /run/a M", "not a size"},
    {"file /run/a 64M dense", "usage: file"},
    {"file /run/a 99999999999999999G", "not a size"},
    {"module ../evil", "not a path"},
    {"mount /dev/a /data", "usage: mount"},
    {"mount a /data ext4", "absolute"},
    {"mount /dev/a data ext4", "absolute"},
    {"mount /dev/a /data ../ext4", "type of file system"},
    {"watchdog 2", "3..3600"},
    {"watchdog on", "3..3600"},
    {"map", "usage: map"},
    {"map slow delay", "usage: map"},
    {"map ../slow delay 8 x", "below /dev/mapper"},
    {"map control zero 8", "below /dev/mapper"},
    {"map slow delay -8 x", "not a number of 512-byte sectors"},
    {"map slow delay 0 x", "not a number of 512-byte sectors"},
    {"map slow delay 18446744073709551615 x", "not a number of 512-byte sectors"},
    {"map slow a-target-that-is-too-long 8", "longer than 15 bytes"},
    {"map slow zero 8\nmap slow zero 8", "already there"},
    {"bridge xen\x01", "byte 0x01"},
    {"bridge \xc3\xa4", "byte 0xc3"},
};

START_TEST(refuses)
{
    ck_assert_int_eq(parse(refused[_i].line), -EINVAL);
    ck_assert_msg(strstr(err.text, refused[_i].says), "\"%s\": \"%s\"", refused[_i].line, err.text);
    ck_assert_uint_eq(err.line, strchr(refused[_i].line, '\n') ? 2 : 1);
}
END_TEST

START_TEST(tells_the_line)
{
    ck_assert_int_eq(parse("# x\n\nbridge a\nmtu\nbridge b\n"), -EINVAL);
    ck_assert_uint_eq(err.line, 4);
    /* What came before is kept: init goes on with it. */
    ck_assert_uint_eq(c.bridge_count, 1);
}
END_TEST

/* Every limit is reached and then passed by one. */
START_TEST(limits)
{
    char text[8192] = "", line[1024];

    for (int i = 0; i < CONF_ENTRIES; i++)
        strcat(text, "wait /dev/x 1\n");
    ck_assert_int_eq(parse(text), 0);
    strcat(text, "wait /dev/x 1\n");
    ck_assert_int_eq(parse(text), -EINVAL);
    ck_assert_uint_eq(err.line, CONF_ENTRIES + 1);

    memset(line, 'a', sizeof(line));
    memcpy(line, "wait /", 6);
    line[5 + CONF_PATH_BYTES - 1] = '\0';
    strcpy(text, line);
    ck_assert_int_eq(parse(strcat(text, " 1")), 0);
    ck_assert_uint_eq(strlen(c.waits[0].path), CONF_PATH_BYTES - 1);
    strcpy(text, line);
    ck_assert_int_eq(parse(strcat(text, "a 1")), -EINVAL);

    memset(line, 'a', sizeof(line));
    line[600] = '\0';
    ck_assert_int_eq(parse(line), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "longer than"));

    strcpy(text, "drvdomd");
    for (int i = 0; i < CONF_ENTRIES; i++)
        strcat(text, " a");
    ck_assert_int_eq(parse(text), 0);
    ck_assert_int_eq(parse(strcat(text, " a")), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conf");
    TCase *tc = tcase_create("conf");

    tcase_add_test(tc, takes_everything);
    tcase_add_test(tc, empty_is_fine);
    tcase_add_loop_test(tc, refuses, 0, (int)ARRAY_SIZE(refused));
    tcase_add_test(tc, tells_the_line);
    tcase_add_test(tc, limits);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
