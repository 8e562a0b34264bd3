/*
 * Why does a device not work?  One cause and one remedy, from what is in xenstore.  PURE.
 */
#ifndef DRVDOM_TOOLS_EXPLAIN_H
#define DRVDOM_TOOLS_EXPLAIN_H

#include "dom0-tools/system.h"

enum verdict_kind {
    VERDICT_OK,      /* both ends are Connected */
    VERDICT_WAITING, /* somebody is on the way; a fault if it stays so */
    VERDICT_FAULT,
};

enum { VERDICT_CAUSE_MAX = 700, VERDICT_REMEDY_MAX = 400 };

struct verdict {
    enum verdict_kind kind;
    char cause[VERDICT_CAUSE_MAX];
    char remedy[VERDICT_REMEDY_MAX]; /* "" when there is nothing to do */
};

/* back: the driver domain, NULL when it does not exist.  broken: what the schema misses in the
 * frontend's directory (schema_validate), "" or NULL when nothing or not looked at. */
void explain_device(const struct device_info *d, const struct domain_info *back, const char *broken,
                    struct verdict *v);

/* Is the driver domain able to serve? */
void explain_domain(const struct domain_info *d, struct verdict *v);

/* What to do about an error text of drvdomd's or a worker's: by its words; never NULL. */
const char *explain_remedy(const char *error);

/* A failed device whose guest is gone. */
void explain_failure(const struct failure_info *f, const struct domain_info *back,
                     struct verdict *v);

#endif
