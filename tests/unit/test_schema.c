/*
 * The generated accessors over a store of a few strings.  This file defines the three calls of
 * store.h that accessors make, so that the real ones are not linked in.
 */
#include "schema/driver-domain.h"
#include "schema/vbd.h"
#include "schema/vif.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char path[STORE_PATH_MAX];
    char value[2048];
    size_t len;
} nodes[32];

static void clear(void)
{
    memset(nodes, 0, sizeof(nodes));
}

static size_t find(const char *path)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(nodes) && strcmp(nodes[i].path, path) != 0)
        i++;
    return i;
}

static void put(const char *path, const char *value, size_t len)
{
    size_t i = find(path);

    if (i == ARRAY_SIZE(nodes))
        i = find("");
    ck_assert_uint_lt(i, ARRAY_SIZE(nodes));
    snprintf(nodes[i].path, sizeof(nodes[i].path), "%s", path);
    memcpy(nodes[i].value, value, len);
    nodes[i].value[len] = '\0';
    nodes[i].len = len;
}

static const char *value(const char *path)
{
    size_t i = find(path);

    return i < ARRAY_SIZE(nodes) ? nodes[i].value : NULL;
}

int store_read(struct store *s, store_txn t, const char *path, char *buf, size_t size)
{
    size_t i = find(path);

    (void)s;
    (void)t;
    if (i == ARRAY_SIZE(nodes))
        return -ENOENT;
    if (memchr(nodes[i].value, 0, nodes[i].len))
        return -EINVAL;
    if (nodes[i].len + 1 > size)
        return -E2BIG;
    memcpy(buf, nodes[i].value, nodes[i].len + 1);
    return (int)nodes[i].len;
}

int store_write(struct store *s, store_txn t, const char *path, const char *v)
{
    (void)s;
    (void)t;
    put(path, v, strlen(v));
    return 0;
}

int store_rm(struct store *s, store_txn t, const char *path)
{
    size_t i = find(path);

    (void)s;
    (void)t;
    if (i == ARRAY_SIZE(nodes))
        return -ENOENT;
    nodes[i].path[0] = '\0';
    return 0;
}

static const char back[] = "backend/vbd/5/51712";
static const char front[] = "/local/domain/5/device/vbd/51712";

static void put_back(const char *key, const char *v)
{
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", back, key);
    put(path, v, strlen(v));
}

START_TEST(dirs_are_the_paths_of_xen)
{
    char dir[STORE_PATH_MAX], sub[STORE_PATH_MAX];

    ck_assert_int_eq(vbd_back_dir(dir, sizeof(dir), 5, 51712), (int)strlen(back));
    ck_assert_str_eq(dir, back);
    vbd_back_dir_of(dir, sizeof(dir), 2, 5, 51712);
    ck_assert_str_eq(dir, "/local/domain/2/backend/vbd/5/51712");
    vbd_front_dir(dir, sizeof(dir), 5, 51712);
    ck_assert_str_eq(dir, front);
    vbd_front_dir_own(dir, sizeof(dir), 51712);
    ck_assert_str_eq(dir, "device/vbd/51712");
    vif_front_dir(dir, sizeof(dir), 5, 0);
    vif_front_queue_dir(sub, sizeof(sub), dir, 1);
    ck_assert_str_eq(sub, "/local/domain/5/device/vif/0/queue-1");
    vbd_libxl_dir(dir, sizeof(dir), 5, 51712);
    ck_assert_str_eq(dir, "/libxl/5/device/vbd/51712");
    ck_assert_str_eq(BACKENDS_DIR, "backend");
    ck_assert_str_eq(DRVDOM_DIR, "data/drvdom");
    drvdom_dir_of(dir, sizeof(dir), 2);
    ck_assert_str_eq(dir, "/local/domain/2/data/drvdom");
}
END_TEST

