/* See journal.h. */
#include "transport/xen/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAGIC = 0x4a565244 /* "DRVJ" */, ANSWERS_MAGIC = 0x41565244 /* "DRVA" */ };
enum rec_state { REC_FREE = 0, REC_TAKEN = 0x54, REC_ANSWERED = 0x41 };

struct journal_rec {
    uint64_t state; /* bits 0-7 state, 8-15 len, 16-31 status, 32-63 response number */
    uint32_t crc;   /* of number, len and raw[0..len) */
    uint32_t number;
    uint8_t raw[JOURNAL_RAW_MAX];
};
_Static_assert(sizeof(struct journal_rec) == JOURNAL_RECORD, "two cache lines");

struct journal_head {
    uint32_t magic, version, queues, records, crc;
    uint8_t pad[JOURNAL_RECORD - 20];
};
_Static_assert(sizeof(struct journal_head) == JOURNAL_RECORD, "records stay aligned");

static uint32_t sum(const void *data, size_t len)
{
    return (uint32_t)crc32(JOURNAL_VERSION, data, (uInt)len);
}

static uint32_t rec_sum(uint32_t number, const uint8_t *raw, uint32_t len)
{
    uint32_t head[2] = {number, len};

    return (uint32_t)crc32(sum(head, sizeof(head)), raw, len);
}

size_t journal_size(uint32_t queues, uint32_t records)
{
    return JOURNAL_RECORD * (1 + (size_t)queues * records);
}

static struct journal_head head_of(uint32_t queues, uint32_t records)
{
    struct journal_head h = {
        .magic = MAGIC, .version = JOURNAL_VERSION, .queues = queues, .records = records};

    h.crc = sum(&h, offsetof(struct journal_head, crc));
    return h;
}

int journal_create(void *mem, size_t bytes, uint32_t queues, uint32_t records)
{
    struct journal_head h = head_of(queues, records);

    if (journal_size(queues, records) > bytes)
        return -E2BIG;
    memset(mem, 0, journal_size(queues, records));
    /* Last, so that a journal that looks like one is empty and not half cleared. */
    __atomic_signal_fence(__ATOMIC_RELEASE);
    memcpy(mem, &h, sizeof(h));
    return 0;
}

int journal_check(const void *mem, size_t bytes, uint32_t queues, uint32_t records)
{
    struct journal_head want = head_of(queues, records), h;

    memcpy(&h, mem, sizeof(h));
    if (h.magic != MAGIC)
        return -ENODATA;
    if (journal_size(queues, records) > bytes || memcmp(&h, &want, sizeof(h)) != 0)
        return -EBADMSG;
    return 0;
}

void journal_open(struct journal *j, void *mem, uint32_t queue, uint32_t records)
{
    j->rec = (struct journal_rec *)mem + 1 + (size_t)queue * records;
    j->records = records;
}

static void set_state(struct journal_rec *r, enum rec_state s, uint32_t len, int16_t status,
                      uint32_t rsp)
{
    __atomic_store_n(&r->state,
                     (uint64_t)s | (uint64_t)len << 8 | (uint64_t)(uint16_t)status << 16 |
                         (uint64_t)rsp << 32,
                     __ATOMIC_RELEASE);
}

void journal_note(struct journal *j, uint32_t index, uint32_t number, const void *raw, size_t len)
{
    struct journal_rec *r;

    if (!j->records)
        return;
    r = &j->rec[index];
    assert(index < j->records && len <= JOURNAL_RAW_MAX);
    memcpy(r->raw, raw, len);
    r->number = number;
    r->crc = rec_sum(number, r->raw, (uint32_t)len);
    set_state(r, REC_TAKEN, (uint32_t)len, 0, 0);
}

void journal_answer(struct journal *j, uint32_t index, uint32_t rsp, int16_t status)
{
    if (j->records)
        set_state(&j->rec[index], REC_ANSWERED, (uint32_t)(j->rec[index].state >> 8) & 0xff, status,
                  rsp);
}

void journal_free(struct journal *j, uint32_t index)
{
    if (j->records)
        set_state(&j->rec[index], REC_FREE, 0, 0, 0);
}

