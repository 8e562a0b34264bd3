/* See nodes.h. */
#include "dom0-tools/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/vif.h"

struct reading {
    struct nodes *n;
    struct store *s;
    const struct schema_dir *d;
    const char *dir;    /* of the device */
    const char *prefix; /* "" or "queue-0/" */
    bool perms;
};

static void add_node(struct reading *r, const char *name)
{
    struct nodes *n = r->n;
    struct nodes_text *t = &n->text[n->n];
    char path[STORE_PATH_MAX];
    int len;

    if (n->n == NODES_MAX) {
        n->cut = true;
        return;
    }
    if (snprintf(t->name, sizeof(t->name), "%s%s", r->prefix, name) >= (int)sizeof(t->name) ||
        strlen(r->dir) + strlen(t->name) + 2 > sizeof(path)) {
        n->cut = true;
        return;
    }
    (void)schema_join(path, sizeof(path), r->dir, t->name);
    len = store_read(r->s, 0, path, t->value, sizeof(t->value));
    if (len == -ENOENT) /* gone since the listing */
        return;
    if (len < 0) {
        /* Too long or with a NUL: no value of the schema looks like this, and none is that long. */
        memset(t->value, 0xff, sizeof(t->value));
        len = (int)sizeof(t->value);
    }
    n->list[n->n] = (struct schema_node){.name = t->name, .value = t->value, .len = (size_t)len};
    if (r->perms && store_get_perms(r->s, 0, path, t->perms, sizeof(t->perms)) == 0)
        n->list[n->n].perms = t->perms;
    n->n++;
}

static int on_node(void *arg, const char *name);

static void read_sub(struct reading *r, const char *name)
{
    char prefix[NODES_NAME], path[STORE_PATH_MAX];
    struct reading sub = *r;

    if (snprintf(prefix, sizeof(prefix), "%s/", name) >= (int)sizeof(prefix) ||
        strlen(r->dir) + strlen(name) + 2 > sizeof(path))
        return;
    sub.prefix = prefix;
    (void)schema_join(path, sizeof(path), r->dir, name);
    (void)!store_each(r->s, 0, path, on_node, &sub);
}

/* Keys with a slash in their name ("control/shutdown") do not occur in devices, so that only
 * numbered subdirectories are entered. */
static int on_node(void *arg, const char *name)
{
    struct reading *r = arg;
    unsigned index;

    add_node(r, name);
    if (!r->prefix[0] && r->d->sub && schema_name_match(r->d->sub, name, r->d->sub_max, &index))
        read_sub(r, name);
    return r->n->cut ? 1 : 0;
}

int nodes_read(struct nodes *n, struct store *s, const char *dir, const struct schema_dir *d,
               bool with_perms)
{
    struct reading r = {.n = n, .s = s, .d = d, .dir = dir, .prefix = "", .perms = with_perms};
    int rc;

    n->n = 0;
    n->cut = false;
    rc = store_each(s, 0, dir, on_node, &r);
    return rc < 0 ? rc : 0;
}

const struct schema_dir *nodes_schema(const struct device_info *d, enum nodes_end end)
{
    static const struct schema_dir *const dirs[2][NODES_ENDS] = {
        {&schema_dir_vbd_back, &schema_dir_vbd_front, &schema_dir_vbd_libxl},
        {&schema_dir_vif_back, &schema_dir_vif_front, &schema_dir_vif_libxl},
    };

    return dirs[strcmp(d->kind, "vbd") == 0 ? 0 : 1][end];
}

void nodes_dir(const struct device_info *d, enum nodes_end end, char *buf, size_t size)
{
    if (end == NODES_BACK)
        (void)device_back_dir_of(buf, size, d->back, d->kind, d->guest, d->devid);
    else if (end == NODES_FRONT)
        (void)device_front_dir(buf, size, d->guest, d->kind, d->devid);
    else
        (void)device_libxl_dir(buf, size, d->guest, d->kind, d->devid);
}

struct first {
    char *buf;
    size_t size;
};

static void keep_first(void *arg, const struct schema_finding *f)
{
    struct first *first = arg;

    if (f->fault != SCHEMA_UNKNOWN && !first->buf[0])
        snprintf(first->buf, first->size, "%s", f->text);
}

void nodes_first_finding(struct store *s, const struct device_info *d, char *buf, size_t size)
{
    struct first first = {buf, size};
    struct nodes *n = malloc(sizeof(*n));
    char dir[STORE_PATH_MAX];

    buf[0] = '\0';
    if (!n)
        return;
    nodes_dir(d, NODES_FRONT, dir, sizeof(dir));
    if (nodes_read(n, s, dir, nodes_schema(d, NODES_FRONT), false) == 0)
        (void)schema_validate(
            nodes_schema(d, NODES_FRONT), n->list, n->n,
            (struct schema_ends){d->back, d->guest, d->back_state, d->front_state}, keep_first,
            &first);
    free(n);
}