START_TEST(watch_paths_come_apart_again)
{
    unsigned guest = 0, devid = 0, domid = 0;
    char kind[SCHEMA_WORD_MAX];
    const char *rest = NULL;

    ck_assert_int_eq(device_back_dir_match("backend/vif/7/2/state", kind, &guest, &devid, &rest),
                     0);
    ck_assert_str_eq(kind, "vif");
    ck_assert_uint_eq(guest, 7);
    ck_assert_uint_eq(devid, 2);
    ck_assert_str_eq(rest, DEVICE_BACK_KEY_STATE);
    ck_assert_int_eq(vbd_back_dir_match("backend/vif/7/2", &guest, &devid, &rest), -EINVAL);
    ck_assert_int_eq(
        vbd_back_dir_of_match("/local/domain/3/backend/vbd/7/2/x", &domid, &guest, &devid, &rest),
        0);
    ck_assert_uint_eq(domid, 3);
}
END_TEST

START_TEST(numbers)
{
    uint64_t sectors = 99;
    uint32_t size = 99;

    clear();
    ck_assert_int_eq(vbd_back_get_sectors(NULL, 0, back, &sectors), -ENOENT);
    ck_assert_int_eq(vbd_back_set_sectors(NULL, 0, back, VBD_BACK_MAX_SECTORS), 0);
    ck_assert_str_eq(value("backend/vbd/5/51712/sectors"), "18014398509481983");
    ck_assert_int_eq(vbd_back_get_sectors(NULL, 0, back, &sectors), 0);
    ck_assert_uint_eq(sectors, VBD_BACK_MAX_SECTORS);

    put_back("sectors", "18014398509481984");
    sectors = 99;
    ck_assert_int_eq(vbd_back_get_sectors(NULL, 0, back, &sectors), -EINVAL);
    ck_assert_uint_eq(sectors, 99);
    ck_assert_str_eq(schema_last_error(),
                     "sectors: \"18014398509481984\" is not a number in 0..18014398509481983");
    put_back("sector-size", "3");
    ck_assert_int_eq(vbd_back_get_sector_size(NULL, 0, back, &size), -EINVAL);
    put_back("sector-size", "4096");
    ck_assert_int_eq(vbd_back_get_sector_size(NULL, 0, back, &size), 0);
    ck_assert_uint_eq(size, 4096);
    ck_assert_int_eq(vbd_back_rm_sector_size(NULL, 0, back), 0);
    ck_assert_int_eq(vbd_back_rm_sector_size(NULL, 0, back), 0);
    ck_assert_int_eq(vbd_back_get_sector_size(NULL, 0, back, &size), -ENOENT);
}
END_TEST

START_TEST(long_and_broken_values)
{
    uint32_t port = 99;
    char big[2000];

    clear();
    memset(big, '1', sizeof(big));
    put("d/event-channel", big, sizeof(big));
    ck_assert_int_eq(vbd_front_get_event_channel(NULL, 0, "d", &port), -EINVAL);
    ck_assert_str_eq(schema_last_error(), "event-channel: the value is too long");
    put("d/event-channel", "1\0", 2);
    ck_assert_int_eq(vbd_front_get_event_channel(NULL, 0, "d", &port), -EINVAL);
    ck_assert_str_eq(schema_last_error(), "event-channel: the value has a NUL byte inside");
    put("d/event-channel", "", 0);
    ck_assert_int_eq(vbd_front_get_event_channel(NULL, 0, "d", &port), -EINVAL);
    ck_assert_str_eq(schema_last_error(), "event-channel: \"\" is not a number in 1..131071");
    ck_assert_uint_eq(port, 99);
}
END_TEST

START_TEST(defaults)
{
    enum vbd_back_hotplug_status hs = VBD_BACK_HOTPLUG_STATUS_ERROR;
    uint32_t queues = 99;
    bool flag = true;

    clear();
    ck_assert_int_eq(vbd_front_get_multi_queue_num_queues(NULL, 0, front, &queues), 0);
    ck_assert_uint_eq(queues, 1);
    ck_assert_int_eq(vif_front_get_feature_sg(NULL, 0, front, &flag), 0);
    ck_assert(!flag);
    ck_assert_int_eq(vbd_back_get_hotplug_status(NULL, 0, back, &hs), 0);
    ck_assert_int_eq(hs, VBD_BACK_HOTPLUG_STATUS_NONE);
    /* A default stands for absence, not for nonsense. */
    put("/local/domain/5/device/vbd/51712/multi-queue-num-queues", "0", 1);
    ck_assert_int_eq(vbd_front_get_multi_queue_num_queues(NULL, 0, front, &queues), -EINVAL);
}
END_TEST

