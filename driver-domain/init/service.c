/* See service.h.
 * #syscalls: memfd_create ftruncate dup2 vfork-like fork, execve, sigprocmask, setsid, kill */
#include "driver-domain/init/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/base/log.h"
#include "transport/xen/blackbox.h"

static const char program[] = "/sbin/drvdomd";

enum { EXEC_FAILED = 127 };
static const uint64_t BACKOFF_FIRST_NS = 100 * UINT64_C(1000000);
static const uint64_t BACKOFF_LAST_NS = 5000 * UINT64_C(1000000);
static const uint64_t GOOD_RUN_NS = 10000 * UINT64_C(1000000);

static struct {
    const struct conf *conf;
    pid_t pid; /* 0: not running */
    uint64_t started_ns;
    uint64_t backoff_ns; /* before the next start; 0 after a good run */
    uint64_t due_ns;
    bool want;
} service;

/*
 * The blackbox of a driver domain without a guard: memory that drvdomd gets again after its death,
 * with what its guests still wait for.  Empty pages of it cost nothing.
 */
enum { BOX_FIRST = 900, BOX_FDS = 1 + BB_SLOTS };
#define BOX_ENV "DRVDOM_BOX_FDS=900"

static int box[BOX_FDS];
static bool have_box;

static void make_box(void)
{
    have_box = true;
    for (unsigned i = 0; i < BOX_FDS; i++) {
        size_t bytes = i ? sizeof(struct bb_slot) : sizeof(struct bb_head);

        box[i] = memfd_create("drvdom-box", MFD_CLOEXEC);
        if (box[i] >= 0 && ftruncate(box[i], (off_t)bytes) == 0)
            continue;
        log_error("no memory for the blackbox: %s; a death of drvdomd disturbs guests",
                  strerror(errno));
        have_box = false;
        return;
    }
}

/* In the child.  The numbers are fixed, so that one word in the environment says it. */
static void hand_over_box(void)
{
    for (int i = 0; i < BOX_FDS; i++) {
        if (dup2(box[i], BOX_FIRST + i) < 0)
            log_error("descriptor %d: %s", BOX_FIRST + i, strerror(errno));
    }
}

static void __attribute__((noreturn)) run(const struct conf *c)
{
    static const char *const env[] = {"PATH=/sbin", "HOME=/", BOX_ENV, NULL};
    static const char *const env_alone[] = {"PATH=/sbin", "HOME=/", NULL};
    const char *argv[CONF_ENTRIES + 2] = {program};
    sigset_t none;

    for (unsigned i = 0; i < c->drvdomd_arg_count; i++)
        argv[i + 1] = c->drvdomd_args[i];
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (have_box)
        hand_over_box();
    execve(program, (char *const *)(uintptr_t)argv,
           (char *const *)(uintptr_t)(have_box ? env : env_alone));
    log_error("cannot run %s: %s", program, strerror(errno));
    _exit(EXEC_FAILED);
}

static void start(uint64_t now_ns)
{
    pid_t pid = fork();

    if (pid == 0)
        run(service.conf);
    if (pid < 0) {
        log_error("cannot start %s: %s: trying again", program, strerror(errno));
        service.due_ns = now_ns + BACKOFF_LAST_NS;
        return;
    }
    service.pid = pid;
    service.started_ns = now_ns;
}

void service_start(const struct conf *c, uint64_t now_ns)
{
    service.conf = c;
    service.want = true;
    make_box();
    start(now_ns);
}

static void tell(int status, uint64_t ran_ns)
{
    unsigned long long ms = ran_ns / 1000000;
    unsigned long long again_ms = service.backoff_ns / 1000000;

    if (WIFSIGNALED(status))
        log_error("drvdomd was killed by signal %d (%s) after %llu ms: starting it again in %llu "
                  "ms",
                  WTERMSIG(status), strsignal(WTERMSIG(status)), ms, again_ms);
    else
        log_error("drvdomd ended with status %d after %llu ms: starting it again in %llu ms",
                  WEXITSTATUS(status), ms, again_ms);
}

bool service_reap(pid_t pid, int status, uint64_t now_ns)
{
    uint64_t ran_ns = now_ns - service.started_ns;

    if (pid != service.pid)
        return false;
    service.pid = 0;
    if (!service.want)
        return true;
    if (ran_ns >= GOOD_RUN_NS)
        service.backoff_ns = 0;
    tell(status, ran_ns);
    service.due_ns = now_ns + service.backoff_ns;
    service.backoff_ns =
        service.backoff_ns ? MIN(2 * service.backoff_ns, BACKOFF_LAST_NS) : BACKOFF_FIRST_NS;
    return true;
}

void service_tick(uint64_t now_ns)
{
    if (service.want && service.pid == 0 && now_ns >= service.due_ns)
        start(now_ns);
}

int service_timeout_ms(uint64_t now_ns)
{
    if (!service.want || service.pid != 0)
        return -1;
    return service.due_ns <= now_ns ? 0 : (int)((service.due_ns - now_ns + 999999) / 1000000);
}

bool service_stop(void)
{
    service.want = false;
    return service.pid != 0 && kill(service.pid, SIGTERM) == 0;
}
