/*
 * fakexen: libxencall: the few hypercalls that Debian's libxenctrl makes for xenstored and simple
 * tools (which domains are there, are they dying).  Everything else is refused with ENOSYS, so that
 * the rest of libxenctrl is the real one and fails as it does on a hypervisor without the call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <stdint.h>

#define __XEN_TOOLS__ 1
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/xen.h>
#include <xencall.h>

#include "tests/fakexen/lib/client.h"

struct xencall_handle {
    int unused;
};

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    return fx_self() ? calloc(1, sizeof(xencall_handle)) : NULL;
}

int xencall_close(xencall_handle *xcall)
{
    free(xcall);
    return 0;
}

int xencall_fd(xencall_handle *xcall)
{
    (void)xcall;
    return -1;
}

static void fill(xen_domctl_getdomaininfo_t *i, uint32_t domid, uint32_t flags)
{
    memset(i, 0, sizeof(*i));
    i->domain = (domid_t)domid;
    i->flags = flags & FX_DOMF_DYING ? XEN_DOMINF_dying | XEN_DOMINF_shutdown : XEN_DOMINF_running;
    i->tot_pages = i->max_pages = FX_FRAMES;
    i->nr_online_vcpus = 1;
    /* a handle that tells two lives of the same number apart is more than the fake knows */
    i->handle[15] = (uint8_t)domid;
}

/* All domains from `first` on, at most `max`; -errno. */
static int list(uint32_t first, xen_domctl_getdomaininfo_t *out, uint32_t max)
{
    static uint32_t v[2 * FX_MAX_DOMS];
    struct fx_call c = {.req = {.op = FX_DOM_LIST}, .out = v, .cap = 2 * FX_MAX_DOMS, .fd_in = -1};
    int rc = fx_rpc(&c), n = 0;

    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i + 1 < c.nout && (uint32_t)n < max; i += 2)
        if (v[i] >= first)
            fill(&out[n++], v[i], v[i + 1]);
    return n;
}

static int domctl(struct xen_domctl *op)
{
    int n;

    if (op->cmd != XEN_DOMCTL_getdomaininfo)
        return -ENOSYS;
    n = list(op->domain, &op->u.getdomaininfo, 1);
    if (n == 0)
        return -ESRCH;
    if (n > 0)
        op->domain = op->u.getdomaininfo.domain;
    return n < 0 ? n : 0;
}

static int sysctl(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
    int n;

    if (op->cmd != XEN_SYSCTL_getdomaininfolist)
        return -ENOSYS;
    n = list(l->first_domain, l->buffer.p, l->max_domains);
    if (n >= 0)
        l->num_domains = (uint32_t)n;
    return n < 0 ? n : 0;
}

int xencall1(xencall_handle *xcall, unsigned int op, uint64_t arg1)
{
    void *p = (void *)(uintptr_t)arg1;

    (void)xcall;
    if (op == __HYPERVISOR_domctl)
        return fx_errno(domctl(p));
    if (op == __HYPERVISOR_sysctl)
        return fx_errno(sysctl(p));
    return fx_errno(-ENOSYS);
}

int xencall0(xencall_handle *xcall, unsigned int op)
{
    (void)xcall, (void)op;
    return fx_errno(-ENOSYS);
}

int xencall2(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2)
{
    (void)xcall, (void)op, (void)a1, (void)a2;
    return fx_errno(-ENOSYS);
}

long xencall2L(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2)
{
    return xencall2(xcall, op, a1, a2);
}

int xencall3(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3)
{
    (void)a3;
    return xencall2(xcall, op, a1, a2);
}

int xencall4(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3,
             uint64_t a4)
{
    (void)a3, (void)a4;
    return xencall2(xcall, op, a1, a2);
}

int xencall5(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3,
             uint64_t a4, uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    return xencall2(xcall, op, a1, a2);
}

void *xencall_alloc_buffer_pages(xencall_handle *xcall, size_t nr_pages)
{
    void *p =
        mmap(NULL, nr_pages * FX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)xcall;
    return p == MAP_FAILED ? NULL : p;
}

void xencall_free_buffer_pages(xencall_handle *xcall, void *p, size_t nr_pages)
{
    (void)xcall;
    if (p)
        munmap(p, nr_pages * FX_PAGE);
}

void *xencall_alloc_buffer(xencall_handle *xcall, size_t size)
{
    (void)xcall;
    return calloc(1, size);
}

void xencall_free_buffer(xencall_handle *xcall, void *p)
{
    (void)xcall;
    free(p);
}

int xencall_buffers_never_fault(xencall_handle *xcall)
{
    (void)xcall;
    return 1;
}
