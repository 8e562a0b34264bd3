/*
 * drvdom: the administrator's tool in dom0.  This file only finds the verb.
 */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/verb.h"
#include "transport/base/arith.h"
#include "transport/base/log.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"create", "make a driver domain: image, configuration, start", verb_create},
    {"start", "start a driver domain and wait until it is ready", verb_start},
    {"stop", "shut a driver domain down", verb_stop},
    {"restart", "stop and start", verb_restart},
    {"upgrade", "replace drvdomd and its workers in a running driver domain", verb_upgrade},
    {"replace", "another kernel and image for a driver domain, under its guests", verb_replace},
    {"wait", "wait until a driver domain is ready", verb_wait},
    {"list", "driver domains and how they are", verb_list},
    {"show", "the devices of a driver domain or guest", verb_show},
    {"why", "why a guest's device does not work: cause and remedy, a line each", verb_why},
    {"attach", "give a running guest a disk or vif; both ends Connected when it returns",
     verb_attach},
    {"detach", "take one away; says who is busy", verb_detach},
    {"rate", "limit what a disk or vif may do, while it is in use", verb_rate},
    {"resize", "tell a guest that its disk has another size, or give it one", verb_resize},
    {"media", "put another medium into a guest's drive, or take it out", verb_media},
    {"doctor", "check host, configurations, driver domains, devices and limits", verb_doctor},
    {"limits", "grants, event channels, xenstore quota: used and limit", verb_limits},
    {"top", "operations, bytes and latency per device, live", verb_top},
    {"latency", "where the time of each request goes, by stage", verb_latency},
    {"lint", "check a configuration, or the running xenstore", verb_lint},
    {"image", "build a driver domain's kernel and initramfs, or show what is in them", verb_image},
};

static void help(FILE *to)
{
    fprintf(to, "usage: drvdom VERB [ARGUMENT...]\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(to,
            "\n  drvdom VERB --help    more about a verb\n"
            "  drvdom --version\n\n"
            "Exit status: 0 done, 1 failed or found a fault (the reason is told), 2 wrong usage,\n"
            "3 did not happen within --timeout.\n");
}

int main(int argc, char **argv)
{
    log_set_prefix("drvdom");
    if (argc < 2) {
        help(stderr);
        return VERB_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return VERB_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("drvdom %s\n", DRVDOM_VERSION);
        return VERB_OK;
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    log_error("unknown verb \"%s\": see drvdom --help", argv[1]);
    return VERB_USAGE;
}