START_TEST(indexed_and_in_queues)
{
    char dir[STORE_PATH_MAX];
    uint32_t ref = 0;

    clear();
    ck_assert_int_eq(vbd_front_set_ring_ref_n(NULL, 0, front, 15, 77), 0);
    ck_assert_str_eq(value("/local/domain/5/device/vbd/51712/ring-ref15"), "77");
    vbd_front_queue_dir(dir, sizeof(dir), front, 3);
    put("/local/domain/5/device/vbd/51712/queue-3/ring-ref0", "-5", 2);
    ck_assert_int_eq(vbd_front_get_ring_ref_n(NULL, 0, dir, 0, &ref), -EINVAL);
    ck_assert_str_eq(schema_last_error(), "ring-ref0: \"-5\" is not a number in 1..4294967295");
}
END_TEST

START_TEST(enums)
{
    enum vbd_front_protocol abi;
    enum drvdom_state state;

    clear();
    ck_assert_int_eq(vbd_front_get_protocol(NULL, 0, front, &abi), -ENOENT);
    ck_assert_int_eq(vbd_front_set_protocol(NULL, 0, front, VBD_FRONT_PROTOCOL_X86_64), 0);
    ck_assert_str_eq(value("/local/domain/5/device/vbd/51712/protocol"), "x86_64-abi");
    ck_assert_int_eq(vbd_front_get_protocol(NULL, 0, front, &abi), 0);
    ck_assert_int_eq(abi, VBD_FRONT_PROTOCOL_X86_64);
    ck_assert_str_eq(vbd_front_protocol_str(abi), "x86_64-abi");
    put("data/drvdom/state", "Ready", 5);
    ck_assert_int_eq(drvdom_get_state(NULL, 0, DRVDOM_DIR, &state), -EINVAL);
    ck_assert_str_eq(schema_last_error(),
                     "state: \"Ready\" is not one of starting, ready, failed, stopping");
}
END_TEST

START_TEST(strings)
{
    char params[VBD_BACK_SIZE_PARAMS];

    clear();
    ck_assert_int_eq(vbd_back_set_params(NULL, 0, back, "/dev/vg/a b"), 0);
    ck_assert_int_eq(vbd_back_get_params(NULL, 0, back, params, sizeof(params)), 0);
    ck_assert_str_eq(params, "/dev/vg/a b");
    put_back("params", "/dev/\x1b[31m");
    ck_assert_int_eq(vbd_back_get_params(NULL, 0, back, params, sizeof(params)), -EINVAL);
    ck_assert_int_eq(vbd_back_set_params(NULL, 0, back, "a\nb"), -EINVAL);
    ck_assert_str_eq(schema_last_error(),
                     "params: \"a\\x0ab\" is not 0..1024 printable ASCII characters");
    put_back("frontend", "/local/domain/5/device/../x");
    ck_assert_int_eq(vbd_back_get_frontend(NULL, 0, back, params, sizeof(params)), -EINVAL);
}
END_TEST

