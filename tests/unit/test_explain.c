/* Each way a device can be stuck, and the cause drvdom why names. */
#include "dom0-tools/explain.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct domain_info ready_domain(void)
{
    struct domain_info d = {.id = 3, .name = "dd", .driver_domain = true, .has_drvdomd = true};

    d.state = DRVDOM_STATE_READY;
    return d;
}

/* A disk of guest 5 in these states, as drvdomd leaves it. */
static struct device_info disk(unsigned back, unsigned front)
{
    struct device_info d = {.kind = "vbd", .guest = 5, .devid = 51712, .back = 3};

    snprintf(d.label, sizeof(d.label), "xvda");
    d.has_back = true;
    d.has_back_state = back != 0;
    d.back_state = back;
    d.online = true;
    d.hotplug = back >= 2 ? DEVICE_BACK_HOTPLUG_STATUS_CONNECTED : DEVICE_BACK_HOTPLUG_STATUS_NONE;
    d.has_front = true;
    d.front_state = front;
    return d;
}

static void expect(const struct device_info *d, const struct domain_info *back,
                   enum verdict_kind kind, const char *cause, const char *remedy)
{
    struct verdict v;

    explain_device(d, back, "", &v);
    ck_assert_msg(v.kind == kind, "kind %d: %s", (int)v.kind, v.cause);
    ck_assert_msg(strstr(v.cause, cause), "%s", v.cause);
    ck_assert_msg(strstr(v.remedy, remedy), "%s", v.remedy);
}

START_TEST(connected_is_well)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(4, 4);

    expect(&d, &dd, VERDICT_OK, "Connected", "");
    /* An old record of an earlier try is no fault of a device that works. */
    snprintf(d.record, sizeof(d.record), "disk \"/dev/x\": No such file or directory");
    expect(&d, &dd, VERDICT_OK, "Connected", "");
    /* Neither is a drvdomd that is being replaced. */
    dd.has_drvdomd = false;
    expect(&d, &dd, VERDICT_OK, "Connected", "");
}
END_TEST

START_TEST(the_driver_domain_is_named_first)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(1, 1);

    expect(&d, NULL, VERDICT_FAULT, "is gone", "drvdom start");
    dd.driver_domain = false;
    expect(&d, &dd, VERDICT_FAULT, "not created as a driver domain", "driver_domain=1");
    dd = ready_domain();
    dd.has_drvdomd = false;
    expect(&d, &dd, VERDICT_WAITING, "drvdomd does not run in dd", "drvdom wait dd");
    dd = ready_domain();
    dd.state = DRVDOM_STATE_STARTING;
    expect(&d, &dd, VERDICT_WAITING, "is starting", "drvdom wait dd");
    dd.state = DRVDOM_STATE_FAILED;
    snprintf(dd.error, sizeof(dd.error), "no /dev/nvme0n1 after 10 s");
    expect(&d, &dd, VERDICT_FAULT, "no /dev/nvme0n1", "console");
}
END_TEST

START_TEST(error_texts_give_their_remedy)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(0, 1);

    snprintf(d.error, sizeof(d.error),
             "disk \"/dev/no\" cannot be opened: No such file or "
             "directory");
    expect(&d, &dd, VERDICT_FAULT, "dd: disk \"/dev/no\"", "name a disk the driver domain has");
    d.error[0] = '\0';
    snprintf(d.record, sizeof(d.record), "bridge \"br9\" does not exist in this driver domain");
    expect(&d, &dd, VERDICT_FAULT, "br9", "drvdom.conf");
    snprintf(d.record, sizeof(d.record),
             "disk \"/dev/a\" cannot be opened: Device or resource "
             "busy");
    expect(&d, &dd, VERDICT_FAULT, "busy", "detach it there");
    d.record[0] = '\0';
    d.has_back = false;
    expect(&d, &dd, VERDICT_FAULT, "no backend directory", "drvdom attach");
}
END_TEST

START_TEST(a_waiting_guest_is_told_from_a_waiting_backend)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(2, 1);
    struct verdict v;

    expect(&d, &dd, VERDICT_WAITING, "no frontend driver", "modprobe xen-blkfront");
    d = disk(1, 1);
    expect(&d, &dd, VERDICT_WAITING, "drvdomd has not opened", "console");
    d = disk(2, 3);
    explain_device(&d, &dd, "event-channel: missing", &v);
    ck_assert_ptr_nonnull(strstr(v.cause, "event-channel: missing"));
    d = disk(4, 3);
    expect(&d, &dd, VERDICT_WAITING, "the guest is Initialised", "dmesg");
}
END_TEST

START_TEST(closing_says_who_is_busy)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(5, 4);

    d.online = false;
    expect(&d, &dd, VERDICT_FAULT, "busy in the guest", "umount /dev/xvda");
    d = disk(5, 5);
    expect(&d, &dd, VERDICT_FAULT, "stuck Closing", "--force");
    d = disk(6, 6);
    snprintf(d.error, sizeof(d.error), "frontend: ring-ref: \"x\" is not a number");
    expect(&d, &dd, VERDICT_FAULT, "closed the device: frontend: ring-ref", "update the guest");
}
END_TEST

START_TEST(a_kernel_backend_is_recognised)
{
    struct domain_info dd = ready_domain();
    struct device_info d = disk(2, 1);

    d.hotplug = DEVICE_BACK_HOTPLUG_STATUS_NONE;
    expect(&d, &dd, VERDICT_FAULT, "xen-blkback", "drvdom image");
    dd.has_drvdomd = false;
    snprintf(d.kind, sizeof(d.kind), "vif");
    expect(&d, &dd, VERDICT_FAULT, "xen-netback", "unload");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    TCase *t = tcase_create("explain");

    suite_add_tcase(suite, t);
    tcase_add_test(t, connected_is_well);
    tcase_add_test(t, the_driver_domain_is_named_first);
    tcase_add_test(t, error_texts_give_their_remedy);
    tcase_add_test(t, a_waiting_guest_is_told_from_a_waiting_backend);
    tcase_add_test(t, closing_says_who_is_busy);
    tcase_add_test(t, a_kernel_backend_is_recognised);
    return run_suite(suite);
}
