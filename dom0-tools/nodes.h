/*
 * All nodes of one device directory, read for the validator: names, values, permissions.  Bounded,
 * because the directory may belong to a guest.
 */
#ifndef DRVDOM_TOOLS_NODES_H
#define DRVDOM_TOOLS_NODES_H

#include "dom0-tools/system.h"
#include "xenstore-schema/validate.h"

enum { NODES_MAX = 512, NODES_NAME = 128, NODES_VALUE = 1100, NODES_PERMS = 48 };

struct nodes {
    struct schema_node list[NODES_MAX];
    size_t n;
    bool cut; /* there were more */
    struct nodes_text {
        char name[NODES_NAME], value[NODES_VALUE], perms[NODES_PERMS];
    } text[NODES_MAX];
};

/* Reads dir, which d's table describes, with the numbered subdirectories that the table knows.
 * 0; -ENOENT: there is no such directory; -errno. */
int nodes_read(struct nodes *n, struct store *s, const char *dir, const struct schema_dir *d,
               bool with_perms) must_check;

/* The three directories of a device, by its kind. */
enum nodes_end { NODES_BACK, NODES_FRONT, NODES_LIBXL, NODES_ENDS };
const struct schema_dir *nodes_schema(const struct device_info *d, enum nodes_end end);
void nodes_dir(const struct device_info *d, enum nodes_end end, char *buf, size_t size);

/* The first finding in the frontend's directory that is worth a word (no unknown key), or "". */
void nodes_first_finding(struct store *s, const struct device_info *d, char *buf, size_t size);

#endif
