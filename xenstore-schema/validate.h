/*
 * A whole directory against the schema: which key is missing for whom, which value is wrong, what
 * is not known.  PURE: the caller has read the nodes.  For drvdom lint and why.
 *
 * Not checked: what only the two ends together can say (num-queues against max-queues).
 */
#ifndef DRVDOM_SCHEMA_VALIDATE_H
#define DRVDOM_SCHEMA_VALIDATE_H

#include "xenstore-schema/key.h"

/* One node below the directory: "sectors", "queue-0/ring-ref".  Untrusted. */
struct schema_node {
    const char *name;
    const char *value; /* len bytes, need not be terminated */
    size_t len;
    const char *perms; /* as xenstore-ls -p shows them, "n1,r5"; NULL: not known, not checked */
};

enum schema_fault {
    SCHEMA_BAD_VALUE, /* the key is there, its value is not what the schema allows */
    SCHEMA_MISSING,   /* required in the state its writer is in */
    SCHEMA_UNKNOWN,   /* no such key: harmless, or a misspelt one */
    SCHEMA_BAD_PERMS, /* somebody else may read or write it, or its reader may not */
};

struct schema_finding {
    enum schema_fault fault;
    const struct schema_key *key; /* NULL when unknown */
    const char *text;             /* one line, printable; valid during the call */
};

/* Both ends: their domain ids, and the xenbus states (0..8) they are in. */
struct schema_ends {
    unsigned back_id, front_id;
    unsigned back_state, front_state;
};

/* Calls report for each finding, returns their number.  nodes may come in any order; a node with
 * the empty value that has nodes below it (a bare directory) is no finding. */
size_t schema_validate(const struct schema_dir *d, const struct schema_node *nodes, size_t n,
                       struct schema_ends ends,
                       void (*report)(void *arg, const struct schema_finding *f), void *arg);

#endif
