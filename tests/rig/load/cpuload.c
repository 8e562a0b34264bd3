/*
 * cpuload: work that needs a processor, memory, and a kernel, but no device.  Static:
 *
 *   cpuload cpu N        N thousand steps of integer arithmetic
 *   cpuload memory N     N MiB copied inside 16 MiB
 *   cpuload pages N      N fresh pages touched once each, given back 256 at a time
 *   cpuload process N    N times: fork, exec this program, wait for it
 *   cpuload nothing      what `process` starts
 *
 * Prints "mean (us) rate (1/s)" of its operations.  Exit status 0 only when all was done.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { MIB = 1 << 20, HALF = 8 * MIB, PAGE = 4096, BATCH = 256 };

static void cpu(uint64_t n)
{
    volatile uint64_t result;
    uint64_t x = 88172645463325252u;

    for (uint64_t i = 0; i < n * 1000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    result = x;
    (void)result;
}

static void memory(uint64_t n)
{
    enum { WORDS = MIB / sizeof(uint64_t) };
    static uint64_t from[HALF / sizeof(uint64_t)], to[HALF / sizeof(uint64_t)];

    memset(from, 1, HALF);
    memset(to, 2, HALF);
    /* Not memcpy: which one that is depends on what the processor is said to be. */
    for (uint64_t i = 0; i < n * WORDS; i++) {
        uint64_t at = i % (HALF / sizeof(uint64_t));

        to[at] = from[at];
        __asm__ volatile("" ::: "memory");
    }
}

static void pages(uint64_t n)
{
    for (uint64_t i = 0; i < n; i += BATCH) {
        uint8_t *p =
            mmap(NULL, BATCH * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED || madvise(p, BATCH * PAGE, MADV_NOHUGEPAGE))
            die("mmap");
        for (unsigned k = 0; k < BATCH && i + k < n; k++)
            p[k * PAGE] = 1;
        munmap(p, BATCH * PAGE);
    }
}

static void process(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        int status = 1;
        pid_t pid = fork();

        if (pid == 0) {
            execl("/proc/self/exe", "cpuload", "nothing", (char *)NULL);
            _exit(1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
            die("process");
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(uint64_t n);
    } work[] = {{"cpu", cpu}, {"memory", memory}, {"pages", pages}, {"process", process}};
    uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0, began = now_ns(), ns;

    if (argc == 2 && strcmp(argv[1], "nothing") == 0)
        return 0;
    for (unsigned i = 0; n > 0 && i < sizeof(work) / sizeof(*work); i++) {
        if (strcmp(argv[1], work[i].name))
            continue;
        work[i].run(n);
        ns = now_ns() - began;
        printf("%.3f %.1f\n", (double)ns / (double)n / 1e3, 1e9 * (double)n / (double)ns);
        return 0;
    }
    fprintf(stderr, "usage: cpuload cpu|memory|pages|process N | nothing\n");
    return 2;
}
