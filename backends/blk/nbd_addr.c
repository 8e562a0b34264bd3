/* See nbd_addr.h. */
#include "backends/blk/nbd_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NBD_PORT = 10809 };

static const char TCP[] = "nbd://", UNIX[] = "nbd+unix://", SOCKET[] = "?socket=";

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

bool nbd_addr_is(const char *target)
{
    return begins(target, "nbd:") || begins(target, "nbd+") || begins(target, "nbds");
}

static int take_export(struct nbd_addr *a, const char *from, size_t len)
{
    if (len > 0 && from[0] == '/') {
        from++;
        len--;
    }
    if (len > NBD_EXPORT_MAX || memchr(from, '%', len) || memchr(from, '?', len))
        return -EINVAL;
    memcpy(a->export_name, from, len);
    a->export_name[len] = '\0';
    return 0;
}

static int parse_unix(struct nbd_addr *a, const char *rest)
{
    const char *at = strstr(rest, SOCKET), *path;

    if (!at || take_export(a, rest, (size_t)(at - rest)))
        return -EINVAL;
    path = at + strlen(SOCKET);
    if (path[0] != '/' || strlen(path) >= sizeof(a->sock.path.sun_path) || strpbrk(path, "%&"))
        return -EINVAL;
    a->sock.path.sun_family = AF_UNIX;
    snprintf(a->sock.path.sun_path, sizeof(a->sock.path.sun_path), "%s", path);
    a->len = sizeof(a->sock.path);
    a->local = true;
    return 0;
}

static int parse_port(const char *text, size_t len, uint16_t *port)
{
    unsigned v = 0;

    if (len == 0 || len > 5)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)v;
    return v >= 1 && v <= UINT16_MAX ? 0 : -EINVAL;
}

static int set_host(struct nbd_addr *a, const char *host, bool six, uint16_t port)
{
    struct sockaddr_in *v4 = (void *)&a->sock;
    struct sockaddr_in6 *v6 = (void *)&a->sock;

    if (six) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a->len = sizeof(*v6);
        if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
            return -EINVAL;
        a->local = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return 0;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    a->len = sizeof(*v4);
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return -EINVAL;
    a->local = ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return 0;
}

static int parse_tcp(struct nbd_addr *a, const char *rest)
{
    bool six = rest[0] == '[';
    const char *host = rest + six, *end = host + strcspn(host, six ? "]" : ":/");
    const char *after = end + (*end == ']'), *slash = after + strcspn(after, "/");
    char text[INET6_ADDRSTRLEN];
    uint16_t port = NBD_PORT;

    if ((size_t)(end - host) >= sizeof(text) || (six && *end != ']'))
        return -EINVAL;
    memcpy(text, host, (size_t)(end - host));
    text[end - host] = '\0';
    if (after != slash &&
        (*after != ':' || parse_port(after + 1, (size_t)(slash - after - 1), &port)))
        return -EINVAL;
    if (set_host(a, text, six, port))
        return -EINVAL;
    return take_export(a, slash, strlen(slash));
}

int nbd_addr_parse(struct nbd_addr *a, const char *target, struct why *why)
{
    int rc = -EINVAL;

    memset(a, 0, sizeof(*a));
    if (begins(target, UNIX))
        rc = parse_unix(a, target + strlen(UNIX));
    else if (begins(target, TCP))
        rc = parse_tcp(a, target + strlen(TCP));
    return rc ? why_set(why, rc,
                        "disk \"%s\": use nbd://ADDRESS[:PORT][/EXPORT], ADDRESS in numbers, or "
                        "nbd+unix:///[EXPORT]?socket=/PATH",
                        target)
              : 0;
}
