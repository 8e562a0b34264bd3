/* See ovs.h. */
#include "backends/net/ovs.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/net/vlan.h"
#include "transport/base/log.h"

extern char **environ;

static const char *const places[] = {"/usr/bin/ovs-vsctl", "/bin/ovs-vsctl",
                                     "/usr/local/bin/ovs-vsctl"};

static const char *tool(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

bool ovs_is_there(void)
{
    return tool() != NULL;
}

static int run(char *const *args)
{
    int status, rc;
    pid_t pid;

    rc = posix_spawn(&pid, args[0], NULL, NULL, args, environ);
    if (rc)
        return -rc;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* "tag=10" and "trunks=[20,30,31]". */
static int vlan_columns(const char *vlan, char tag[16], char *trunks, size_t size)
{
    struct vlan_item item[VLAN_ITEMS_MAX];
    int n = vlan_parse(vlan, item);
    size_t at = (size_t)snprintf(trunks, size, "trunks=[");

    tag[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (item[i].untagged)
            snprintf(tag, 16, "tag=%u", item[i].first);
        for (unsigned vid = item[i].first; !item[i].untagged && vid <= item[i].last; vid++) {
            at += (size_t)snprintf(trunks + at, size - at, "%s%u", trunks[at - 1] == '[' ? "" : ",",
                                   vid);
            if (at + 8 > size)
                return -E2BIG;
        }
    }
    snprintf(trunks + at, size - at, "]");
    return n < 0 ? n : 0;
}

int ovs_join(const char *bridge, const char *port, const char *vlan, struct why *why)
{
    char tag[16] = "", trunks[2048] = "trunks=[]";
    const char *args[16] = {tool(), "--timeout=5", "--",       "--if-exists", "del-port",
                            port,   "--",          "add-port", bridge,        port};
    size_t n = 10;
    int rc = vlan[0] ? vlan_columns(vlan, tag, trunks, sizeof(trunks)) : 0;

    if (rc)
        return why_set(why, rc, "vlan=%s: not like 10p/20/30-39, or too many", vlan);
    if (tag[0])
        args[n++] = tag;
    if (strcmp(trunks, "trunks=[]") != 0)
        args[n++] = trunks;
    if (tag[0] && n > 11)
        args[n++] = "vlan_mode=native-untagged";
    rc = run((char *const *)args);
    return rc ? why_set(why, rc, "ovs-vsctl cannot add \"%s\" to bridge \"%s\"", port, bridge) : 0;
}

void ovs_leave(const char *port)
{
    const char *args[] = {tool(), "--timeout=5", "--if-exists", "del-port", port, NULL};
    int rc = args[0] ? run((char *const *)args) : -ENOENT;

    if (rc)
        log_warn("ovs-vsctl cannot remove port \"%s\": %s", port, strerror(-rc));
}
