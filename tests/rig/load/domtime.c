/*
 * domtime: for dom0.  One line per domain: its number and the processor time that Xen has charged
 * to it so far, in nanoseconds, and its pages (XEN_DOMCTL_getdomaininfo).  `xl list` says the same
 * in tenths of seconds and MiB.
 */
#include <stdio.h>
#include <xenctrl.h>

enum { DOMAINS = 64 };

int main(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_domaininfo_t info[DOMAINS];
    int n = xc ? xc_domain_getinfolist(xc, 0, DOMAINS, info) : -1;

    if (n < 0) {
        perror("domtime");
        return 1;
    }
    for (int i = 0; i < n; i++)
        printf("%u %llu %llu\n", info[i].domain, (unsigned long long)info[i].cpu_time,
               (unsigned long long)info[i].tot_pages);
    return 0;
}