/* 1 the guest waits for it, 0 not, -EBADMSG. */
static int recover_one(const struct journal_rec *rec, uint32_t rsp_prod, struct journal_entry *e)
{
    struct journal_rec r;
    uint32_t kind;

    memcpy(&r, rec, sizeof(r)); /* one look: it is somebody else's memory */
    kind = r.state & 0xff;
    if (kind == REC_FREE)
        return 0;
    e->len = (uint16_t)(r.state >> 8 & 0xff);
    e->status = (int16_t)(r.state >> 16 & 0xffff);
    e->answered = kind == REC_ANSWERED;
    e->number = r.number;
    if ((kind != REC_TAKEN && kind != REC_ANSWERED) || e->len > JOURNAL_RAW_MAX ||
        r.crc != rec_sum(r.number, r.raw, e->len))
        return -EBADMSG;
    if (e->answered && (int32_t)((uint32_t)(r.state >> 32) - rsp_prod) < 0)
        return 0; /* seen by the guest; only the freeing was lost */
    memset(e->raw, 0, sizeof(e->raw));
    memcpy(e->raw, r.raw, e->len);
    return 1;
}

static int by_number(const void *a, const void *b)
{
    const struct journal_entry *x = a, *y = b;
    int32_t d = (int32_t)(x->number - y->number);

    return d < 0 ? -1 : d > 0;
}

int journal_recover(const struct journal *j, uint32_t rsp_prod, struct journal_entry *out)
{
    int n = 0;

    for (uint32_t i = 0; i < j->records; i++) {
        int rc = recover_one(&j->rec[i], rsp_prod, &out[n]);

        if (rc < 0)
            return rc;
        out[n].index = i;
        n += rc;
    }
    if (n > 1) /* with none, out may be NULL */
        qsort(out, (size_t)n, sizeof(*out), by_number);
    /* Taken in order from a ring that is answered up to rsp_prod: all numbers lie before the
     * first one not taken, and no two are equal. */
    for (int i = 0; i < n; i++) {
        if ((int32_t)(rsp_prod + (uint32_t)n - out[i].number) <= 0 ||
            (i && out[i].number == out[i - 1].number))
            return -EBADMSG;
    }
    return n;
}

int journal_look(const void *mem, size_t bytes, uint32_t at, struct journal_entry *e,
                 uint32_t *queue)
{
    struct journal_head h, want;
    const struct journal_rec *rec;

    memcpy(&h, mem, sizeof(h));
    want = head_of(h.queues, h.records);
    if (memcmp(&h, &want, sizeof(h)) != 0 || h.queues == 0 || h.records == 0 ||
        h.queues > bytes / JOURNAL_RECORD / h.records ||
        journal_size(h.queues, h.records) > bytes || at >= h.queues * h.records)
        return -ENODATA;
    *queue = at / h.records;
    e->index = at % h.records;
    rec = (const struct journal_rec *)mem + 1 + at;
    /* As if its guest had seen nothing since: it was among the last, seen or not. */
    return recover_one(rec, (uint32_t)(rec->state >> 32), e);
}

/* ---- answers in order ---- */

void answers_start(struct answers *a, uint32_t rsp_prod)
{
    a->magic = ANSWERS_MAGIC;
    answers_commit(a, rsp_prod);
}

void answers_note(struct answers *a, uint32_t n, const void *rsp, size_t len)
{
    uint64_t v = 0;

    assert(len <= sizeof(v));
    memcpy(&v, rsp, len);
    a->rsp[n % ANSWERS_SLOTS] = v;
}

void answers_commit(struct answers *a, uint32_t upto)
{
    __atomic_store_n(&a->upto, upto, __ATOMIC_RELEASE);
}

uint32_t answers_pending(const struct answers *a, uint32_t rsp_prod)
{
    uint32_t n = __atomic_load_n(&a->upto, __ATOMIC_ACQUIRE) - rsp_prod;

    return a->magic == ANSWERS_MAGIC && n <= ANSWERS_SLOTS ? n : 0;
}

uint64_t answers_get(const struct answers *a, uint32_t n)
{
    return __atomic_load_n(&a->rsp[n % ANSWERS_SLOTS], __ATOMIC_RELAXED);
}
