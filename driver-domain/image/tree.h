/*
 * The files of an image before they become an archive: collected in any order, written sorted, so
 * that the same input gives the same bytes.  PURE.
 */
#ifndef DRVDOM_IMAGE_TREE_H
#define DRVDOM_IMAGE_TREE_H

#include "driver-domain/image/bytes.h"
#include "driver-domain/image/cpio.h"

enum tree_kind { TREE_DIR, TREE_FILE, TREE_LINK, TREE_CHAR };

struct tree_node {
    char *path; /* no leading slash */
    enum tree_kind kind;
    uint32_t mode;
    struct bytes data; /* TREE_LINK: the target, terminated */
    uint32_t major, minor;
};

struct tree {
    struct tree_node *nodes;
    size_t count, cap;
};

void tree_fini(struct tree *t);

/* Each adds one node and the directories above it.  0, -ENOMEM, or -EEXIST when the path is there
 * already with other contents (the same contents again are fine).  tree_file takes over *data. */
must_check int tree_dir(struct tree *t, const char *path, uint32_t mode);
must_check int tree_file(struct tree *t, const char *path, uint32_t mode, struct bytes *data);
must_check int tree_link(struct tree *t, const char *path, const char *target);
must_check int tree_char_node(struct tree *t, const char *path, uint32_t mode, uint32_t major,
                              uint32_t minor);

const struct tree_node *tree_find(const struct tree *t, const char *path);

/* Sorts by path and appends everything as a cpio archive to *out. 0 or -ENOMEM. */
must_check int tree_archive(struct tree *t, struct bytes *out);

#endif
