/* See catalogue.h. */
#include "frontends/common/catalogue.h"

#include <stdio.h>
#include <string.h>

#include "transport/base/log.h"

/* ---- a second processor ---- */

static void *twin_main(void *arg)
{
    struct twin *t = arg;

    for (uint64_t round = 0; !atomic_load(&t->stop); round++)
        t->fn(t->arg, round);
    return NULL;
}

int twin_start(struct twin *t, void (*fn)(void *, uint64_t), void *arg)
{
    t->fn = fn;
    t->arg = arg;
    atomic_init(&t->stop, false);
    return -pthread_create(&t->thread, NULL, twin_main, t);
}

void twin_stop(struct twin *t)
{
    atomic_store(&t->stop, true);
    pthread_join(t->thread, NULL);
}

/* ---- rows ---- */

static enum row_result run_row(const struct catalogue *c, const struct row *row)
{
    static const char *const word[] = {"ok", "FAIL", "skip"};
    uint64_t began = clock_ns();
    char wrong[ROW_TEXT_MAX + 16], escaped[4 * ROW_TEXT_MAX];
    enum row_result result, after;

    c->text[0] = '\0';
    c->before(c->evil, row);
    result = row->run(c->evil);
    snprintf(wrong, sizeof(wrong), "%.*s", ROW_TEXT_MAX, c->text);
    after = c->after(c->evil);
    if (after != ROW_OK && result != ROW_WRONG) {
        result = after;
        snprintf(wrong, sizeof(wrong), "afterwards: %.*s", ROW_TEXT_MAX - 1, c->text);
    }
    log_escape(escaped, sizeof(escaped), wrong, (unsigned)strlen(wrong));
    if (c->report)
        c->report(row->name, word[result], escaped, began);
    else
        printf("%-4s %-4s  %s: %s%s%s (%u ms)\n", row->name, word[result], row->does, row->owes,
               escaped[0] ? "; " : "", escaped, (unsigned)((clock_ns() - began) / 1000000));
    return result;
}

static bool is_named(const struct row *row, const char *name)
{
    return strcmp(name, "all") == 0 || strcasecmp(name, row->name) == 0 ||
           (name[1] == '\0' && (name[0] & ~0x20) == row->name[0]);
}

static unsigned run_named(const struct catalogue *c, const char *name, unsigned counts[3])
{
    unsigned n = 0;

    for (size_t i = 0; c->chapters[i]; i++) {
        for (const struct row *row = c->chapters[i]; row->name; row++) {
            if (!is_named(row, name))
                continue;
            counts[run_row(c, row)]++;
            n++;
        }
    }
    return n;
}

int catalogue_run(const struct catalogue *c, char **names)
{
    unsigned counts[3] = {0};

    for (; *names; names++) {
        if (run_named(c, *names, counts) == 0) {
            fprintf(stderr, "no misbehaviour \"%s\" (misbehave list)\n", *names);
            return 2;
        }
    }
    if (!c->report)
        printf("%u as they should be, %u not, %u skipped\n", counts[ROW_OK], counts[ROW_WRONG],
               counts[ROW_SKIPPED]);
    return counts[ROW_WRONG] ? 1 : counts[ROW_SKIPPED] ? 3 : 0;
}

void catalogue_list(const struct catalogue *c)
{
    for (size_t i = 0; c->chapters[i]; i++) {
        for (const struct row *row = c->chapters[i]; row->name; row++)
            printf("%-4s %s: %s%s%s\n", row->name, row->does, row->owes,
                   row->needs ? "; needs " : "", row->needs ? row->needs : "");
    }
}
