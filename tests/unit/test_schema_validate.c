/* Directories as real peers write them, and with each thing wrong that the validator must see. */
#include "schema/driver-domain.h"
#include "schema/vbd.h"
#include "schema/vif.h"
#include "xenstore-schema/validate.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[8192];

static void note(void *arg, const struct schema_finding *f)
{
    size_t len = strlen(said);

    (void)arg;
    ck_assert(value_is_string(f->text, strlen(f->text), 1, SCHEMA_WHY_MAX));
    snprintf(said + len, sizeof(said) - len, "%s\n", f->text);
}

/* nodes: "name=value" strings, NULL at the end. */
static size_t run(const struct schema_dir *d, const char *const *text, unsigned back,
                  unsigned front)
{
    struct schema_node nodes[64];
    char names[64][64];
    size_t n = 0;

    for (; text[n]; n++) {
        const char *eq = strchr(text[n], '=');

        snprintf(names[n], sizeof(names[n]), "%.*s", (int)(eq - text[n]), text[n]);
        nodes[n] = (struct schema_node){.name = names[n], .value = eq + 1, .len = strlen(eq + 1)};
    }
    said[0] = '\0';
    return schema_validate(d, nodes, n, (struct schema_ends){1, 5, back, front}, note, NULL);
}

#define VBD_FRONT_BASE                                                                             \
    "backend=/local/domain/1/backend/vbd/5/51712", "backend-id=1", "virtual-device=51712"

START_TEST(linux_single_queue_is_clean)
{
    static const char *const nodes[] = {
        VBD_FRONT_BASE, "state=4",         "device-type=disk",    "trusted=1",
        "ring-ref=8",   "event-channel=9", "protocol=x86_64-abi", "feature-persistent=1",
        NULL,
    };

    ck_assert_msg(run(&schema_dir_vbd_front, nodes, 4, 4) == 0, "%s", said);
}
END_TEST

START_TEST(linux_two_queues_of_four_pages_are_clean)
{
    static const char *const nodes[] = {
        VBD_FRONT_BASE,
        "state=3",
        "multi-queue-num-queues=2",
        "ring-page-order=2",
        "queue-0=",
        "queue-0/ring-ref0=8",
        "queue-0/ring-ref1=9",
        "queue-0/ring-ref2=10",
        "queue-0/ring-ref3=11",
        "queue-0/event-channel=9",
        "queue-1=",
        "queue-1/ring-ref0=12",
        "queue-1/event-channel=10",
        NULL,
    };

    ck_assert_msg(run(&schema_dir_vbd_front, nodes, 2, 3) == 0, "%s", said);
}
END_TEST

START_TEST(missing_depends_on_the_state)
{
    static const char *const nodes[] = {VBD_FRONT_BASE, "state=1", NULL};

    ck_assert_msg(run(&schema_dir_vbd_front, nodes, 2, 1) == 0, "%s", said);
    ck_assert_uint_eq(run(&schema_dir_vbd_front, nodes, 2, 3), 2);
    ck_assert_str_eq(said, "ring-ref: missing, must be there by Initialised\n"
                           "event-channel: missing, must be there by Initialised\n");
    /* Closing: nothing is owed any more. */
    ck_assert_uint_eq(run(&schema_dir_vbd_front, nodes, 2, 5), 0);
    ck_assert_uint_eq(run(&schema_dir_vbd_front, nodes, 2, 99), 2);
}
END_TEST

START_TEST(a_queue_with_a_gap_is_named)
{
    static const char *const nodes[] = {
        VBD_FRONT_BASE,        "state=3", "queue-0/ring-ref=8", "queue-0/event-channel=9",
        "queue-2/ring-ref=10", NULL,
    };

    ck_assert_uint_eq(run(&schema_dir_vbd_front, nodes, 2, 3), 3);
    ck_assert_ptr_nonnull(strstr(said, "queue-1/ring-ref: missing"));
    ck_assert_ptr_nonnull(strstr(said, "queue-1/event-channel: missing"));
    ck_assert_ptr_nonnull(strstr(said, "queue-2/event-channel: missing"));
}
END_TEST

