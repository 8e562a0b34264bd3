/*
 * libFuzzer: the control ring.  Input: the number of queues, then requests of 16 bytes, each with
 * the bytes that its page would hold behind it.  Whatever is set must be fit for steering, and
 * frames must be hashed by it as far as they reach.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/ctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of its own length, so that a read beyond it is seen. */
static void hash_of(const struct net_hash *h, const uint8_t *data, size_t size, uint32_t queues)
{
    size_t len = size < 100 ? size : 100;
    uint8_t *frame = malloc(len ? len : 1), type = 0;
    uint32_t value = 0;

    assert(frame);
    memcpy(frame, data, len);
    if (hash_frame(h, frame, len, &type, &value))
        assert(type < NETIF_HASH_TYPES && h->types >> type & 1 && len >= 34);
    assert(hash_queue(h, value, queues) < queues);
    free(frame);
}

/* One request; how many bytes of the input its page took. */
static size_t request(struct net_hash *h, uint32_t queues, const uint8_t *raw, const uint8_t *rest,
                      size_t size)
{
    struct netif_ctrl_rsp rsp;
    struct ctrl_plan p;
    uint8_t *page;

    ctrl_plan(h, raw, &p);
    assert(p.bytes <= CTRL_BYTES_MAX);
    assert(p.bytes == 0 || p.status == NETIF_CTRL_STATUS_SUCCESS);
    page = p.bytes > 0 && p.bytes <= size ? malloc(p.bytes) : NULL;
    if (page)
        memcpy(page, rest, p.bytes);
    (void)ctrl_apply(h, queues, &p, page);
    rsp = ctrl_response(&p);
    assert(memcmp(&rsp, raw, 4) == 0 && rsp.status <= NETIF_CTRL_STATUS_OVERFLOW);
    assert(rsp.status == NETIF_CTRL_STATUS_SUCCESS || rsp.data == 0);
    assert(p.bytes == 0 || page || rsp.status == NETIF_CTRL_STATUS_INVALID);
    free(page);
    return page ? p.bytes : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_hash h = {0};
    uint32_t queues;

    if (size < 1)
        return 0;
    queues = 1 + data[0] % 4u;
    for (data++, size--; size >= NETIF_CTRL_SLOT;) {
        const uint8_t *raw = data;
        size_t took;

        data += NETIF_CTRL_SLOT;
        size -= NETIF_CTRL_SLOT;
        took = request(&h, queues, raw, data, size);
        data += took;
        size -= took;
        assert(hash_valid(&h, queues));
        hash_of(&h, data, size, queues);
    }
    return 0;
}
