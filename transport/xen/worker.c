/* See worker.h. */
#include "transport/xen/worker.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "transport/base/msg.h"

_Static_assert(sizeof(struct worker_msg) <= MSG_MAX_BYTES, "a worker message fits one packet");

int worker_send(int sock, const struct worker_msg *m, const int *fds, int nfds)
{
    assert(m->payload_len <= WORKER_PAYLOAD_MAX);
    return msg_send(sock, m, offsetof(struct worker_msg, payload) + m->payload_len, fds, nfds);
}

int worker_recv(int sock, struct worker_msg *m, int *fds, int *nfds)
{
    ssize_t n = msg_recv(sock, m, sizeof(*m), fds, nfds);

    if (n <= 0)
        return (int)n;
    if ((size_t)n < offsetof(struct worker_msg, payload) || m->version != WORKER_VERSION ||
        m->payload_len != (size_t)n - offsetof(struct worker_msg, payload)) {
        for (int i = 0; nfds && i < *nfds; i++)
            close(fds[i]);
        return -EPROTO;
    }
    m->text[WORKER_TEXT_MAX - 1] = '\0';
    return 1;
}
