/*
 * A catalogue of misbehaviours: rows with a name, what is done, which reaction is owed, and the
 * function that does it and looks.  The device class adds what a row works on.
 */
#ifndef DRVDOM_FRONT_CATALOGUE_H
#define DRVDOM_FRONT_CATALOGUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/base/arith.h"

enum row_result { ROW_OK, ROW_WRONG, ROW_SKIPPED };

enum { ROW_TEXT_MAX = 256 };

struct evil; /* the device class's: what a row works on */

struct row {
    const char *name;
    const char *does;
    const char *owes; /* the reaction */
    enum row_result (*run)(struct evil *e);
    const char *needs; /* of the hook, or of the device; NULL: nothing */
};

struct catalogue {
    const struct row *const *chapters; /* each ends with a row without a name; NULL: the end */
    struct evil *evil;
    char *text; /* ROW_TEXT_MAX: a row says here what is wrong or missing */
    void (*before)(struct evil *e, const struct row *row);
    /* Whatever a row has done, the device must be usable as if nothing had been. */
    enum row_result (*after)(struct evil *e);
    /* NULL: lines to read.  Else called with each row's name, "ok", "FAIL" or "skip", the text,
     * escaped as JSON wants it, and clock_ns() when it began; then nothing is printed here. */
    void (*report)(const char *name, const char *result, const char *text, uint64_t began_ns);
};

void catalogue_list(const struct catalogue *c);
/* Runs the named ones (or "all", or a chapter's letter), a line of result each.  0: all as they
 * should be; 1 not; 2 no such name; 3: rows were skipped, the others fine. */
int catalogue_run(const struct catalogue *c, char **names);

/* Something that a second processor of the guest does all the time: fn is called in a loop. */
struct twin {
    pthread_t thread;
    atomic_bool stop;
    void (*fn)(void *arg, uint64_t round);
    void *arg;
};
int twin_start(struct twin *t, void (*fn)(void *, uint64_t), void *arg) must_check;
void twin_stop(struct twin *t);

/* The row goes on only as long as all is well. */
#define ROW_TRY(x)                                                                                 \
    do {                                                                                           \
        enum row_result try_ = (x);                                                                \
        if (try_ != ROW_OK)                                                                        \
            return try_;                                                                           \
    } while (0)

#endif