START_TEST(the_demanding_frontend_is_named)
{
    static const char *const nodes[] = {
        "frontend=/local/domain/5/device/vbd/51712",
        "frontend-id=5",
        "online=1",
        "state=2",
        "params=/dev/nvme0n1",
        "type=phy",
        "dev=xvda",
        "device-type=disk",
        "sectors=1000",
        "sector-size=512",
        "info=0",
        "feature-flush-cache=1",
        "feature-barrier=0",
        NULL,
    };

    ck_assert_uint_eq(run(&schema_dir_vbd_back, nodes, 2, 1), 1);
    ck_assert_str_eq(said, "mode: missing, must be there by Initialising (demanded by: Mini-OS, "
                           "Unikraft, Mirage)\n");
}
END_TEST

START_TEST(bad_and_unknown_are_told_apart)
{
    static const char *const nodes[] = {
        "backend=/local/domain/1/backend/vif/5/0",
        "backend-id=40000",
        "handle=0",
        "mac=00:16:3e:00:00:01",
        "state=4",
        "tx-ring-ref=0",
        "rx-ring-ref=9",
        "event-channel-tx=3",
        "event-channel-rx=4",
        "feature-sg=yes",
        "future-sg=1",
        "queue-0/handle=1",
        "\x1b[2J=1",
        NULL,
    };

    ck_assert_uint_eq(run(&schema_dir_vif_front, nodes, 4, 4), 9);
    ck_assert_ptr_nonnull(strstr(said, "backend-id: \"40000\" is not a number in 0..32751\n"));
    ck_assert_ptr_nonnull(strstr(said, "tx-ring-ref: \"0\" is not"));
    ck_assert_ptr_nonnull(strstr(said, "feature-sg: \"yes\" is not 0 or 1\n"));
    ck_assert_ptr_nonnull(strstr(said, "future-sg: not a key of vif_front\n"));
    ck_assert_ptr_nonnull(strstr(said, "queue-0/handle: not a key of vif_front\n"));
    ck_assert_ptr_nonnull(strstr(said, "\\x1b[2J: not a key of vif_front\n"));
    /* queue-0 exists, so the ring keys at the top are not the ones that are owed. */
    ck_assert_ptr_nonnull(strstr(said, "queue-0/tx-ring-ref: missing"));
    ck_assert_ptr_nonnull(strstr(said, "queue-0/rx-ring-ref: missing"));
    /* One of event-channel and event-channel-tx is missing: one finding. */
    ck_assert_ptr_nonnull(strstr(said, "queue-0/event-channel: missing"));
}
END_TEST

START_TEST(split_channels_need_both)
{
    static const char *const nodes[] = {
        "backend=/local/domain/1/backend/vif/5/0",
        "backend-id=1",
        "handle=0",
        "mac=00:16:3e:00:00:01",
        "state=4",
        "tx-ring-ref=8",
        "rx-ring-ref=9",
        "event-channel-tx=3",
        NULL,
    };

    ck_assert_uint_eq(run(&schema_dir_vif_front, nodes, 4, 4), 1);
    ck_assert_str_eq(said, "event-channel-rx: missing, must be there by Connected\n");
}
END_TEST

