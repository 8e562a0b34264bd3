/*
 * drvdom's verbs: one file each, one line in main.c's table each.
 */
#ifndef DRVDOM_TOOLS_VERB_H
#define DRVDOM_TOOLS_VERB_H

#include "driver-domain/image/bytes.h"

/* Exit status of drvdom, the same for every verb; stated in --help and in the manual. */
enum verb_exit {
    VERB_OK = 0,
    VERB_FAILED = 1,  /* understood, tried, did not work or found a fault: the reason is told */
    VERB_USAGE = 2,   /* not understood: nothing has been done */
    VERB_TIMEOUT = 3, /* did not happen within --timeout */
};

/* argv[0] is the verb.  Each returns an enum verb_exit, and answers --help itself. */
int verb_attach(int argc, char **argv);
int verb_create(int argc, char **argv);
int verb_detach(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_image(int argc, char **argv);
int verb_latency(int argc, char **argv);
int verb_limits(int argc, char **argv);
int verb_lint(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_rate(int argc, char **argv);
int verb_resize(int argc, char **argv);
int verb_media(int argc, char **argv);
int verb_replace(int argc, char **argv);
int verb_restart(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_upgrade(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_why(int argc, char **argv);

/* What a parse that did not go on means: 1 (help) is done, an error is wrong usage. */
static inline int verb_parsed(int rc)
{
    return rc > 0 ? VERB_OK : VERB_USAGE;
}

/* "drvdom VERB: TEXT: see --help" on stderr; VERB_USAGE. */
int verb_usage(const char *text);

/* Writes the buffer to stdout and frees it.  Returns status, or VERB_FAILED when that failed. */
int verb_print(struct bytes *out, int status);

#endif
