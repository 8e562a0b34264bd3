/* See words.h. */
#include "dom0-tools/guard/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/xen/journal.h"

struct out {
    char *text;
    size_t size, len;
};

static void add(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct out *o, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(o->text + o->len, o->size - o->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->len = MIN(o->len + (size_t)n, o->size - 1);
}

static void add_log(struct out *o, const uint8_t *ring, size_t bytes)
{
    if (o->size - o->len > bytes)
        o->len += bb_log_read(ring, bytes, o->text + o->len);
}

/* xen/io/blkif.h: the first byte of a slot, in every ABI; the second is the number of segments. */
static const char *operation(const struct journal_entry *e)
{
    static const char *const names[] = {"read",     "write",   "barrier", "flush",
                                        "reserved", "discard", "indirect"};

    return e->len > 0 && e->raw[0] < ARRAY_SIZE(names) ? names[e->raw[0]] : "unknown";
}

static void add_request(struct out *o, const struct journal_entry *e, uint32_t queue)
{
    add(o, "  queue %u request %u: %s, %u segments: ", queue, e->number, operation(e),
        e->len > 1 ? e->raw[1] : 0u);
    if (e->answered)
        add(o, "answered with %d\n", e->status);
    else
        add(o, "not answered\n");
}

static void add_requests(struct out *o, const uint8_t *journal)
{
    struct journal_entry e;
    uint32_t queue, told = 0, more = 0;
    int rc;

    for (uint32_t at = 0;
         (rc = journal_look(journal, BB_JOURNAL_BYTES, at, &e, &queue)) != -ENODATA; at++) {
        if (rc > 0 && told < WORDS_REQUESTS) {
            add_request(o, &e, queue);
            told++;
        } else {
            more += rc != 0;
        }
    }
    if (more)
        add(o, "  and %u more, or damaged\n", more);
}

static void add_device(struct out *o, const struct bb_ident *v, const struct bb_slot *slot)
{
    struct dev_stats s;
    char kind[sizeof(v->kind) + 1] = "";

    for (size_t i = 0; i < sizeof(v->kind) && v->kind[i]; i++)
        kind[i] = v->kind[i] >= 'a' && v->kind[i] <= 'z' ? v->kind[i] : '?';
    memcpy(&s, &slot->stats, sizeof(s));
    add(o, "--- %s %u/%u: %s; %llu reads, %llu writes, %llu others, %llu errors\n", kind, v->domid,
        v->devid, v->connected ? "connected" : "not connected",
        (unsigned long long)s.ops[STAT_READ], (unsigned long long)s.ops[STAT_WRITE],
        (unsigned long long)s.ops[STAT_OTHER],
        (unsigned long long)(s.errors[STAT_READ] + s.errors[STAT_WRITE] + s.errors[STAT_OTHER]));
    add_log(o, slot->log, sizeof(slot->log));
    if (strcmp(kind, "vbd") == 0)
        add_requests(o, slot->journal);
}

size_t words_text(const struct bb_head *head, const struct bb_slot *slot, unsigned slots,
                  char *text, size_t size)
{
    struct out o = {.text = text, .size = size};
    struct bb_ident v;

    text[0] = '\0';
    add_log(&o, head->log, sizeof(head->log));
    for (unsigned i = 0; i < slots; i++) {
        if (bb_ident_read(head->ident[i], &v) && v.kind[0])
            add_device(&o, &v, &slot[i]);
    }
    return o.len;
}
