/*
 * See steer.h.  Straight code without loops or tables: key and mapping stand in it as constants,
 * and it is loaded anew when they change.
 *
 * r6 packet, r7 hash, r8 Ethernet type, then "with ports", r9 where the IP header is.
 */
#include "backends/net/steer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/net/conn.h"
#include "backends/net/headers.h"

enum {
    /* On the stack, below the frame pointer r10: an IPv4 header; the bytes that are hashed. */
    AT_HEADER = -24,
    AT_INPUT = -64,
    PORTS = 4,
    ENTRY_BITS = 2, /* of a mapping entry */
    ENTRIES_PER_WORD = 64 / ENTRY_BITS,
    WORDS = HASH_MAPPING_MAX / ENTRIES_PER_WORD,
};
_Static_assert(NET_QUEUES_MAX <= 1 << ENTRY_BITS, "a queue's number in a mapping entry");

/* A program being written, and the jumps to two places that come later. */
struct code {
    struct bpf_insn *insn;
    size_t n;
    size_t to_map[64], nr_to_map;
};

static void emit(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    /* As bpf_insn, whose registers are bit fields. */
    const struct {
        uint8_t code, regs;
        int16_t off;
        int32_t imm;
    } insn = {op, (uint8_t)(dst | src << 4), off, imm};

    assert(c->n < STEER_INSNS_MAX);
    _Static_assert(sizeof(insn) == sizeof(c->insn[0]), "linux/bpf.h");
    memcpy(&c->insn[c->n++], &insn, sizeof(insn));
}

static void alu(struct code *c, uint8_t op, uint8_t dst, int32_t imm)
{
    emit(c, BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}

static void alu32(struct code *c, uint8_t op, uint8_t dst, int32_t imm)
{
    emit(c, BPF_ALU | BPF_K | op, dst, 0, 0, imm);
}

static void move(struct code *c, uint8_t dst, uint8_t src)
{
    emit(c, BPF_ALU64 | BPF_X | BPF_MOV, dst, src, 0, 0);
}

static void load(struct code *c, uint8_t size, uint8_t dst, int16_t off)
{
    emit(c, BPF_LDX | BPF_MEM | size, dst, BPF_REG_10, off, 0);
}

static void load_word(struct code *c, uint8_t dst, uint64_t v)
{
    emit(c, BPF_LD | BPF_DW | BPF_IMM, dst, 0, 0, (int32_t)(uint32_t)v);
    emit(c, 0, 0, 0, 0, (int32_t)(uint32_t)(v >> 32));
}

/* A jump whose target is set by land(). */
static size_t jump(struct code *c, uint8_t op, uint8_t reg, int32_t imm)
{
    emit(c, BPF_JMP | BPF_K | op, reg, 0, 0, imm);
    return c->n - 1;
}

static void land(struct code *c, size_t from)
{
    c->insn[from].off = (int16_t)(c->n - from - 1);
}

/* The frame is not hashed (or is done): on to the mapping. */
static void to_map(struct code *c, size_t from)
{
    assert(c->nr_to_map < ARRAY_SIZE(c->to_map));
    c->to_map[c->nr_to_map++] = from;
}

/* Copies len bytes of the frame, from r2 on, to the stack; r0 is 0 if they are there. */
static void fetch(struct code *c, int16_t to, int32_t len)
{
    move(c, BPF_REG_1, BPF_REG_6);
    move(c, BPF_REG_3, BPF_REG_10);
    alu(c, BPF_ADD, BPF_REG_3, to);
    alu(c, BPF_MOV, BPF_REG_4, len);
    emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
}

static void fetch_at(struct code *c, int32_t from, int16_t to, int32_t len)
{
    alu(c, BPF_MOV, BPF_REG_2, from);
    fetch(c, to, len);
    to_map(c, jump(c, BPF_JNE, BPF_REG_0, 0));
}

/* From the IP header, which is at r9. */
static void fetch_ip(struct code *c, int32_t from, int16_t to, int32_t len)
{
    move(c, BPF_REG_2, BPF_REG_9);
    alu(c, BPF_ADD, BPF_REG_2, from);
    fetch(c, to, len);
    to_map(c, jump(c, BPF_JNE, BPF_REG_0, 0));
}

static uint32_t key_at(const struct net_hash *h, size_t bit)
{
    uint64_t window = 0;

    for (size_t i = 0; i < 5; i++)
        window = window << 8 | (bit / 8 + i < HASH_KEY_MAX ? h->key[bit / 8 + i] : 0u);
    return (uint32_t)(window >> (8 - bit % 8));
}

/* r7 ^= the hash of input bytes [from, to).  A bit is multiplied: the kernel's verifier would
 * follow both ways of each jump, and from 6.17 on of a mask made by negation, too. */
static void hash_bytes(struct code *c, const struct net_hash *h, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        load(c, BPF_B, BPF_REG_2, (int16_t)(AT_INPUT + (int)i));
        for (unsigned bit = 0; bit < 8; bit++) {
            emit(c, BPF_ALU | BPF_X | BPF_MOV, BPF_REG_3, BPF_REG_2, 0, 0);
            alu32(c, BPF_RSH, BPF_REG_3, (int32_t)(7 - bit));
            alu32(c, BPF_AND, BPF_REG_3, 1);
            alu32(c, BPF_MUL, BPF_REG_3, (int32_t)key_at(h, i * 8 + bit));
            emit(c, BPF_ALU | BPF_X | BPF_XOR, BPF_REG_7, BPF_REG_3, 0, 0);
        }
    }
}