START_TEST(permissions_are_compared)
{
    struct schema_node node = {.name = "state", .value = "4", .len = 1};
    struct schema_ends ends = {.back_id = 1, .front_id = 5, .back_state = 5, .front_state = 5};
    static const struct {
        const char *perms;
        size_t want;
    } cases[] = {
        {"n1,r5", 0}, {NULL, 0},    {"n1", 1},    {"n1,r5,r6", 1},
        {"r1,r5", 1}, {"n5,r1", 1}, {"n1,b5", 1}, {"n1,r5\x1b", 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        node.perms = cases[i].perms;
        said[0] = '\0';
        schema_validate(&schema_dir_vbd_back, &node, 1, ends, note, NULL);
        ck_assert_uint_eq(strstr(said, "state: permissions are") != NULL, cases[i].want);
    }
    ck_assert_ptr_nonnull(strstr(said, "permissions are n1,r5\\x1b, must be n1,r5\n"));
}
END_TEST

/* --- a real system: tests/golden/schema/live.ls --- */

struct live {
    char path[256], value[256], perms[32];
};
static struct live live[256];
static size_t nlive;

static void read_live(void)
{
    FILE *f = fopen("tests/golden/schema/live.ls", "r");
    char line[600];

    ck_assert_ptr_nonnull(f);
    nlive = 0;
    while (fgets(line, sizeof(line), f)) {
        struct live *l = &live[nlive];
        char *eq = strstr(line, " = \""), *end = strstr(line, "\"   (");

        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(nlive, ARRAY_SIZE(live));
        ck_assert(eq && end && end >= eq + 4);
        snprintf(l->path, sizeof(l->path), "%.*s", (int)(eq - line), line);
        snprintf(l->value, sizeof(l->value), "%.*s", (int)(end - eq - 4), eq + 4);
        snprintf(l->perms, sizeof(l->perms), "%.*s", (int)strcspn(end + 5, ")"), end + 5);
        nlive++;
    }
    fclose(f);
}

/* Validates what stands below dir; returns the number of nodes there. */
static size_t validate_live(const struct schema_dir *d, const char *dir)
{
    struct schema_node nodes[64];
    size_t n = 0, len = strlen(dir);

    for (size_t i = 0; i < nlive; i++) {
        if (strncmp(live[i].path, dir, len) != 0 || live[i].path[len] != '/')
            continue;
        ck_assert_uint_lt(n, ARRAY_SIZE(nodes));
        nodes[n++] = (struct schema_node){.name = live[i].path + len + 1,
                                          .value = live[i].value,
                                          .len = strlen(live[i].value),
                                          .perms = live[i].perms};
    }
    said[0] = '\0';
    schema_validate(d, nodes, n, (struct schema_ends){1, 2, 4, 4}, note, NULL);
    ck_assert_msg(said[0] == '\0', "%s: %s", dir, said);
    return n;
}

START_TEST(a_healthy_system_has_no_finding)
{
    char dir[256];

    read_live();
    vbd_back_dir_of(dir, sizeof(dir), 1, 2, 51712);
    ck_assert_uint_eq(validate_live(&schema_dir_vbd_back, dir), 26);
    vif_back_dir_of(dir, sizeof(dir), 1, 2, 0);
    ck_assert_uint_eq(validate_live(&schema_dir_vif_back, dir), 23);
    vbd_front_dir(dir, sizeof(dir), 2, 51712);
    ck_assert_uint_eq(validate_live(&schema_dir_vbd_front, dir), 10);
    vif_front_dir(dir, sizeof(dir), 2, 0);
    ck_assert_uint_eq(validate_live(&schema_dir_vif_front, dir), 18);
    vbd_libxl_dir(dir, sizeof(dir), 2, 51712);
    ck_assert_uint_eq(validate_live(&schema_dir_vbd_libxl, dir), 15);
    vif_libxl_dir(dir, sizeof(dir), 2, 0);
    ck_assert_uint_eq(validate_live(&schema_dir_vif_libxl, dir), 11);
    drvdom_dir_of(dir, sizeof(dir), 1);
    ck_assert_uint_eq(validate_live(&schema_dir_drvdom, dir), 2);
}
END_TEST

START_TEST(any_garbage_is_survived)
{
    srandom(2);
    for (int i = 0; i < 2000; i++) {
        struct schema_node nodes[12];
        char names[12][200], values[12][40];

        for (size_t j = 0; j < ARRAY_SIZE(nodes); j++) {
            static const char *const starts[] = {"", "queue-", "queue-1/", "ring-ref", "state/"};
            size_t len;

            snprintf(names[j], sizeof(names[j]), "%s", starts[random() % 5]);
            len = strlen(names[j]);
            for (long more = random() % 180; more > 0 && len < sizeof(names[j]) - 1; more--)
                names[j][len++] = (char)(1 + random() % 255);
            names[j][len] = '\0';
            for (size_t b = 0; b < sizeof(values[j]); b++)
                values[j][b] = (char)random();
            nodes[j] = (struct schema_node){names[j], values[j], (size_t)random() % 40,
                                            i % 2 ? names[j] : NULL};
        }
        said[0] = '\0';
        schema_validate(&schema_dir_vbd_front, nodes, ARRAY_SIZE(nodes),
                        (struct schema_ends){1, 5, (unsigned)random(), (unsigned)random()}, note,
                        NULL);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schema validator");
    TCase *t = tcase_create("all");

    tcase_add_test(t, linux_single_queue_is_clean);
    tcase_add_test(t, linux_two_queues_of_four_pages_are_clean);
    tcase_add_test(t, missing_depends_on_the_state);
    tcase_add_test(t, a_queue_with_a_gap_is_named);
    tcase_add_test(t, the_demanding_frontend_is_named);
    tcase_add_test(t, bad_and_unknown_are_told_apart);
    tcase_add_test(t, split_channels_need_both);
    tcase_add_test(t, permissions_are_compared);
    tcase_add_test(t, a_healthy_system_has_no_finding);
    tcase_add_test(t, any_garbage_is_survived);
    suite_add_tcase(s, t);
    return run_suite(s);
}
