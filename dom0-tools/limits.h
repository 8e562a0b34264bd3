/*
 * What runs out before memory does: grant frames and event channels of Xen, nodes and watches of
 * xenstored, each with its limit.
 */
#ifndef DRVDOM_TOOLS_LIMITS_H
#define DRVDOM_TOOLS_LIMITS_H

#include "dom0-tools/system.h"

struct limit_line {
    const struct domain_info *domain;
    char what[32]; /* "grant frames", "event channels", "xenstore nodes" */
    uint64_t used;
    uint64_t limit; /* 0: not known */
};

/* From here on it is near: percent of the limit. */
enum { LIMIT_NEAR = 80 };

/* Reports each limit of one domain.  Needs the hypervisor for the first two; what cannot be asked
 * is not reported.  0 or -errno: nothing at all could be asked. */
int limits_read(const struct system *sys, const struct domain_info *d,
                void (*report)(void *arg, const struct limit_line *l), void *arg) must_check;

/* Finds "NAME : 12" (or "NAME: 12") in a text of lines, as xenstored answers.  PURE.  0 or -ENOENT.
 */
int limits_number(const char *text, const char *name, uint64_t *out) must_check;

/* CPU time that the domain has used since it was made, all its processors together.  0 or -errno:
 * no hypervisor to ask, or no such domain. */
int limits_cpu_ns(unsigned domid, uint64_t *ns) must_check;

#endif
