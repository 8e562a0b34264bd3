/*
 * libFuzzer: the blackbox of a driver domain that may have been compromised, as dom0 reads it after
 * the domain's death.  Input: which checksums are made right, so that what is behind them is
 * reached, and bytes for each part in turn.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "dom0-tools/guard/words.h"
#include "transport/xen/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bb_head head;
static struct bb_slot slot[2];
static char text[256 * 1024];

/* The next bytes of the input, over and over when it ends. */
struct input {
    const uint8_t *data;
    size_t size, at;
};

static void take(struct input *in, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = in->data[in->at++ % in->size];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.data = data + 1, .size = size - 1};
    size_t n;

    if (size < 2)
        return 0;
    take(&in, head.ident, sizeof(head.ident[0]) + 64);
    take(&in, slot[0].journal, 20 * JOURNAL_RECORD);
    take(&in, &slot[0].stats, 256);
    take(&in, slot[0].log, 64);
    take(&in, head.log, 64);
    if (data[0] & 1) { /* as the domain itself would have written it */
        struct bb_ident v = head.ident[0][0];

        v.payload_len %= BB_PAYLOAD_MAX + 1;
        bb_ident_write(head.ident[0], &v);
        bb_ident_write(head.ident[1], &v);
    }
    if (data[0] & 2) {
        uint32_t queues = 1 + (data[0] >> 4), records = 1u << (data[0] >> 6 & 3);
        struct journal j;
        uint8_t raw[JOURNAL_RAW_MAX];

        if (journal_create(slot[0].journal, sizeof(slot[0].journal), queues, records))
            return 0;
        journal_open(&j, slot[0].journal, queues - 1, records);
        take(&in, raw, sizeof(raw));
        journal_note(&j, 0, data[1], raw, data[1] % (JOURNAL_RAW_MAX + 1));
        if (data[1] & 1)
            journal_answer(&j, 0, data[1], (int16_t)data[1]);
        take(&in, slot[0].journal + JOURNAL_RECORD * 2, JOURNAL_RECORD);
    }
    if (data[0] & 4) { /* rings that look like rings */
        memcpy(slot[0].log, "DRVL", 4);
        memcpy(head.log, "DRVL", 4);
    }
    n = words_text(&head, slot, 2, text, data[0] & 8 ? sizeof(text) : 1 + data[1]);
    assert(strlen(text) == n);
    for (size_t i = 0; i < n; i++)
        assert(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
    return 0;
}
