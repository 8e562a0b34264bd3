/*
 * Takes a worker's rights away, before it looks at anything a peer wrote (architecture, section 4;
 * hostile-peers, section 4).  One way: nothing can be taken back.
 */
#ifndef DRVDOM_BASE_SANDBOX_H
#define DRVDOM_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "transport/base/arith.h"

struct sandbox_policy {
    const char *const *syscalls; /* by name, besides the common ones; NULL-terminated */
    const unsigned long *ioctls; /* request numbers allowed, 0-terminated */
    /* Starts threads, after the rights are gone (one that exists before keeps its namespaces and
     * root) and before the filter; may be NULL.  0 or -errno. */
    int (*threads)(void *arg);
    void *arg;
    bool needs_network; /* until sandbox_enter() */
};

/*
 * What can be done before it is known whom the process is for, so that less is left to do while
 * somebody waits: namespaces (as root) and the filter's program; nothing is forbidden yet.  0, or
 * -errno with *step naming what failed.  sandbox_enter() does it when nobody has.
 */
int sandbox_prepare(const struct sandbox_policy *p, const char **step) must_check;

/*
 * Namespaces (mount, net, ipc, uts), root in an empty directory, uid and gid `uid`, no
 * capabilities, no_new_privs, no core dump, and a seccomp filter that kills the process on any
 * other system call. `empty_dir`: an existing empty directory, or NULL to stay in the current root
 * (tests as non-root). Steps that need root are skipped without it.  0, or -errno with *step naming
 * what failed.
 */
int sandbox_enter(const struct sandbox_policy *p, const char *empty_dir, uid_t uid,
                  const char **step) must_check;

#endif
