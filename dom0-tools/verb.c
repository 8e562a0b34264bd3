/* See verb.h. */
#include "dom0-tools/verb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/base/log.h"

int verb_usage(const char *text)
{
    log_error("%s: see --help", text);
    return VERB_USAGE;
}

int verb_print(struct bytes *out, int status)
{
    if (bytes_check(out)) {
        log_error("no memory for the output");
        status = VERB_FAILED;
    } else if (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout)) {
        log_error("writing the output: %s", strerror(errno));
        status = VERB_FAILED;
    }
    bytes_fini(out);
    return status;
}
