/*
 * fakexen: calls that fail on purpose.  From the environment, for this process,
 *     FAKEXEN_FAIL="KIND:N[:CODE[:EVERY]][,...]"
 * or for a whole domain from outside (fakexenctl fault), through its shared table.  With
 * FAKEXEN_FAIL_SAY in the environment a process says when it happens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <xen/grant_table.h>

#include "tests/fakexen/lib/client.h"

static const char *const names[FX_F_COUNT] = {
    [FX_F_GNTTAB_OPEN] = "gnttab-open",
    [FX_F_MAP] = "map",
    [FX_F_UNMAP] = "unmap",
    [FX_F_COPY] = "copy",
    [FX_F_SHARE] = "share",
    [FX_F_EVTCHN_OPEN] = "evtchn-open",
    [FX_F_BIND_UNBOUND] = "bind-unbound",
    [FX_F_BIND_INTERDOMAIN] = "bind-interdomain",
    [FX_F_BIND_VIRQ] = "bind-virq",
    [FX_F_NOTIFY] = "notify",
    [FX_F_STORE] = "store",
    [FX_F_ANY] = "any",
};

/* What a call would most plausibly fail with. NOTIFY: the event is lost. */
static const int usual[FX_F_COUNT] = {
    [FX_F_GNTTAB_OPEN] = EMFILE,  [FX_F_MAP] = EINVAL,
    [FX_F_UNMAP] = EINVAL,        [FX_F_COPY] = GNTST_general_error,
    [FX_F_SHARE] = ENOSPC,        [FX_F_EVTCHN_OPEN] = EMFILE,
    [FX_F_BIND_UNBOUND] = ENOSPC, [FX_F_BIND_INTERDOMAIN] = ENOSPC,
    [FX_F_BIND_VIRQ] = EEXIST,    [FX_F_NOTIFY] = 0,
    [FX_F_STORE] = EIO,           [FX_F_ANY] = ENOMEM,
};

static struct fx_fault local[FX_F_COUNT];
static bool says;

int fx_fault_by_name(const char *name)
{
    for (int i = 0; i < FX_F_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

int fx_fault_usual(int kind)
{
    return usual[kind];
}

__attribute__((constructor)) static void fault_init(void)
{
    const char *env = getenv("FAKEXEN_FAIL");
    char *copy = env ? strdup(env) : NULL, *save = NULL;

    for (char *s = copy ? strtok_r(copy, ",", &save) : NULL; s; s = strtok_r(NULL, ",", &save)) {
        char name[32] = "";
        int n = 0, code = 0, every = 0;
        int got = sscanf(s, "%31[a-z-]:%d:%d:%d", name, &n, &code, &every);
        int k = fx_fault_by_name(name);

        if (got < 2 || k < 0) {
            /* A typing error must not look like a test passed. */
            fprintf(stderr, "fakexen: FAKEXEN_FAIL: cannot understand \"%s\"\n", s);
            abort();
        }
        local[k].err = got > 2 ? code : usual[k];
        local[k].every = every;
        local[k].countdown = n;
    }
    says = getenv("FAKEXEN_FAIL_SAY");
    free(copy);
}

static bool fires(struct fx_fault *f)
{
    if (atomic_load_explicit(&f->countdown, memory_order_relaxed) <= 0)
        return false;
    if (atomic_fetch_sub(&f->countdown, 1) != 1)
        return false;
    atomic_store(&f->countdown, atomic_load(&f->every));
    return true;
}

/* With write(2) alone: dprintf asks where it is in the file, and a worker's filter kills for that.
 */
static void say(const char *name)
{
    char line[80];
    int n = snprintf(line, sizeof(line), "fakexen: this call fails on purpose: %s\n", name);

    if (write(STDERR_FILENO, line, (size_t)n) != n)
        abort();
}

int fx_fault(enum fx_fault_kind kind, bool *hit)
{
    struct fx_dom *d = fx_self();
    struct fx_fault *f[] = {&local[kind], &local[FX_F_ANY], d ? &d->tab->fault[kind] : NULL,
                            d ? &d->tab->fault[FX_F_ANY] : NULL};

    for (unsigned i = 0; i < 4; i++) {
        if (!f[i] || !fires(f[i]))
            continue;
        *hit = true;
        if (says)
            say(names[kind]);
        return atomic_load(&f[i]->err);
    }
    return 0;
}

bool fx_fail(enum fx_fault_kind kind)
{
    bool hit = false;
    int code = fx_fault(kind, &hit);

    if (hit)
        errno = code > 0 ? code : EIO;
    return hit;
}
