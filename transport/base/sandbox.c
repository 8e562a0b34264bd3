/* See sandbox.h. */
#include "transport/base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers need system calls of their own (mmap PROT_NONE, sigaltstack, open of /proc/self/maps
 * when they report): a filter would turn each report into a silent death. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FILTERED = 0 };
#else
enum { FILTERED = 1 };
#endif

static const char *const common[] = {
    "read",
    "write",
    "readv",
    "writev",
    "close",
    "recvmsg",
    "sendmsg",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_ctl",
    "munmap",
    "madvise",
    "brk",
    "futex",
    "exit",
    "exit_group",
    "rt_sigreturn",
    "restart_syscall",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "fstat",
    "setpriority",     /* without capabilities: only downwards */
    "rseq",            /* a thread made just before the filter may only now */
    "set_robust_list", /* get to the first calls of its life */
    "newfstatat",
    "getpid",
    "gettid",
    "sched_yield",
    "tgkill",
    "rt_sigprocmask",
    "rt_sigaction",
    NULL,
};

static int allow_named(scmp_filter_ctx ctx, const char *const *names)
{
    for (; names && *names; names++) {
        int nr = seccomp_syscall_resolve_name(*names);

        /* A call this architecture or library version lacks cannot be made either. */
        if (nr == __NR_SCMP_ERROR || nr < 0)
            continue;
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0))
            return -EINVAL;
    }
    return 0;
}

/* mmap and mprotect without PROT_EXEC: grants must be mapped, code must not be made. */
static int allow_plain_memory(scmp_filter_ctx ctx)
{
    if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
        return -EINVAL;
    if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
        return -EINVAL;
    return 0;
}

static int allow_ioctls(scmp_filter_ctx ctx, const unsigned long *requests)
{
    for (; requests && *requests; requests++) {
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, *requests)))
            return -EINVAL;
    }
    return 0;
}

/* Of this process: one is enough, for a sandbox is entered once. */
static struct {
    bool is, apart; /* prepared; in namespaces of its own */
    scmp_filter_ctx filter;
} prepared;

static int make_filter(const struct sandbox_policy *p)
{
    scmp_filter_ctx ctx;
    int rc;

    if (!FILTERED)
        return 0;
    ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx)
        return -ENOMEM;
    rc = allow_named(ctx, common);
    if (!rc)
        rc = allow_named(ctx, p->syscalls);
    if (!rc)
        rc = allow_plain_memory(ctx);
    if (!rc)
        rc = allow_ioctls(ctx, p->ioctls);
    /* Threads of a multi-queue worker exist by now: the filter must hold for all of them. */
    if (!rc)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (rc)
        seccomp_release(ctx);
    else
        prepared.filter = ctx;
    return rc;
}

static int load_filter(void)
{
    int rc = FILTERED ? seccomp_load(prepared.filter) : 0;

    if (FILTERED)
        seccomp_release(prepared.filter);
    return rc;
}

static int drop_root(uid_t uid)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};

    if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
        return -errno;
    return syscall(SYS_capset, &head, none) ? -errno : 0;
}

static int leave_namespaces(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))
        return -errno;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return -errno;
    prepared.apart = true;
    return 0;
}

static int leave_root(const char *empty_dir)
{
    int rc = prepared.apart ? 0 : leave_namespaces();

    if (!rc && empty_dir && (chroot(empty_dir) || chdir("/")))
        rc = -errno;
    return rc;
}

int sandbox_prepare(const struct sandbox_policy *p, const char **step)
{
    int rc = 0;

    *step = "namespaces";
    if (geteuid() == 0 && !p->needs_network)
        rc = leave_namespaces();
    if (rc)
        return rc;
    *step = "seccomp";
    rc = make_filter(p);
    prepared.is = !rc;
    return rc;
}

int sandbox_enter(const struct sandbox_policy *p, const char *empty_dir, uid_t uid,
                  const char **step)
{
    const struct rlimit none = {0, 0};
    int rc = 0;

    if (!prepared.is)
        rc = sandbox_prepare(p, step);
    if (rc)
        return rc;
    *step = "limits";
    /* A core dump would hold guests' data. */
    if (setrlimit(RLIMIT_CORE, &none))
        return -errno;
    if (geteuid() == 0) {
        *step = "namespaces";
        rc = leave_root(empty_dir);
        if (rc)
            return rc;
        *step = "uid";
        rc = drop_root(uid);
        if (rc)
            return rc;
    }
    *step = "no_new_privs";
    if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    *step = "threads";
    rc = p->threads ? p->threads(p->arg) : 0;
    if (rc)
        return rc;
    *step = "seccomp";
    return load_filter();
}
