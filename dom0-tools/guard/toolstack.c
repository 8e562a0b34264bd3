/* The only user of libxenlight here. */
#include <errno.h>
#include <libxl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom0-tools/guard/guard.h"
#include "transport/base/log.h"

struct toolstack {
    libxl_ctx *ctx;
    xentoollog_logger *logger;
};

struct saved_config {
    libxl_domain_config c;
};

struct toolstack *toolstack_open(void)
{
    struct toolstack *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    /* The same domid is the point; libxl refuses one that was in use a minute ago. */
    (void)setenv("LIBXL_DOMID_REUSE_TIMEOUT", "0", 1);
    t->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
    if (!t->logger || libxl_ctx_alloc(&t->ctx, LIBXL_VERSION, 0, t->logger)) {
        free(t);
        return NULL;
    }
    return t;
}

enum alive toolstack_alive(struct toolstack *t, uint32_t domid)
{
    enum alive is = ALIVE;
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(t->ctx, &info, domid);
    if (rc == ERROR_DOMAIN_NOTFOUND)
        is = NOT_THERE;
    else if (rc)
        log_error("domain %u: libxl cannot tell whether it lives (%d)", domid, rc);
    else if (info.dying)
        is = DYING;
    else if (info.shutdown)
        is = info.shutdown_reason == LIBXL_SHUTDOWN_REASON_CRASH ||
                     info.shutdown_reason == LIBXL_SHUTDOWN_REASON_WATCHDOG
                 ? CRASHED
                 : SHUT_DOWN;
    else if (info.paused)
        is = PAUSED;
    libxl_dominfo_dispose(&info);
    return is;
}

/* libxl's record of a running domain leaves them out. */
static void add_pci(struct toolstack *t, uint32_t domid, libxl_domain_config *c)
{
    if (c->num_pcidevs == 0)
        c->pcidevs = libxl_device_pci_list(t->ctx, domid, &c->num_pcidevs);
    if (c->num_pcidevs > 0)
        log_info("domain %u has %d PCI devices", domid, c->num_pcidevs);
}

struct saved_config *toolstack_config(struct toolstack *t, uint32_t domid)
{
    struct saved_config *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    libxl_domain_config_init(&c->c);
    if (libxl_retrieve_domain_configuration(t->ctx, domid, &c->c, NULL)) {
        toolstack_config_free(c);
        return NULL;
    }
    add_pci(t, domid, &c->c);
    return c;
}

void toolstack_config_free(struct saved_config *c)
{
    if (!c)
        return;
    libxl_domain_config_dispose(&c->c);
    free(c);
}

/* The record is of the last minute, for who lets libxl choose numbers by chance or migrates a
 * domain to its own host. */
bool toolstack_forget_domids(struct toolstack *t)
{
    return libxl_clear_domid_history(t->ctx) == 0;
}

int toolstack_create(struct toolstack *t, struct saved_config *c, uint32_t domid)
{
    libxl_domain_config copy;
    uint32_t made = domid;
    int rc;

    /* libxl writes into the one it is given. */
    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(t->ctx, &copy, &c->c);
    copy.c_info.domid = domid;
    rc = libxl_domain_create_new(t->ctx, &copy, &made, NULL, NULL);
    libxl_domain_config_dispose(&copy);
    if (rc) {
        log_error("domain %u: libxl cannot create it again (%d)", domid, rc);
        return -EIO;
    }
    return made == domid ? 0 : -EEXIST;
}

struct saved_config *toolstack_with_image(struct toolstack *t, const struct saved_config *c,
                                          const char *kernel, const char *ramdisk)
{
    struct saved_config *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    libxl_domain_config_init(&n->c);
    libxl_domain_config_copy(t->ctx, &n->c, &c->c);
    free(n->c.b_info.kernel);
    free(n->c.b_info.ramdisk);
    n->c.b_info.kernel = strdup(kernel);
    n->c.b_info.ramdisk = strdup(ramdisk);
    return n;
}

int toolstack_pause(struct toolstack *t, uint32_t domid)
{
    return libxl_domain_pause(t->ctx, domid, NULL) ? -EIO : 0;
}

int toolstack_unpause(struct toolstack *t, uint32_t domid)
{
    return libxl_domain_unpause(t->ctx, domid, NULL) ? -EIO : 0;
}

/* A process of its own, for libxl_domain_destroy() does not return meanwhile. */
static pid_t answer_for(uint32_t domid)
{
    pid_t pid = fork();
    struct store *s;

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (store_open(&s))
        _exit(1);
    for (;;) {
        (void)devices_answer_pci(s, domid, true);
        usleep(5000);
    }
}

void toolstack_destroy(struct toolstack *t, uint32_t domid)
{
    pid_t helper = answer_for(domid);
    int rc = libxl_domain_destroy(t->ctx, domid, NULL);

    if (helper > 0) {
        kill(helper, SIGKILL);
        (void)waitpid(helper, NULL, 0);
    }

    if (rc && rc != ERROR_DOMAIN_NOTFOUND)
        log_warn("domain %u: libxl cannot destroy what is left of it (%d)", domid, rc);
}
