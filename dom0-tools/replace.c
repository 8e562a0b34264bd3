/*
 * drvdom replace: another kernel and image for a running driver domain, under its guests.
 * drvdom-guard does it; this asks, and waits for what becomes of it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/guard/client.h"
#include "dom0-tools/options.h"
#include "dom0-tools/system.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

enum { ASK_MS = 100 };
static const uint64_t default_ns = UINT64_C(180000000000);

static const char help_text[] =
    "usage: drvdom replace NAME --image DIR [--timeout SECONDS]\n"
    "\n"
    "Ends the driver domain NAME and makes it again, under the same number and with the same "
    "devices,\n"
    "with the kernel and initramfs of DIR (drvdom image build).  Its guests go on; their requests\n"
    "wait for some seconds.  An image that does not serve within 60 s is given up, and the old "
    "one\n"
    "comes back.  drvdom-guard must run, and have run when the domain was started.\n"
    "The configuration in /etc/xen stays as it is.\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not within --timeout (default 180 s).\n";

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* A guard that is busy with ending the domain answers later. */
static int await(unsigned domid, uint64_t end_ns, char **text)
{
    while (clock_ns() < end_ns) {
        int rc = guard_outcome(GUARD_SOCKET, domid, text);

        if (rc && rc != -EAGAIN)
            return rc;
        if (!rc && !begins(*text, "under way"))
            return 0;
        if (!rc)
            free(*text);
        poll(NULL, 0, ASK_MS);
    }
    return -ETIMEDOUT;
}

static int replace(unsigned domid, const char *name, const char *image, uint64_t end_ns)
{
    char *text = NULL;
    int rc = guard_replace(GUARD_SOCKET, domid, image, &text);

    if (rc) {
        log_error("%s: %s", name,
                  rc == -ENOENT || rc == -ECONNREFUSED
                      ? "drvdom-guard does not run, or does not know it"
                      : strerror(-rc));
        return rc;
    }
    if (begins(text, "under way")) {
        free(text);
        rc = await(domid, end_ns, &text);
    }
    if (rc) {
        log_error("%s: %s", name, strerror(-rc));
        return rc;
    }
    rc = begins(text, "done") ? 0 : -EIO;
    if (rc)
        log_error("%s: %s", name, text);
    else
        printf("%s: %s\n", name, text);
    free(text);
    return rc;
}

static int find(const char *name, unsigned *domid)
{
    const struct domain_info *d;
    struct system sys;
    int rc = system_open(&sys);

    if (rc)
        return rc;
    d = system_domain(&sys, name);
    if (d && d->driver_domain)
        *domid = d->id;
    else
        log_error("%s %s: drvdom list", name, d ? "is no driver domain" : "does not run");
    rc = d && d->driver_domain ? 0 : -ENOENT;
    system_close(&sys);
    return rc;
}

int verb_replace(int argc, char **argv)
{
    const char *image = NULL;
    struct option_own own[] = {{.name = "image", .takes_value = true, .values = &image, .max = 1}};
    char dir[PATH_MAX];
    struct options o;
    unsigned domid = 0;
    int rc = options_parse(&o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if (o.nargs != 1 || !image)
        return verb_usage("replace: name one driver domain and --image");
    if (!realpath(image, dir)) {
        log_error("%s: %s", image, strerror(errno));
        return VERB_FAILED;
    }
    rc = find(o.args[0], &domid);
    if (!rc)
        rc = replace(domid, o.args[0], dir,
                     clock_ns() + (o.has_timeout ? o.timeout_ns : default_ns));
    return rc == -ETIMEDOUT ? VERB_TIMEOUT : rc ? VERB_FAILED : VERB_OK;
}
