/* See service.h.
 * #syscalls: memfd_create ftruncate dup2 vfork-like fork, execve, sigprocmask, setsid, kill,
 * setpriority, socketpair(SOCK_SEQPACKET) sendmsg recvmsg unlink rmdir */
#include "driver-domain/init/service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/base/keeper.h"
#include "transport/base/log.h"
#include "transport/base/msg.h"
#include "transport/xen/blackbox.h"

enum { EXEC_FAILED = 127, DIR_MAX = KEEPER_TEXT_MAX, ENV_MAX = 64, SERVICE_NICE = -10 };
static const uint64_t BACKOFF_FIRST_NS = 100 * UINT64_C(1000000);
static const uint64_t BACKOFF_LAST_NS = 5000 * UINT64_C(1000000);
static const uint64_t GOOD_RUN_NS = 10000 * UINT64_C(1000000);
/* A new version has so long to open what it needs, end the old one and adopt its devices. */
static const uint64_t CANDIDATE_NS = 5000 * UINT64_C(1000000);

/* A drvdomd: the one that serves, or a new version that is to replace it. */
struct daemon {
    pid_t pid;         /* 0: not running */
    int sock;          /* -1: none */
    char dir[DIR_MAX]; /* of its programs */
    uint64_t started_ns;
};

static struct {
    const struct conf *conf;
    const char *upgrades;
    char *const *env;
    struct daemon now, next;
    char before[DIR_MAX]; /* programs to go back to; "": none */
    uint64_t backoff_ns;  /* before the next start; 0 after a good run */
    uint64_t due_ns;
    char news[KEEPER_TEXT_MAX]; /* for a drvdomd that does not run yet */
    bool want, late;            /* late: the new version has used up its time */
} service = {.now.sock = -1, .next.sock = -1};

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
static void hand_over(int fd, int as)
{
    if (dup2(fd, as) < 0)
        log_error("descriptor %d: %s", as, strerror(errno));
}

/* ---- starting ---- */