/* Addresses of `len` bytes are in the input, and, if r8 is 1, ports behind them. */
static void hash_input(struct code *c, const struct net_hash *h, unsigned type, size_t len)
{
    size_t skip;

    if (!(h->types >> type & 1))
        to_map(c, jump(c, BPF_JEQ, BPF_REG_8, 0));
    hash_bytes(c, h, 0, len);
    skip = jump(c, BPF_JEQ, BPF_REG_8, 0);
    hash_bytes(c, h, len, len + PORTS);
    land(c, skip);
    to_map(c, jump(c, BPF_JA, 0, 0));
}

/* r2 is where ports are: fetches them, r8 = 1 if they are there. */
static void fetch_ports(struct code *c, int16_t to)
{
    size_t none;

    fetch(c, to, PORTS);
    none = jump(c, BPF_JNE, BPF_REG_0, 0);
    alu(c, BPF_MOV, BPF_REG_8, 1);
    land(c, none);
}

static void ipv4(struct code *c, const struct net_hash *h)
{
    size_t no_ports[3];

    fetch_ip(c, 0, AT_HEADER, 20);
    alu(c, BPF_MOV, BPF_REG_8, 0);
    load(c, BPF_B, BPF_REG_2, AT_HEADER);
    alu(c, BPF_RSH, BPF_REG_2, 4);
    to_map(c, jump(c, BPF_JNE, BPF_REG_2, 4));
    for (int16_t i = 0; i < 8; i = (int16_t)(i + 4)) {
        load(c, BPF_W, BPF_REG_2, (int16_t)(AT_HEADER + 12 + i));
        emit(c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_2, (int16_t)(AT_INPUT + i), 0);
    }
    if (h->types >> NETIF_HASH_IPV4_TCP & 1) {
        load(c, BPF_B, BPF_REG_2, AT_HEADER + 9);
        no_ports[0] = jump(c, BPF_JNE, BPF_REG_2, PROTO_TCP);
        load(c, BPF_H, BPF_REG_2, AT_HEADER + 6);
        alu(c, BPF_AND, BPF_REG_2, htons(0x3fff));
        no_ports[1] = jump(c, BPF_JNE, BPF_REG_2, 0); /* a fragment */
        load(c, BPF_B, BPF_REG_2, AT_HEADER);
        alu(c, BPF_AND, BPF_REG_2, 15);
        alu(c, BPF_LSH, BPF_REG_2, 2);
        no_ports[2] = jump(c, BPF_JLT, BPF_REG_2, 20);
        emit(c, BPF_ALU64 | BPF_X | BPF_ADD, BPF_REG_2, BPF_REG_9, 0, 0);
        fetch_ports(c, AT_INPUT + 8);
        for (unsigned i = 0; i < ARRAY_SIZE(no_ports); i++)
            land(c, no_ports[i]);
    }
    hash_input(c, h, NETIF_HASH_IPV4, 8);
}

