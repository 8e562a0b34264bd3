/*
 * See ring.h.  The shared words are C11 atomics: the peer writes them at any moment, and the
 * compiler must neither re-read nor tear them.  Slots are copied with volatile word reads for the
 * same reason (XSA-155: one fetch, then only the copy is looked at).
 */
#include "transport/xen/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct ring_shared {
    _Atomic uint32_t req_prod, req_event, rsp_prod, rsp_event;
    uint8_t pad[48];
    uint8_t slot[];
};
_Static_assert(offsetof(struct ring_shared, slot) == 64, "xen/io/ring.h: slots start at byte 64");

uint32_t ring_slots(size_t bytes, uint32_t slot_size)
{
    if (bytes <= offsetof(struct ring_shared, slot) + slot_size)
        return 0;
    return pow2_floor((uint32_t)((bytes - offsetof(struct ring_shared, slot)) / slot_size));
}

enum { SLOT_BYTES_MAX = 128 }; /* blkif's have 112 at most */

static volatile uint8_t *slot_at(const struct ring *r, uint32_t index)
{
    return r->sh->slot + (size_t)(index & (r->slots - 1)) * r->slot_size;
}

/* Slot sizes are multiples of 4 and slots are 4-aligned in every ABI served; 8 at a time where they
 * are that, too. Each word is fetched once. */
static void copy_from_slot(void *dst, const volatile uint8_t *src, size_t size)
{
    const volatile uint32_t *s = (const volatile uint32_t *)src;
    const volatile uint64_t *s8 = (const volatile uint64_t *)src;

    if (((uintptr_t)src | size) % 8 == 0) {
        for (size_t i = 0; i < size / 8; i++) {
            uint64_t word = s8[i];

            memcpy((uint8_t *)dst + 8 * i, &word, 8);
        }
        return;
    }
    for (size_t i = 0; i < size / 4; i++) {
        uint32_t word = s[i];

        memcpy((uint8_t *)dst + 4 * i, &word, 4);
    }
}

static void copy_to_slot(volatile uint8_t *dst, uint32_t slot_size, const void *src, size_t size)
{
    volatile uint32_t *d = (volatile uint32_t *)dst;
    volatile uint64_t *d8 = (volatile uint64_t *)dst;
    uint64_t whole[SLOT_BYTES_MAX / 8] = {0};
    uint32_t word;

    assert(slot_size <= sizeof(whole));
    memcpy(whole, src, size);
    if (((uintptr_t)dst | slot_size) % 8 == 0) {
        for (size_t i = 0; i < slot_size / 8; i++)
            d8[i] = whole[i];
        return;
    }
    for (size_t i = 0; i < slot_size / 4; i++) {
        memcpy(&word, (const uint8_t *)whole + 4 * i, 4);
        d[i] = word;
    }
}

static void setup(struct ring *r, void *mem, size_t bytes, uint32_t slot_size)
{
    assert(slot_size >= 4 && slot_size % 4 == 0);
    memset(r, 0, sizeof(*r));
    r->sh = mem;
    r->slot_size = slot_size;
    r->slots = ring_slots(bytes, slot_size);
    assert(r->slots > 0);
}

/* ---- back end ---- */

int ring_back_attach(struct ring *r, void *mem, size_t bytes, uint32_t slot_size)
{
    return ring_back_resume(r, mem, bytes, slot_size, 0);
}

uint32_t ring_back_answered(const void *mem)
{
    const struct ring_shared *sh = mem;

    return atomic_load_explicit(&sh->rsp_prod, memory_order_acquire);
}

int ring_back_resume(struct ring *r, void *mem, size_t bytes, uint32_t slot_size, uint32_t taken)
{
    uint32_t req;

    setup(r, mem, bytes, slot_size);
    r->prod = r->pushed = r->cons = atomic_load_explicit(&r->sh->rsp_prod, memory_order_acquire);
    req = atomic_load_explicit(&r->sh->req_prod, memory_order_acquire);
    if (req - r->prod > r->slots || taken > req - r->prod)
        return -EPROTO;
    r->cons += taken;
    r->seen = r->cons;
    return 0;
}

/* The frontend may be at most one ring ahead of the responses we have *put*: a slot whose request
 * is unanswered cannot be reused (RING_REQUEST_PROD_OVERFLOW; the usual macro clamps and hides it).
 */
static int refresh_requests(struct ring *r)
{
    uint32_t prod = atomic_load_explicit(&r->sh->req_prod, memory_order_acquire);

    if (prod - r->prod > r->slots || prod - r->cons > r->slots)
        return -EPROTO;
    /* prod may not have moved backwards past what we took; both differences above catch that,
     * because cons is at most one ring ahead of r->prod. */
    r->seen = prod;
    return (int)(prod - r->cons);
}

int ring_back_avail(struct ring *r)
{
    return refresh_requests(r);
}

int ring_back_take(struct ring *r, void *dst)
{
    if (r->seen == r->cons) {
        int n = refresh_requests(r);

        if (n <= 0)
            return n;
    }
    copy_from_slot(dst, slot_at(r, r->cons), r->slot_size);
    r->cons++;
    return 1;
}

