/*
 * calls: for dom0.  What domains asked of Xen while xentrace(8) ran:
 *
 *   calls FILE DOMID...     lines "DOMID WHAT COUNT", WHAT being `hypercalls` (all), a hypercall's
 * name, or `faults` (page faults that Xen hands to the domain or mends)
 *
 * FILE is what `xentrace -e 0x229000` writes (records of xen/trace.h, of one physical CPU).  Whose
 * call a record is follows from the scheduler's last switch; what comes before the first one is
 * left out. Exit status 1 when Xen has lost records: their number is then not known.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/trace.h>

enum { DOMAINS = 64, CALLS = 64, FAULTS = CALLS, ALL, KINDS, NOBODY = DOMAINS };

static const char *const names[KINDS] = {
    [1] = "mmu_update",        [2] = "set_gdt",      [3] = "stack_switch",
    [5] = "fpu_taskswitch",    [8] = "set_debugreg", [10] = "update_descriptor",
    [12] = "memory_op",        [13] = "multicall",   [14] = "update_va_mapping",
    [15] = "set_timer_op",     [18] = "console_io",  [20] = "grant_table_op",
    [21] = "vm_assist",        [23] = "iret",        [24] = "vcpu_op",
    [25] = "set_segment_base", [26] = "mmuext_op",   [29] = "sched_op",
    [32] = "event_channel_op", [33] = "physdev_op",  [36] = "domctl",
    [FAULTS] = "faults",       [ALL] = "hypercalls",
};
static unsigned long count[DOMAINS + 1][KINDS];

static void record(uint32_t event, const uint32_t *extra, unsigned n, unsigned *who)
{
    if (event == TRC_SCHED_SWITCH && n >= 4) {
        *who = extra[2] < DOMAINS ? extra[2] : NOBODY;
    } else if (event == TRC_PV_HYPERCALL_V2 && n >= 1) {
        count[*who][ALL]++;
        count[*who][(extra[0] & 0xfffff) % CALLS]++;
    } else if (event == TRC_PV_PAGE_FAULT) {
        count[*who][FAULTS]++;
    }
}

static int read_all(FILE *f)
{
    unsigned who = NOBODY;
    uint32_t head, w[9];

    while (fread(&head, sizeof(head), 1, f) == 1) {
        unsigned cycles = head >> 31, n = (head >> 28 & 7) + 2 * cycles;
        uint32_t event = head & 0xfffffff;

        if (fread(w, sizeof(*w), n, f) != n) {
            fprintf(stderr, "calls: the last record is not whole\n");
            return 1;
        }
        if (event == TRC_LOST_RECORDS) {
            fprintf(stderr, "calls: Xen lost %u records\n", w[2 * cycles]);
            return 1;
        }
        record(event & ~(uint32_t)TRC_64_FLAG, w + 2 * cycles, n - 2 * cycles, &who);
    }
    return 0;
}

int main(int argc, char **argv)
{
    FILE *f = argc > 2 ? fopen(argv[1], "rb") : NULL;

    if (!f) {
        perror(argc > 2 ? argv[1] : "usage: calls FILE DOMID...");
        return 2;
    }
    if (read_all(f))
        return 1;
    for (int i = 2; i < argc; i++) {
        unsigned id = (unsigned)atoi(argv[i]) % DOMAINS;

        for (int k = 0; k < KINDS; k++) {
            if (names[k])
                printf("%u %s %lu\n", id, names[k], count[id][k]);
        }
    }
    return 0;
}
