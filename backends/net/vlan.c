/* See vlan.h.  Linux: include/uapi/linux/if_bridge.h. */
#include "backends/net/vlan.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/net/netlink.h"

/* One number off *text; 0: there is none that can be. */
static uint16_t number(const char **text)
{
    char *end;
    unsigned long v;

    if (**text < '0' || **text > '9')
        return 0;
    v = strtoul(*text, &end, 10);
    *text = end;
    return v > VLAN_ID_MAX ? 0 : (uint16_t)v;
}

static bool parse_item(const char **text, struct vlan_item *i)
{
    i->first = i->last = number(text);
    i->untagged = i->first && **text == 'p';
    if (i->untagged) {
        ++*text;
    } else if (**text == '-') {
        ++*text;
        i->last = number(text);
    }
    return i->first > 0 && i->last >= i->first;
}

int vlan_parse(const char *text, struct vlan_item item[VLAN_ITEMS_MAX])
{
    int n = 0, untagged = 0;

    do {
        if (n == VLAN_ITEMS_MAX || !parse_item(&text, &item[n]))
            return -EINVAL;
        untagged += item[n++].untagged;
    } while (*text++ == '/');
    return text[-1] == '\0' && untagged <= 1 ? n : -EINVAL;
}

static int change(unsigned index, uint16_t type, uint16_t vid, uint16_t flags)
{
    const struct ifinfomsg i = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index};
    const struct bridge_vlan_info v = {.vid = vid, .flags = flags};
    struct netlink_request r;
    struct nlattr *nest;

    netlink_begin(&r, type, 0, &i, sizeof(i));
    nest = netlink_attr(&r, IFLA_AF_SPEC, NULL, 0);
    netlink_attr(&r, IFLA_BRIDGE_VLAN_INFO, &v, sizeof(v));
    netlink_end(&r, nest);
    return netlink_do(&r);
}

/* A number below /sys/class/net/BRIDGE/bridge; 0 when it cannot be read. */
static unsigned bridge_says(const char *bridge, const char *what)
{
    char path[96];
    unsigned v = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/sys/class/net/%.15s/bridge/%s", bridge, what);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%u", &v) != 1)
        v = 0;
    fclose(f);
    return v;
}

int vlan_join(const char *bridge, unsigned index, const char *text, struct why *why)
{
    struct vlan_item item[VLAN_ITEMS_MAX];
    int n = vlan_parse(text, item), rc = 0;
    uint16_t own = (uint16_t)bridge_says(bridge, "default_pvid");

    if (n < 0)
        return why_set(why, n, "vlan=%s: not like 10p/20/30-39", text);
    if (bridge_says(bridge, "vlan_filtering") != 1)
        return why_set(why, -EINVAL, "vlan=%s: bridge \"%s\" does not filter VLANs", text, bridge);
    if (own)
        rc = change(index, RTM_DELLINK, own, 0);
    for (int i = 0; i < n && !rc; i++) {
        uint16_t flags = item[i].untagged ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0;

        for (uint16_t vid = item[i].first; vid <= item[i].last && !rc; vid++)
            rc = change(index, RTM_SETLINK, vid, flags);
    }
    return rc ? why_set(why, rc, "vlan=%s: %s", text, strerror(-rc)) : 0;
}
