/*
 * drvdom's verbs: one file each, one line in main.c's table each.
 */
#ifndef DRVDOM_TOOLS_VERB_H
#define DRVDOM_TOOLS_VERB_H

/* Exit status of drvdom, the same for every verb; stated in --help and in the manual. */
enum verb_exit {
    VERB_OK = 0,
    VERB_FAILED = 1, /* understood, tried, did not work: the reason is on stderr */
    VERB_USAGE = 2,  /* not understood: nothing has been done */
};

/* argv[0] is the verb.  Each returns an enum verb_exit, and answers --help itself. */
int verb_image(int argc, char **argv);

#endif
