/*
 * domtime: for dom0.  One line per domain: its number and the processor time that Xen has charged
 * to it so far, in nanoseconds, and its pages (XEN_DOMCTL_getdomaininfo).  `xl list` says the same
 * in tenths of seconds and MiB.
 *
 * domtime settle: sleeps until the next whole second instead.  What the files disk and the host
 * take in their own time shifts all that follows; from here on timers and work meet as in every
 * other run.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>

enum { DOMAINS = 64 };

static int settle(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t = (struct timespec){.tv_sec = t.tv_sec + 1};
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0;
}

static int tell(void)
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

int main(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "settle") == 0 ? settle() : tell();
}
