/* See lint_live.h. */
#include "dom0-tools/lint_live.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/nodes.h"
#include "schema/vif.h"
#include "transport/base/log.h"

struct live {
    const struct system *sys;
    void (*report)(void *arg, const struct live_finding *f);
    void *arg;
    struct nodes *nodes;
    const char *dir;
    int found;
    unsigned dirs;
};

static void on_finding(void *arg, const struct schema_finding *f)
{
    struct live *l = arg;
    const struct live_finding out = {.dir = l->dir, .text = f->text};

    l->found++;
    l->report(l->arg, &out);
}

static void say(struct live *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct live *l, const char *fmt, ...)
{
    char raw[600], text[1200];
    struct live_finding out = {.dir = l->dir, .text = text};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    log_escape(text, sizeof(text), raw, (unsigned)strlen(raw));
    l->found++;
    l->report(l->arg, &out);
}

static int check_dir(struct live *l, const char *dir, const struct schema_dir *d,
                     struct schema_ends ends)
{
    int rc = nodes_read(l->nodes, l->sys->store, dir, d, true);

    l->dir = dir;
    if (rc == -ENOENT) {
        say(l, "the directory is missing");
        return 0;
    }
    if (rc) {
        log_error("%s: %s", dir, strerror(-rc));
        return rc;
    }
    l->dirs++;
    (void)schema_validate(d, l->nodes->list, l->nodes->n, ends, on_finding, l);
    if (l->nodes->cut)
        say(l, "more than %d nodes, or a name that is too long: the rest was not looked at",
            NODES_MAX);
    return 0;
}

/* What only both ends together can say: each names the other.  A value that the schema refuses has
 * been reported already and reads as an error here. */
static void check_back_ends(struct live *l, const struct device_info *d, const char *back,
                            const char *front)
{
    struct store *s = l->sys->store;
    char path[DEVICE_BACK_SIZE_FRONTEND];
    uint32_t id;

    l->dir = back;
    if (device_back_get_frontend(s, 0, back, path, sizeof(path)) == 0 && strcmp(path, front) != 0)
        say(l, "%s: \"%s\" is not the frontend's directory %s", DEVICE_BACK_KEY_FRONTEND, path,
            front);
    if (device_back_get_frontend_id(s, 0, back, &id) == 0 && id != d->guest)
        say(l, "%s: %u, the guest is %u", DEVICE_BACK_KEY_FRONTEND_ID, id, d->guest);
}

static void check_front_ends(struct live *l, const struct device_info *d, const char *back,
                             const char *front)
{
    struct store *s = l->sys->store;
    char path[DEVICE_FRONT_SIZE_BACKEND];
    uint32_t id;

    l->dir = front;
    if (device_front_get_backend(s, 0, front, path, sizeof(path)) == 0 && strcmp(path, back) != 0)
        say(l, "%s: \"%s\" is not the backend's directory %s", DEVICE_FRONT_KEY_BACKEND, path,
            back);
    if (device_front_get_backend_id(s, 0, front, &id) == 0 && id != d->back)
        say(l, "%s: %u, the driver domain is %u", DEVICE_FRONT_KEY_BACKEND_ID, id, d->back);
}

static void check_queues(struct live *l, const struct device_info *d, const char *back,
                         const char *front)
{
    struct store *s = l->sys->store;
    uint32_t wanted = 1, most = 1, order = 0, most_order = 0;

    l->dir = front;
    if (strcmp(d->kind, "vif") == 0) {
        if (vif_front_get_multi_queue_num_queues(s, 0, front, &wanted) == 0 &&
            vif_back_get_multi_queue_max_queues(s, 0, back, &most) == 0 && wanted > most)
            say(l, "%s: %u, the backend offers %u", VIF_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, wanted,
                most);
        return;
    }
    if (vbd_front_get_multi_queue_num_queues(s, 0, front, &wanted) == 0 &&
        vbd_back_get_multi_queue_max_queues(s, 0, back, &most) == 0 && wanted > most)
        say(l, "%s: %u, the backend offers %u", VBD_FRONT_KEY_MULTI_QUEUE_NUM_QUEUES, wanted, most);
    if (vbd_front_get_ring_page_order(s, 0, front, &order) == 0 &&
        vbd_back_get_max_ring_page_order(s, 0, back, &most_order) == 0 && order > most_order)
        say(l, "%s: %u, the backend offers %u", VBD_FRONT_KEY_RING_PAGE_ORDER, order, most_order);
}

static int check_device(struct live *l, const struct device_info *d)
{
    struct schema_ends ends = {d->back, d->guest, d->back_state, d->front_state};
    char dirs[NODES_ENDS][STORE_PATH_MAX];
    int rc = 0;

    for (unsigned e = 0; e < NODES_ENDS && rc == 0; e++) {
        nodes_dir(d, e, dirs[e], sizeof(dirs[e]));
        rc = check_dir(l, dirs[e], nodes_schema(d, e), ends);
    }
    if (rc == 0) {
        check_back_ends(l, d, dirs[NODES_BACK], dirs[NODES_FRONT]);
        check_front_ends(l, d, dirs[NODES_BACK], dirs[NODES_FRONT]);
        check_queues(l, d, dirs[NODES_BACK], dirs[NODES_FRONT]);
    }
    l->dir = NULL;
    return rc;
}

static int check_domain(struct live *l, const struct domain_info *d)
{
    char dir[STORE_PATH_MAX];
    int rc;

    if (!d->driver_domain)
        return 0;
    (void)drvdom_dir_of(dir, sizeof(dir), d->id);
    rc = check_dir(l, dir, &schema_dir_drvdom, (struct schema_ends){d->id, d->id, 4, 4});
    l->dir = NULL;
    return rc;
}

int lint_live(const struct system *sys, void (*report)(void *arg, const struct live_finding *f),
              void *arg, unsigned *dirs)
{
    struct live l = {.sys = sys, .report = report, .arg = arg};
    int rc = 0;

    l.nodes = malloc(sizeof(*l.nodes));
    if (!l.nodes)
        return -ENOMEM;
    for (size_t i = 0; i < sys->ndomains && rc == 0; i++)
        rc = check_domain(&l, &sys->domains[i]);
    for (size_t i = 0; i < sys->ndevices && rc == 0; i++)
        rc = check_device(&l, &sys->devices[i]);
    free(l.nodes);
    *dirs = l.dirs;
    return rc ? rc : l.found;
}
