/*
 * libFuzzer: what a frontend writes into xenstore, read as drvdomd reads it (backends/blk/front.c).
 *
 * Input: lines "KEY=VALUE", or "KEY" alone for a node without rights; values are any bytes but
 * newline. "B/" before a key puts it into our own directory, else it is the frontend's.  The store
 * is a text (store.h), and the target is a file of the fuzzer's, whatever the input says.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/blk/conn.h"
#include "tests/fuzz/store.h"
#include "transport/base/log.h"
#include "transport/xen/backend.h"

enum { SECTORS = 4096, QUEUES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char disk[] = "/tmp/drvdom-fuzz-XXXXXX";

static void remove_disk(void)
{
    unlink(disk);
}

int why_set(struct why *w, int err, const char *fmt, ...)
{
    (void)fmt;
    w->text[0] = '!';
    return err;
}

/* ---- what must hold ---- */

static void check_pages(const struct blk_connect *c)
{
    for (unsigned q = 0; q < c->queues; q++) {
        for (unsigned k = 0; k < c->ring_pages; k++) {
            for (unsigned i = 0; i <= q; i++) {
                unsigned n = i == q ? k : c->ring_pages;

                for (unsigned j = 0; j < n; j++)
                    assert(c->queue[i].ring_ref[j] != c->queue[q].ring_ref[k]);
            }
        }
    }
}

/* An earlier input may have had the disk made larger. */
static uint64_t disk_sectors(void)
{
    struct stat st;

    assert(stat(disk, &st) == 0);
    return (uint64_t)st.st_size / 512;
}

static void check_connect(const struct blk_connect *c)
{
    assert(c->queues >= 1 && c->queues <= QUEUES);
    assert(c->ring_pages >= 1 && c->ring_pages <= BLK_RING_PAGES_MAX && is_pow2(c->ring_pages));
    assert(c->abi == BLKIF_ABI_X86_64 || c->abi == BLKIF_ABI_X86_32);
    assert(c->live.sectors > 0 && c->live.sectors <= disk_sectors());
    check_pages(c);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    int fd = mkstemp(disk);

    assert(fd >= 0 && ftruncate(fd, SECTORS * 512) == 0);
    close(fd);
    atexit(remove_disk);
    setenv("DRVDOM_BLK_QUEUES", "4", 1);
    log_set_level(LOG_ERROR);
    return 0;
}

/* The input, and behind it where the target is. */
static char *with_disk(const uint8_t *data, size_t size)
{
    static const char key[] = "\nB/params=";
    char *text = malloc(size + sizeof(key) - 1 + strlen(disk));

    assert(text);
    memcpy(text, data, size);
    memcpy(text + size, key, sizeof(key) - 1);
    memcpy(text + size + sizeof(key) - 1, disk, strlen(disk));
    return text;
}

static void no_predecessor(void *arg)
{
    (void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct backend_class *class = &blk_backend_class;
    char *text = with_disk(data, size);
    struct store s = {text, strlen(disk) + size + sizeof("\nB/params=") - 1};
    struct dev_id id = {.domid = 7, .devid = 51712};
    /* In memory of exactly the promised size: a sanitizer sees any reach beyond. */
    uint8_t *payload = malloc(WORKER_PAYLOAD_MAX);
    const struct backend_open open_at = {
        .s = &s, .dir = "B", .id = &id, .take_over = no_predecessor};
    const struct backend_look at = {.s = &s, .dir = "B", .front_dir = "F"};
    struct blk_connect c;
    struct why why = {""};
    bool announce;
    void *dev;
    int rc;

    assert(payload);
    if (class->open(&open_at, &dev, &why) == 0) {
        assert(class->publish(dev, &s, 1, "B") == 0);
        rc = class->read_front(dev, &s, 1, "F", payload, &why);
        if (rc >= 0) {
            assert(rc == sizeof(c));
            memcpy(&c, payload, sizeof(c));
            check_connect(&c);
        } else {
            /* Refused with a reason, or keys are still to come. */
            assert(rc == -EAGAIN || why.text[0]);
        }
        rc = class->refresh(dev, &at, payload, &announce, &why);
        assert(rc >= 0 ? rc <= WORKER_PAYLOAD_MAX : why.text[0] != 0);
        class->close(dev);
    }
    free(payload);
    free(text);
    return 0;
}