void ring_back_peek(const struct ring *r, uint32_t ahead, void *dst)
{
    assert(ahead < r->seen - r->cons);
    copy_from_slot(dst, slot_at(r, r->cons + ahead), r->slot_size);
}

void ring_back_put(struct ring *r, const void *rsp, size_t size)
{
    assert(size <= r->slot_size);
    assert(r->cons - r->prod > 0 && r->cons - r->prod <= r->slots); /* one answer per request */
    copy_to_slot(slot_at(r, r->prod), r->slot_size, rsp, size);
    r->prod++;
}

/* Publishes `prod`; the peer wants an event when its event index lies in (old, new]. */
static bool publish(_Atomic uint32_t *index, _Atomic uint32_t *event, uint32_t *pushed,
                    uint32_t prod)
{
    uint32_t old = *pushed, ev;

    if (old == prod)
        return false;
    atomic_store_explicit(index, prod, memory_order_release);
    *pushed = prod;
    /* The store above must be seen before we read the event index, or both sides sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    ev = atomic_load_explicit(event, memory_order_relaxed);
    return prod - ev < prod - old;
}

bool ring_back_push(struct ring *r)
{
    return publish(&r->sh->rsp_prod, &r->sh->rsp_event, &r->pushed, r->prod);
}

bool ring_back_owes(const struct ring *r)
{
    uint32_t ev;

    atomic_thread_fence(memory_order_seq_cst);
    ev = atomic_load_explicit(&r->sh->rsp_event, memory_order_relaxed);
    /* In the past, but by no more than a ring: else it is not an index that was ever waited for. */
    return r->pushed - ev < r->slots;
}

int ring_back_rest_until(struct ring *r, uint32_t more)
{
    int n;

    assert(more > 0);
    n = refresh_requests(r);
    if (n < 0 || (uint32_t)n >= more)
        return n < 0 ? n : 1;
    atomic_store_explicit(&r->sh->req_event, r->cons + more, memory_order_relaxed);
    /* Event index first, then look again: a request pushed in between sent no event. */
    atomic_thread_fence(memory_order_seq_cst);
    n = refresh_requests(r);
    return n < 0 ? n : (uint32_t)n >= more;
}

int ring_back_rest(struct ring *r)
{
    return ring_back_rest_until(r, 1);
}

/* ---- front end ---- */

void ring_front_init(struct ring *r, void *mem, size_t bytes, uint32_t slot_size)
{
    memset(mem, 0, bytes);
    setup(r, mem, bytes, slot_size);
    atomic_store_explicit(&r->sh->req_event, 1, memory_order_relaxed);
    atomic_store_explicit(&r->sh->rsp_event, 1, memory_order_release);
}

uint32_t ring_front_space(const struct ring *r)
{
    return r->slots - (r->prod - r->cons);
}

void ring_front_put(struct ring *r, const void *req, size_t size)
{
    assert(size <= r->slot_size && ring_front_space(r) > 0);
    copy_to_slot(slot_at(r, r->prod), r->slot_size, req, size);
    r->prod++;
}

bool ring_front_push(struct ring *r)
{
    return publish(&r->sh->req_prod, &r->sh->req_event, &r->pushed, r->prod);
}

static int refresh_responses(struct ring *r)
{
    uint32_t prod = atomic_load_explicit(&r->sh->rsp_prod, memory_order_acquire);

    /* No more responses than requests that the backend has seen (F2). */
    if (prod - r->cons > r->pushed - r->cons)
        return -EPROTO;
    r->seen = prod;
    return (int)(prod - r->cons);
}

int ring_front_take(struct ring *r, void *dst)
{
    if (r->seen == r->cons) {
        int n = refresh_responses(r);

        if (n <= 0)
            return n;
    }
    copy_from_slot(dst, slot_at(r, r->cons), r->slot_size);
    r->cons++;
    return 1;
}

int ring_front_rest(struct ring *r)
{
    int n;

    atomic_store_explicit(&r->sh->rsp_event, r->cons + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    n = refresh_responses(r);
    return n < 0 ? n : n > 0;
}

/* ---- misbehaviour ---- */

static _Atomic uint32_t *word_at(const struct ring *r, unsigned word)
{
    _Atomic uint32_t *words[] = {&r->sh->req_prod, &r->sh->req_event, &r->sh->rsp_prod,
                                 &r->sh->rsp_event};

    assert(word < ARRAY_SIZE(words));
    return words[word];
}

void ring_raw_set(struct ring *r, unsigned word, uint32_t value)
{
    atomic_store(word_at(r, word), value);
}

uint32_t ring_raw_get(const struct ring *r, unsigned word)
{
    return atomic_load(word_at(r, word));
}

void ring_raw_write(struct ring *r, uint32_t slot, const void *data, size_t size)
{
    copy_to_slot(slot_at(r, slot), r->slot_size, data, size);
}