static void ipv6(struct code *c, const struct net_hash *h)
{
    size_t no_ports;

    fetch_ip(c, 0, AT_HEADER, 8);
    alu(c, BPF_MOV, BPF_REG_8, 0);
    load(c, BPF_B, BPF_REG_2, AT_HEADER);
    alu(c, BPF_RSH, BPF_REG_2, 4);
    to_map(c, jump(c, BPF_JNE, BPF_REG_2, 6));
    fetch_ip(c, 8, AT_INPUT, 32);
    if (h->types >> NETIF_HASH_IPV6_TCP & 1) {
        load(c, BPF_B, BPF_REG_2, AT_HEADER + 6);
        no_ports = jump(c, BPF_JNE, BPF_REG_2, PROTO_TCP);
        move(c, BPF_REG_2, BPF_REG_9);
        alu(c, BPF_ADD, BPF_REG_2, 40);
        fetch_ports(c, AT_INPUT + 32);
        land(c, no_ports);
    }
    hash_input(c, h, NETIF_HASH_IPV6, 32);
}

static uint64_t mapping_word(const struct net_hash *h, unsigned word)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < ENTRIES_PER_WORD; i++)
        v |= (uint64_t)h->mapping[word * ENTRIES_PER_WORD + i] << (i * ENTRY_BITS);
    return v;
}

/* r7 is the hash, 0 of what is not hashed: returns the queue. */
static void map(struct code *c, const struct net_hash *h, uint32_t queues)
{
    size_t found[WORDS];

    for (size_t i = 0; i < c->nr_to_map; i++)
        land(c, c->to_map[i]);
    alu32(c, BPF_MOD, BPF_REG_7, (int32_t)(h->mapping_size ? h->mapping_size : queues));
    if (h->mapping_size) {
        move(c, BPF_REG_2, BPF_REG_7);
        alu(c, BPF_DIV, BPF_REG_2, ENTRIES_PER_WORD);
        alu(c, BPF_AND, BPF_REG_7, ENTRIES_PER_WORD - 1);
        alu(c, BPF_MUL, BPF_REG_7, ENTRY_BITS);
        for (unsigned i = 0; i < WORDS; i++) {
            load_word(c, BPF_REG_3, mapping_word(h, i));
            found[i] = jump(c, BPF_JEQ, BPF_REG_2, (int32_t)i);
        }
        for (unsigned i = 0; i < WORDS; i++)
            land(c, found[i]);
        emit(c, BPF_ALU64 | BPF_X | BPF_RSH, BPF_REG_3, BPF_REG_7, 0, 0);
        alu(c, BPF_AND, BPF_REG_3, (1 << ENTRY_BITS) - 1);
        move(c, BPF_REG_7, BPF_REG_3);
    }
    move(c, BPF_REG_0, BPF_REG_7);
    emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

size_t steer_build(const struct net_hash *h, uint32_t queues, struct bpf_insn *out)
{
    struct code c = {.insn = out};
    size_t untagged, not_v4;

    move(&c, BPF_REG_6, BPF_REG_1);
    alu(&c, BPF_MOV, BPF_REG_7, 0);
    alu(&c, BPF_MOV, BPF_REG_9, ETH_HEADER);
    fetch_at(&c, ETH_HEADER - 2, AT_HEADER, 2);
    load(&c, BPF_H, BPF_REG_8, AT_HEADER);
    untagged = jump(&c, BPF_JNE, BPF_REG_8, htons(0x8100));
    alu(&c, BPF_ADD, BPF_REG_9, VLAN_TAG);
    fetch_at(&c, ETH_HEADER - 2 + VLAN_TAG, AT_HEADER, 2);
    load(&c, BPF_H, BPF_REG_8, AT_HEADER);
    land(&c, untagged);
    not_v4 = jump(&c, BPF_JNE, BPF_REG_8, htons(0x0800));
    ipv4(&c, h);
    land(&c, not_v4);
    to_map(&c, jump(&c, BPF_JNE, BPF_REG_8, htons(0x86dd)));
    ipv6(&c, h);
    map(&c, h, queues);
    return c.n;
}

int steer_load(const struct net_hash *h, uint32_t queues)
{
    struct bpf_insn *insn = calloc(STEER_INSNS_MAX, sizeof(*insn));
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};
    int fd;

    if (!insn)
        return -ENOMEM;
    attr.insns = (uintptr_t)insn;
    attr.insn_cnt = (uint32_t)steer_build(h, queues, insn);
    attr.license = (uintptr_t) "GPL";
    fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    fd = fd < 0 ? -errno : fd;
    free(insn);
    return fd;
}