static void __attribute__((noreturn)) run(const struct daemon *d, pid_t old, int sock)
{
    const struct conf *c = service.conf;
    static char program[DIR_MAX + 16], predecessor[48], dir[DIR_MAX + 32], keeper[32];
    const char *argv[CONF_ENTRIES + 2] = {program};
    const char *env[ENV_MAX] = {keeper, dir};
    unsigned n = 2;
    sigset_t none;

    snprintf(program, sizeof(program), "%s/drvdomd", d->dir);
    snprintf(keeper, sizeof(keeper), KEEPER_ENV "=%d", KEEPER_FD);
    snprintf(dir, sizeof(dir), KEEPER_DIR_ENV "=%s", service.upgrades);
    snprintf(predecessor, sizeof(predecessor), KEEPER_OLD_ENV "=%d", old);
    for (unsigned i = 0; i < c->drvdomd_arg_count; i++)
        argv[i + 1] = c->drvdomd_args[i];
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    /* Its guests' requests wait for it when something has died; its workers lower theirs when they
     * have started. */
    if (setpriority(PRIO_PROCESS, 0, SERVICE_NICE))
        log_warn("no higher priority for drvdomd: %s", strerror(errno));
    hand_over(sock, KEEPER_FD);
    for (int i = 0; have_box && i < BOX_FDS; i++)
        hand_over(box[i], BOX_FIRST + i);
    if (have_box)
        env[n++] = BOX_ENV;
    if (old)
        env[n++] = predecessor;
    for (char *const *e = service.env; *e && n + 1 < ENV_MAX; e++)
        env[n++] = *e;
    execve(program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    log_error("cannot run %s: %s", program, strerror(errno));
    _exit(EXEC_FAILED);
}

/* d->dir says what; `old` is the process that it shall end, or 0. */
static int launch(struct daemon *d, pid_t old, uint64_t now_ns)
{
    int pair[2];
    int rc = msg_pair(pair);

    if (rc)
        return rc;
    d->pid = fork();
    if (d->pid == 0)
        run(d, old, pair[1]);
    rc = d->pid < 0 ? -errno : 0;
    close(pair[1]);
    d->sock = pair[0];
    d->started_ns = now_ns;
    if (rc) {
        close(d->sock);
        *d = (struct daemon){.sock = -1};
    }
    return rc;
}

static void tell(const struct daemon *d, const char *text)
{
    if (d->sock >= 0 && msg_send(d->sock, text, strlen(text), NULL, 0))
        log_warn("drvdomd cannot be told \"%s\"", text);
}

static void start(uint64_t now_ns)
{
    int rc = launch(&service.now, 0, now_ns);

    if (rc) {
        log_error("cannot start drvdomd: %s: trying again", strerror(-rc));
        service.due_ns = now_ns + BACKOFF_LAST_NS;
        return;
    }
    if (service.news[0])
        tell(&service.now, service.news);
    service.news[0] = '\0';
}

void service_start(const struct conf *c, const char *dir, const char *upgrades, char *const *env,
                   uint64_t now_ns)
{
    service.conf = c;
    service.env = env;
    service.upgrades = upgrades;
    service.want = true;
    snprintf(service.now.dir, sizeof(service.now.dir), "%s", dir);
    make_box();
    start(now_ns);
}

/* ---- a new version ---- */

static void remove_dir(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;

    while (d && (e = readdir(d)))
        (void)unlinkat(dirfd(d), e->d_name, 0); /* "." and ".." refuse */
    if (d)
        closedir(d);
    (void)rmdir(path);
}

static void drop(struct daemon *d)
{
    if (d->sock >= 0)
        close(d->sock);
    *d = (struct daemon){.sock = -1};
}

/* The new version is not used; the old one goes on, or is started again. */
static void roll_back(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void roll_back(const char *fmt, ...)
{
    char why[KEEPER_TEXT_MAX - 16];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_error("upgrade: %s: the old version is used", why);
    snprintf(service.news, sizeof(service.news), "failed: %s", why);
    if (service.now.pid) {
        tell(&service.now, service.news);
        service.news[0] = '\0';
    }
}

static void begin_upgrade(const char *dir, uint64_t now_ns)
{
    int rc;

    if (service.next.pid || !service.want) {
        tell(&service.now, "failed: another upgrade is going on");
        return;
    }
    log_info("upgrade: trying the programs in %s", dir);
    service.late = false;
    snprintf(service.next.dir, sizeof(service.next.dir), "%s", dir);
    rc = launch(&service.next, service.now.pid, now_ns);
    if (rc)
        roll_back("cannot start it: %s", strerror(-rc));
}

/* The candidate serves. */
static void promote(uint64_t now_ns)
{
    log_info("upgrade: %s serves after %llu ms", service.next.dir,
             (unsigned long long)(now_ns - service.next.started_ns) / 1000000);
    if (service.before[0] &&
        strncmp(service.before, service.upgrades, strlen(service.upgrades)) == 0)
        remove_dir(service.before);
    snprintf(service.before, sizeof(service.before), "%s", service.now.dir);
    if (service.now.pid) /* it was to be ended, and is a zombie at most */
        kill(service.now.pid, SIGKILL);
    drop(&service.now);
    service.now = service.next;
    service.now.started_ns = now_ns;
    service.next = (struct daemon){.sock = -1};
    service.backoff_ns = 0;
    tell(&service.now, KEEPER_DONE);
}

static void candidate_ended(int status)
{
    char dir[DIR_MAX];

    snprintf(dir, sizeof(dir), "%s", service.next.dir);
    drop(&service.next);
    if (service.late)
        roll_back("the new drvdomd was not ready after %llu ms",
                  (unsigned long long)CANDIDATE_NS / 1000000);
    else if (WIFSIGNALED(status))
        roll_back("the new drvdomd was killed by signal %d before it was ready", WTERMSIG(status));
    else
        roll_back("the new drvdomd ended with status %d before it was ready", WEXITSTATUS(status));
    remove_dir(dir);
}

/* ---- what is heard ---- */

static void hear(struct daemon *d, uint64_t now_ns)
{
    char text[KEEPER_TEXT_MAX];
    int nfds = 0;
    ssize_t n = msg_recv(d->sock, text, sizeof(text) - 1, NULL, &nfds);

    if (n == -EAGAIN)
        return;
    if (n <= 0) { /* its end is told by SIGCHLD */
        close(d->sock);
        d->sock = -1;
        return;
    }
    text[n] = '\0';
    if (strcmp(text, KEEPER_READY) == 0 && d == &service.next)
        promote(now_ns);
    else if (strncmp(text, KEEPER_UPGRADE, strlen(KEEPER_UPGRADE)) == 0 && d == &service.now)
        begin_upgrade(text + strlen(KEEPER_UPGRADE), now_ns);
}

void service_fds(int fds[2])
{
    fds[0] = service.now.sock;
    fds[1] = service.next.sock;
}

void service_hear(uint64_t now_ns)
{
    if (service.now.sock >= 0)
        hear(&service.now, now_ns);
    if (service.next.sock >= 0)
        hear(&service.next, now_ns);
}

/* ---- ends ---- */

static void say_end(int status, uint64_t ran_ns)
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

/* A new version that dies soon after it was taken is given up, too. */
static void go_back_to_old(uint64_t ran_ns)
{
    if (!service.before[0] || ran_ns >= GOOD_RUN_NS) {
        service.before[0] = '\0';
        return;
    }
    snprintf(service.now.dir, sizeof(service.now.dir), "%s", service.before);
    service.before[0] = '\0';
    service.backoff_ns = 0;
    roll_back("the new drvdomd died %llu ms after it was taken",
              (unsigned long long)ran_ns / 1000000);
}

static void service_ended(int status, uint64_t now_ns)
{
    uint64_t ran_ns = now_ns - service.now.started_ns;
    char dir[DIR_MAX];

    snprintf(dir, sizeof(dir), "%s", service.now.dir);
    drop(&service.now);
    snprintf(service.now.dir, sizeof(service.now.dir), "%s", dir);
    if (!service.want || service.next.pid) /* ended by its successor */
        return;
    if (ran_ns >= GOOD_RUN_NS)
        service.backoff_ns = 0;
    say_end(status, ran_ns);
    go_back_to_old(ran_ns);
    service.due_ns = now_ns + service.backoff_ns;
    service.backoff_ns =
        service.backoff_ns ? MIN(2 * service.backoff_ns, BACKOFF_LAST_NS) : BACKOFF_FIRST_NS;
}

bool service_reap(pid_t pid, int status, uint64_t now_ns)
{
    if (pid == service.next.pid) {
        candidate_ended(status);
        service.due_ns = now_ns; /* if the old one has been ended already */
    } else if (pid == service.now.pid) {
        service_ended(status, now_ns);
        return true;
    }
    return false;
}

/* ---- time ---- */

void service_tick(uint64_t now_ns)
{
    if (service.next.pid && !service.late && now_ns - service.next.started_ns >= CANDIDATE_NS) {
        service.late = true;
        kill(service.next.pid, SIGKILL);
    }
    if (service.want && service.now.pid == 0 && service.next.pid == 0 && now_ns >= service.due_ns)
        start(now_ns);
}

static int until_ms(uint64_t due_ns, uint64_t now_ns)
{
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns + 999999) / 1000000);
}

int service_timeout_ms(uint64_t now_ns)
{
    if (service.next.pid)
        return service.late ? -1 : until_ms(service.next.started_ns + CANDIDATE_NS, now_ns);
    if (!service.want || service.now.pid != 0)
        return -1;
    return until_ms(service.due_ns, now_ns);
}

bool service_stop(void)
{
    service.want = false;
    if (service.next.pid)
        kill(service.next.pid, SIGKILL);
    return service.now.pid != 0 && kill(service.now.pid, SIGTERM) == 0;
}
