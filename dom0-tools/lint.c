/*
 * drvdom lint: configurations before they are used, and the running xenstore.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/host.h"
#include "dom0-tools/json.h"
#include "dom0-tools/lint_live.h"
#include "dom0-tools/options.h"
#include "dom0-tools/verb.h"
#include "transport/base/log.h"

static const char help_text[] =
    "usage: drvdom lint FILE.cfg... [--json]\n"
    "       drvdom lint --live [--json]\n"
    "\n"
    "FILE.cfg is an xl configuration of a guest or a driver domain: what would fail, or not be as\n"
    "meant, is told by line, with the remedy.  --live checks each key of each device of driver\n"
    "domains in the running xenstore against the schema, drvdom-schema(5).\n"
    "\n"
    "Exit status: 0 no error, 1 errors were told, 2 wrong usage.\n";

struct lint_run {
    const char *file;
    bool json;
    struct json j;
    struct bytes out;
};

static void tell(struct lint_run *r, unsigned line, bool error, const char *text,
                 const char *remedy)
{
    char shown[1200];

    if (r->json) {
        json_object(&r->j, NULL);
        json_text(&r->j, "file", r->file);
        json_uint(&r->j, "line", line);
        json_text(&r->j, "level", error ? "error" : "warning");
        json_text(&r->j, "text", text);
        json_text(&r->j, "remedy", remedy);
        json_close(&r->j);
        return;
    }
    log_escape(shown, sizeof(shown), text, (unsigned)strlen(text));
    bytes_printf(&r->out, "%s:%u: %s: %s%s%s\n", r->file, line, error ? "error" : "warning", shown,
                 remedy ? "; remedy: " : "", remedy ? remedy : "");
}

static void on_cfg(void *arg, const struct lint_finding *f)
{
    tell(arg, f->line, f->error, f->text, f->remedy);
}

/* How many errors; a file that cannot be parsed is one. */
static unsigned one_file(struct lint_run *r, struct host *h, struct xlcfg *c, const char *file)
{
    struct xlcfg_error err;
    struct lint_env env;

    r->file = file;
    if (host_read_cfg(file, c, &err)) {
        tell(r, err.line, true, err.text, NULL);
        return 1;
    }
    host_lint_env(h, &env);
    return lint_cfg(c, &env, on_cfg, r);
}

static int files(struct lint_run *r, const struct options *o)
{
    struct xlcfg *c = malloc(sizeof(*c));
    struct system sys;
    struct store *store;
    struct host h = {0};
    unsigned errors = 0;

    if (!c)
        return VERB_FAILED;
    host_xen_read(&h.xen);
    /* Without xenstore (a build machine) the files can still be checked against each other. */
    if (store_open(&store) == 0) {
        if (system_read(&sys, store) == 0)
            h.sys = &sys;
        else
            store_close(store);
    }
    for (unsigned i = 0; i < o->nargs; i++)
        errors += one_file(r, &h, c, o->args[i]);
    if (h.sys)
        system_close(&sys);
    free(c);
    return errors ? VERB_FAILED : VERB_OK;
}

static void on_live(void *arg, const struct live_finding *f)
{
    struct lint_run *r = arg;

    if (r->json) {
        json_object(&r->j, NULL);
        json_text(&r->j, "dir", f->dir);
        json_text(&r->j, "text", f->text);
        json_close(&r->j);
    } else {
        bytes_printf(&r->out, "%s: %s\n", f->dir, f->text);
    }
}

static int live(struct lint_run *r)
{
    struct system sys;
    unsigned dirs = 0;
    int found;

    if (system_open(&sys))
        return VERB_FAILED;
    found = lint_live(&sys, on_live, r, &dirs);
    if (found >= 0 && !r->json)
        bytes_printf(&r->out, "%d findings in %u directories of %zu devices\n", found, dirs,
                     sys.ndevices);
    system_close(&sys);
    return found ? VERB_FAILED : VERB_OK;
}

int verb_lint(int argc, char **argv)
{
    struct option_own own[] = {{.name = "live"}};
    struct lint_run r = {0};
    struct options o;
    int rc = options_parse(&o, argc, argv, help_text, own, ARRAY_SIZE(own));

    if (rc)
        return verb_parsed(rc);
    if ((own[0].count > 0) == (o.nargs > 0))
        return verb_usage("lint: name files, or give --live");
    r.json = o.json;
    json_init(&r.j, &r.out);
    if (r.json)
        json_array(&r.j, NULL);
    rc = own[0].count ? live(&r) : files(&r, &o);
    if (r.json)
        json_close(&r.j);
    return verb_print(&r.out, rc);
}
