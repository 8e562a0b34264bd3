/* See netlink.h. */
#include "backends/net/netlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/base/log.h"

/* Attributes are aligned to 4 (NLA_ALIGN); NLA_HDRLEN is 4. */
struct nlattr *netlink_attr(struct netlink_request *r, uint16_t type, const void *data,
                            uint16_t len)
{
    struct nlattr *a = (struct nlattr *)((uint8_t *)r + r->h.nlmsg_len);
    uint16_t whole = (uint16_t)(sizeof(*a) + len);

    assert(r->h.nlmsg_len + round_up(whole, 4) <= sizeof(*r));
    a->nla_type = type;
    a->nla_len = whole;
    if (len > 0)
        memcpy(a + 1, data, len);
    r->h.nlmsg_len += (uint32_t)round_up(whole, 4);
    return a;
}

void netlink_end(struct netlink_request *r, struct nlattr *nest)
{
    nest->nla_len = (uint16_t)((uint8_t *)r + r->h.nlmsg_len - (uint8_t *)nest);
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *body,
                   uint32_t len)
{
    memset(r, 0, sizeof(*r));
    r->h.nlmsg_type = type;
    r->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    memcpy(r->body, body, len);
    r->h.nlmsg_len = (uint32_t)sizeof(r->h) + (uint32_t)round_up(len, 4);
}

static int send_request(const struct netlink_request *r)
{
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;

    if (sock < 0)
        return -errno;
    if (send(sock, r, r->h.nlmsg_len, 0) >= 0)
        return sock;
    err = errno;
    close(sock);
    return -err;
}

void netlink_hint(const struct netlink_request *r, const char *what)
{
    int sock = send_request(r);

    if (sock < 0)
        log_debug("%s: %s", what, strerror(-sock));
    else
        close(sock);
}

int netlink_do(struct netlink_request *r)
{
    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
        uint8_t rest[512];
    } answer;
    int sock, rc = -EIO;
    ssize_t n;

    r->h.nlmsg_flags |= NLM_F_ACK;
    sock = send_request(r);
    if (sock < 0)
        return sock;
    n = recv(sock, &answer, sizeof(answer), 0);
    if (n < 0)
        rc = -errno;
    else if (n >= (ssize_t)(sizeof(answer.h) + sizeof(answer.e)) &&
             answer.h.nlmsg_type == NLMSG_ERROR)
        rc = answer.e.error;
    close(sock);
    return rc;
}
