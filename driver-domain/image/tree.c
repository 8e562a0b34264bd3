/* See tree.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tree_fini(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->nodes[i].path);
        bytes_fini(&t->nodes[i].data);
    }
    free(t->nodes);
    *t = (struct tree){0};
}

/* Some dozens of nodes: a linear search is enough. */
const struct tree_node *tree_find(const struct tree *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->nodes[i].path, path) == 0)
            return &t->nodes[i];
    }
    return NULL;
}

static bool same(const struct tree_node *a, const struct tree_node *b)
{
    return a->kind == b->kind && a->mode == b->mode && a->major == b->major &&
           a->minor == b->minor && a->data.len == b->data.len &&
           (a->data.len == 0 || memcmp(a->data.data, b->data.data, a->data.len) == 0);
}

static int add(struct tree *t, const char *path, struct tree_node *node)
{
    const struct tree_node *old = tree_find(t, path);

    assert(path[0] != '\0' && path[0] != '/');
    if (node->data.failed)
        return -ENOMEM;
    if (old)
        return same(old, node) ? 0 : -EEXIST;
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct tree_node *nodes = reallocarray(t->nodes, cap, sizeof(*nodes));

        if (!nodes)
            return -ENOMEM;
        t->nodes = nodes;
        t->cap = cap;
    }
    node->path = strdup(path);
    if (!node->path)
        return -ENOMEM;
    t->nodes[t->count++] = *node;
    node->data = (struct bytes){0}; /* the tree owns it now */
    return 0;
}

/* The kernel's unpacker does not make parents. */
static int add_parents(struct tree *t, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct tree_node dir = {.kind = TREE_DIR, .mode = 0755};
        char *parent = strndup(path, (size_t)(slash - path));
        int rc = parent ? 0 : -ENOMEM;

        if (rc == 0 && !tree_find(t, parent))
            rc = add(t, parent, &dir);
        free(parent);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_with_parents(struct tree *t, const char *path, struct tree_node *node)
{
    int rc = add_parents(t, path);

    if (rc == 0)
        rc = add(t, path, node);
    bytes_fini(&node->data); /* empty when the tree took it */
    return rc;
}

int tree_dir(struct tree *t, const char *path, uint32_t mode)
{
    struct tree_node node = {.kind = TREE_DIR, .mode = mode};

    return add_with_parents(t, path, &node);
}

int tree_file(struct tree *t, const char *path, uint32_t mode, struct bytes *data)
{
    struct tree_node node = {.kind = TREE_FILE, .mode = mode, .data = *data};

    *data = (struct bytes){0};
    return add_with_parents(t, path, &node);
}

int tree_link(struct tree *t, const char *path, const char *target)
{
    struct tree_node node = {.kind = TREE_LINK, .mode = 0777};

    bytes_add(&node.data, target, strlen(target) + 1);
    return add_with_parents(t, path, &node);
}

int tree_char_node(struct tree *t, const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
    struct tree_node node = {.kind = TREE_CHAR, .mode = mode, .major = major, .minor = minor};

    return add_with_parents(t, path, &node);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_node *)a)->path, ((const struct tree_node *)b)->path);
}

int tree_archive(struct tree *t, struct bytes *out)
{
    struct cpio c = {.out = out};

    /* A parent is a prefix of its children and so sorts before them. */
    if (t->count)
        qsort(t->nodes, t->count, sizeof(t->nodes[0]), by_path);
    for (size_t i = 0; i < t->count; i++) {
        const struct tree_node *n = &t->nodes[i];

        switch (n->kind) {
        case TREE_DIR:
            cpio_dir(&c, n->path, n->mode);
            break;
        case TREE_FILE:
            cpio_file(&c, n->path, n->mode, n->data.data, n->data.len);
            break;
        case TREE_LINK:
            cpio_link(&c, n->path, (const char *)n->data.data);
            break;
        case TREE_CHAR:
            cpio_char_node(&c, n->path, n->mode, n->major, n->minor);
            break;
        }
    }
    cpio_end(&c);
    return bytes_check(out);
}
