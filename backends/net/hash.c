/* See hash.h. */
#include "backends/net/hash.h"

#include <string.h>

#include "backends/net/headers.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    PORTS = 4,
};

bool hash_valid(const struct net_hash *h, uint32_t queues)
{
    bool ok = h->algorithm <= NETIF_HASH_TOEPLITZ && h->types < 1u << NETIF_HASH_TYPES &&
              h->mapping_size <= HASH_MAPPING_MAX;

    for (unsigned i = 0; i < HASH_MAPPING_MAX && ok; i++)
        ok = h->mapping[i] < queues;
    return ok;
}

/* For each bit of the data that is set, the 32 bits of the key that stand beside it (netif.h). */
uint32_t hash_toeplitz(const uint8_t key[HASH_KEY_MAX], const uint8_t *data, size_t len)
{
    uint64_t window = 0, hash = 0;

    for (size_t i = 0; i < 8; i++)
        window = window << 8 | key[i];
    for (size_t i = 0; i < len; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            if (data[i] >> bit & 1)
                hash ^= window;
            window <<= 1;
        }
        window |= i + 8 < HASH_KEY_MAX ? key[i + 8] : 0;
    }
    return (uint32_t)(hash >> 32);
}

static bool wants(const struct net_hash *h, unsigned type)
{
    return h->types >> type & 1;
}

/* Addresses at `at`, `len` bytes of them; ports at `ports`, 0: there are none. */
static bool input(const struct net_hash *h, const uint8_t *frame, size_t at, size_t len,
                  size_t ports, unsigned type, struct hash_input *in)
{
    bool tcp = ports > 0 && wants(h, type + 1);

    if (!tcp && !wants(h, type))
        return false;
    in->type = (uint8_t)(type + tcp);
    in->len = (uint8_t)(len + (tcp ? PORTS : 0));
    memcpy(in->bytes, frame + at, len);
    if (tcp)
        memcpy(in->bytes + len, frame + ports, PORTS);
    return true;
}

static bool input_ipv4(const struct net_hash *h, const uint8_t *frame, size_t l3, size_t len,
                       struct hash_input *in)
{
    const uint8_t *ip = frame + l3;
    size_t l4 = l3 + (ip[0] & 15u) * 4u;
    bool whole = !(ip[6] & 0x3f) && !ip[7]; /* no fragment */

    if (ip[9] != PROTO_TCP || !whole || l4 < l3 + IPV4_HEADER || l4 + PORTS > len)
        l4 = 0;
    return input(h, frame, l3 + 12, 8, l4, NETIF_HASH_IPV4, in);
}

static bool input_ipv6(const struct net_hash *h, const uint8_t *frame, size_t l3, size_t len,
                       struct hash_input *in)
{
    size_t l4 = l3 + IPV6_HEADER;

    if (frame[l3 + 6] != PROTO_TCP || l4 + PORTS > len)
        l4 = 0;
    return input(h, frame, l3 + 8, 32, l4, NETIF_HASH_IPV6, in);
}

static bool find_input(const struct net_hash *h, const uint8_t *frame, size_t len,
                       struct hash_input *in)
{
    size_t l3 = ETH_HEADER;
    unsigned type;

    if (len < l3 + VLAN_TAG)
        return false;
    type = (unsigned)(frame[l3 - 2] << 8 | frame[l3 - 1]);
    if (type == TYPE_VLAN) {
        l3 += VLAN_TAG;
        type = (unsigned)(frame[l3 - 2] << 8 | frame[l3 - 1]);
    }
    if (type == TYPE_IPV4 && in_range(l3, IPV4_HEADER, len) && frame[l3] >> 4 == 4)
        return input_ipv4(h, frame, l3, len, in);
    if (type == TYPE_IPV6 && in_range(l3, IPV6_HEADER, len) && frame[l3] >> 4 == 6)
        return input_ipv6(h, frame, l3, len, in);
    return false;
}

bool hash_frame(const struct net_hash *h, const uint8_t *frame, size_t len, uint8_t *type,
                uint32_t *value)
{
    struct hash_input in;

    if (!hash_on(h) || !find_input(h, frame, len, &in))
        return false;
    *type = in.type;
    *value = hash_toeplitz(h->key, in.bytes, in.len);
    return true;
}

uint32_t hash_queue(const struct net_hash *h, uint32_t value, uint32_t queues)
{
    uint32_t q = h->mapping_size ? h->mapping[value % h->mapping_size] : value % queues;

    return q < queues ? q : 0;
}