START_TEST(texts_are_escaped_both_ways)
{
    char text[VBD_BACK_SIZE_HOTPLUG_ERROR], big[600];

    clear();
    ck_assert_int_eq(vbd_back_set_hotplug_error(NULL, 0, back, "no \"disk\"\x1b[2J\n"), 0);
    ck_assert_str_eq(value("backend/vbd/5/51712/hotplug-error"), "no \"disk\"\\x1b[2J\\x0a");
    put_back("hotplug-error", "\x07");
    ck_assert_int_eq(vbd_back_get_hotplug_error(NULL, 0, back, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "\\x07");
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    ck_assert_int_eq(vbd_back_set_hotplug_error(NULL, 0, back, big), 0);
    ck_assert_int_eq(vbd_back_get_hotplug_error(NULL, 0, back, text, sizeof(text)), 0);
    ck_assert_uint_eq(strlen(text), 512);
    ck_assert_str_eq(text + 510, "..");
}
END_TEST

START_TEST(mac_and_rate)
{
    const uint8_t mac[VALUE_MAC_LEN] = {0, 0x16, 0x3e, 1, 2, 0xff};
    uint8_t got[VALUE_MAC_LEN];
    struct value_rate r = {.bytes = 10485, .usec = 50000};

    clear();
    ck_assert_int_eq(vif_back_set_mac(NULL, 0, "d", mac), 0);
    ck_assert_str_eq(value("d/mac"), "00:16:3e:01:02:ff");
    ck_assert_int_eq(vif_front_get_mac(NULL, 0, "d", got), 0);
    ck_assert_mem_eq(got, mac, sizeof(mac));
    ck_assert_int_eq(vif_back_set_rate(NULL, 0, "d", r), 0);
    ck_assert_str_eq(value("d/rate"), "10485,50000");
    memset(&r, 0, sizeof(r));
    ck_assert_int_eq(vif_back_get_rate(NULL, 0, "d", &r), 0);
    ck_assert_uint_eq(r.usec, 50000);
}
END_TEST

/* Our own mistakes stop the program. */
START_TEST(out_of_range_asserts)
{
    (void)!vbd_back_set_info(NULL, 0, back, 8);
}
END_TEST

START_TEST(index_out_of_range_asserts)
{
    (void)!vbd_front_set_ring_ref_n(NULL, 0, front, 16, 1);
}
END_TEST

START_TEST(small_buffer_asserts)
{
    char buf[VBD_BACK_SIZE_DEV - 1];

    (void)!vbd_back_get_dev(NULL, 0, back, buf, sizeof(buf));
}
END_TEST

START_TEST(long_path_asserts)
{
    char buf[10];

    vbd_back_dir(buf, sizeof(buf), 5, 51712);
}
END_TEST

/* Every key of every table: what the accessors rely on. */
START_TEST(tables_are_sound)
{
    static const struct schema_dir *const all[] = {
        &schema_dir_vbd_back,  &schema_dir_vbd_front, &schema_dir_vbd_libxl, &schema_dir_vif_back,
        &schema_dir_vif_front, &schema_dir_vif_libxl, &schema_dir_drvdom,    &schema_dir_domain,
    };
    size_t keys = 0;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        for (size_t j = 0; j < all[i]->nkeys; j++) {
            const struct schema_key *k = &all[i]->keys[j];
            unsigned index;

            keys++;
            ck_assert_uint_gt(schema_key_maxlen(k), 0);
            ck_assert_uint_le(schema_key_maxlen(k), SCHEMA_STRING_MAX);
            ck_assert(k->index_max || !strstr(k->name, "%u"));
            if (k->index_max == 0)
                ck_assert_ptr_eq(schema_dir_find(all[i], k->name, &index), k);
        }
    }
    ck_assert_uint_gt(keys, 150);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schema accessors");
    TCase *t = tcase_create("all");

    tcase_add_test(t, dirs_are_the_paths_of_xen);
    tcase_add_test(t, watch_paths_come_apart_again);
    tcase_add_test(t, numbers);
    tcase_add_test(t, long_and_broken_values);
    tcase_add_test(t, defaults);
    tcase_add_test(t, indexed_and_in_queues);
    tcase_add_test(t, enums);
    tcase_add_test(t, strings);
    tcase_add_test(t, texts_are_escaped_both_ways);
    tcase_add_test(t, mac_and_rate);
    tcase_add_test(t, tables_are_sound);
    tcase_add_test_raise_signal(t, out_of_range_asserts, 6);
    tcase_add_test_raise_signal(t, index_out_of_range_asserts, 6);
    tcase_add_test_raise_signal(t, small_buffer_asserts, 6);
    tcase_add_test_raise_signal(t, long_path_asserts, 6);
    suite_add_tcase(s, t);
    return run_suite(s);
}
