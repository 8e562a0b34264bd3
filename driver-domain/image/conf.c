/* See conf.h.  PURE: no I/O, no system call, no allocation. */
#include "driver-domain/image/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 512, WORDS = 32 };
enum { MTU_MIN = 68, MTU_MAX = 65535, WAIT_MAX_SECONDS = 600 };
/* Less than three seconds would take a busy domain for a hung one. */
enum { WATCHDOG_MIN = 3, WATCHDOG_MAX = 3600, WATCHDOG_DEFAULT = 20 };

/* One line on its way through: its words, and where to put a complaint. */
struct line {
    char text[LINE_BYTES];
    char *words[WORDS];
    unsigned count;
    struct conf_error *err;
};

static __attribute__((format(printf, 2, 3))) int bad(struct line *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(l->err->text, sizeof(l->err->text), fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* A word into a fixed field; "" and what does not fit is refused, never cut. */
static int put_word(struct line *l, char *dst, size_t size, const char *word, const char *what)
{
    if (strlen(word) >= size)
        return bad(l, "%s \"%.40s...\" is longer than %zu bytes", what, word, size - 1);
    memcpy(dst, word, strlen(word) + 1);
    return 0;
}

/* The kernel's own rules for an interface name (dev_valid_name). */
static int put_ifname(struct line *l, char dst[IFNAMSIZ], const char *word)
{
    if (strchr(word, '/') || strchr(word, ':') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0)
        return bad(l, "\"%.40s\" cannot be an interface name", word);
    return put_word(l, dst, IFNAMSIZ, word, "interface name");
}

static int put_path(struct line *l, char dst[CONF_PATH_BYTES], const char *word)
{
    if (word[0] != '/')
        return bad(l, "\"%.100s\" is not an absolute path", word);
    return put_word(l, dst, CONF_PATH_BYTES, word, "path");
}

/* Plain decimal in min..max; no sign, no blank, no octal. */
static bool number(const char *word, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (*word == '\0')
        return false;
    for (; *word; word++) {
        if (*word < '0' || *word > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*word - '0'), &v))
            return false;
    }
    *out = v;
    return v >= min && v <= max;
}

/* "A.B.C.D", cut off at `end` characters. */
static bool ipv4(const char *word, size_t len, uint32_t *out)
{
    char part[4];
    uint32_t addr = 0;
    unsigned parts = 0;

    while (parts < 4) {
        size_t n = strcspn(word, "./");
        uint64_t v;

        if (n == 0 || n > 3 || n > len)
            return false;
        memcpy(part, word, n);
        part[n] = '\0';
        if (!number(part, 0, 255, &v))
            return false;
        addr = addr << 8 | (uint32_t)v;
        word += n;
        len -= n;
        if (++parts < 4) {
            if (len == 0 || *word != '.')
                return false;
            word++;
            len--;
        }
    }
    *out = addr;
    return len == 0;
}

/* The words from number `from` on, a blank between them. */
static int put_args(struct line *l, char args[CONF_ARGS_BYTES], unsigned from)
{
    size_t at = 0;

    args[0] = '\0';
    for (unsigned i = from; i < l->count; i++) {
        int n = snprintf(args + at, CONF_ARGS_BYTES - at, "%s%s", i > from ? " " : "", l->words[i]);

        at += (size_t)n;
        if (at >= CONF_ARGS_BYTES)
            return bad(l, "%s %s: arguments longer than %d bytes", l->words[0], l->words[1],
                       CONF_ARGS_BYTES - 1);
    }
    return 0;
}

static int parse_module(struct conf *c, struct line *l)
{
    struct conf_module *m = &c->modules[c->module_count];

    if (put_word(l, m->name, sizeof(m->name), l->words[1], "module name") < 0)
        return -EINVAL;
    if (strchr(m->name, '/'))
        return bad(l, "module \"%s\": give its name, not a path", m->name);
    if (put_args(l, m->args, 2) < 0)
        return -EINVAL;
    c->module_count++;
    return 0;
}

/* Two of one name would be one device. */
static int parse_map(struct conf *c, struct line *l)
{
    struct conf_map *m = &c->maps[c->map_count];

    if (put_word(l, m->name, sizeof(m->name), l->words[1], "map name") < 0 ||
        put_word(l, m->target, sizeof(m->target), l->words[2], "map target") < 0)
        return -EINVAL;
    if (strchr(m->name, '/') || strcmp(m->name, "control") == 0)
        return bad(l, "map \"%s\" cannot be a name below /dev/mapper", m->name);
    for (unsigned i = 0; i < c->map_count; i++) {
        if (strcmp(c->maps[i].name, m->name) == 0)
            return bad(l, "map %s is already there", m->name);
    }
    if (!number(l->words[3], 1, INT64_MAX / 512, &m->sectors))
        return bad(l, "map %s: \"%.40s\" is not a number of 512-byte sectors", m->name,
                   l->words[3]);
    if (put_args(l, m->args, 4) < 0)
        return -EINVAL;
    c->map_count++;
    return 0;
}

static int parse_bridge(struct conf *c, struct line *l)
{
    struct conf_bridge *b = &c->bridges[c->bridge_count];

    if (put_ifname(l, b->name, l->words[1]) < 0)
        return -EINVAL;
    for (unsigned i = 0; i < c->bridge_count; i++) {
        if (strcmp(c->bridges[i].name, b->name) == 0)
            return bad(l, "bridge %s is already there", b->name);
    }
    if (l->count - 2 > CONF_PORTS)
        return bad(l, "bridge %s: more than %d ports", b->name, CONF_PORTS);
    b->port_count = 0;
    b->vlans = false;
    for (unsigned i = 2; i < l->count; i++) {
        if (put_ifname(l, b->ports[b->port_count++], l->words[i]) < 0)
            return -EINVAL;
    }
    c->bridge_count++;
    return 0;
}

static int parse_vlans(struct conf *c, struct line *l)
{
    for (unsigned i = 0; i < c->bridge_count; i++) {
        if (strcmp(c->bridges[i].name, l->words[1]) != 0)
            continue;
        c->bridges[i].vlans = true;
        return 0;
    }
    return bad(l, "vlans: no bridge \"%.40s\" above", l->words[1]);
}

/* "00:16:3e:01:02:03". */
static bool mac(const char *word, uint8_t out[6])
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    for (unsigned i = 0; i < 6; i++, word += 3) {
        const char *high = word[0] ? strchr(digits, word[0]) : NULL;
        const char *low = high && word[1] ? strchr(digits, word[1]) : NULL;

        if (!low || word[2] != (i < 5 ? ':' : '\0'))
            return false;
        out[i] = (uint8_t)((high - digits) % 16 * 16 + (low - digits) % 16);
    }
    return true;
}

static int parse_nic(struct conf *c, struct line *l)
{
    struct conf_nic *n = &c->nics[c->nic_count];

    if (put_ifname(l, n->ifname, l->words[1]) < 0)
        return -EINVAL;
    /* The kernel gives those out itself, in the order of probing: a name may be taken. */
    if (strncmp(n->ifname, "eth", 3) == 0)
        return bad(l, "nic %s: choose a name that does not begin with eth", n->ifname);
    if (!mac(l->words[2], n->mac))
        return bad(l, "\"%.40s\" is not a MAC address as 00:16:3e:01:02:03", l->words[2]);
    c->nic_count++;
    return 0;
}

static int parse_address(struct conf *c, struct line *l)
{
    struct conf_address *a = &c->addresses[c->address_count];
    const char *word = l->words[2], *slash = strchr(word, '/');
    uint64_t prefix;

    if (put_ifname(l, a->ifname, l->words[1]) < 0)
        return -EINVAL;
    if (!slash || !ipv4(word, (size_t)(slash - word), &a->addr) ||
        !number(slash + 1, 1, 32, &prefix))
        return bad(l, "\"%.40s\" is not an address as 192.0.2.1/24", word);
    a->prefix = (unsigned)prefix;
    c->address_count++;
    return 0;
}

static int parse_gateway(struct conf *c, struct line *l)
{
    if (c->has_gateway)
        return bad(l, "gateway is given twice");
    if (!ipv4(l->words[1], strlen(l->words[1]), &c->gateway))
        return bad(l, "\"%.40s\" is not an address as 192.0.2.1", l->words[1]);
    c->has_gateway = true;
    return 0;
}

static int parse_mtu(struct conf *c, struct line *l)
{
    struct conf_mtu *m = &c->mtus[c->mtu_count];
    uint64_t mtu;

    if (put_ifname(l, m->ifname, l->words[1]) < 0)
        return -EINVAL;
    if (!number(l->words[2], MTU_MIN, MTU_MAX, &mtu))
        return bad(l, "mtu \"%.40s\" is not a number in %d..%d", l->words[2], MTU_MIN, MTU_MAX);
    m->mtu = (unsigned)mtu;
    c->mtu_count++;
    return 0;
}

static int parse_switch(struct line *l, bool *on)
{
    *on = strcmp(l->words[1], "on") == 0;
    if (!*on && strcmp(l->words[1], "off") != 0)
        return bad(l, "%s takes on or off, not \"%.40s\"", l->words[0], l->words[1]);
    return 0;
}

static int parse_forward(struct conf *c, struct line *l)
{
    return parse_switch(l, &c->forward);
}

static int parse_nbd(struct conf *c, struct line *l)
{
    return parse_switch(l, &c->nbd);
}

static int parse_wait(struct conf *c, struct line *l)
{
    struct conf_wait *w = &c->waits[c->wait_count];
    uint64_t seconds;

    if (put_path(l, w->path, l->words[1]) < 0)
        return -EINVAL;
    if (!number(l->words[2], 1, WAIT_MAX_SECONDS, &seconds))
        return bad(l, "wait \"%.40s\" is not a number of seconds in 1..%d", l->words[2],
                   WAIT_MAX_SECONDS);
    w->seconds = (unsigned)seconds;
    c->wait_count++;
    return 0;
}

/* "64M", "1G", "512K" or plain bytes. */
static bool size_bytes(const char *word, uint64_t *out)
{
    char digits[24];
    size_t len = strlen(word);
    unsigned shift = 0;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, word, len + 1);
    switch (word[len - 1]) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    }
    if (shift)
        digits[len - 1] = '\0';
    if (!number(digits, 1, INT64_MAX >> shift, out))
        return false;
    *out <<= shift;
    return true;
}

static int parse_file(struct conf *c, struct line *l)
{
    struct conf_file *f = &c->files[c->file_count];

    if (put_path(l, f->path, l->words[1]) < 0)
        return -EINVAL;
    if (!size_bytes(l->words[2], &f->size_bytes) || f->size_bytes % 512)
        return bad(l, "\"%.40s\" is not a size as 64M (a multiple of 512 bytes; K, M, G)",
                   l->words[2]);
    f->sparse = l->count == 4;
    if (f->sparse && strcmp(l->words[3], "sparse") != 0)
        return bad(l, "usage: file PATH SIZE [sparse]");
    c->file_count++;
    return 0;
}

static int parse_mount(struct conf *c, struct line *l)
{
    struct conf_mount *m = &c->mounts[c->mount_count];

    if (put_path(l, m->device, l->words[1]) < 0 || put_path(l, m->where, l->words[2]) < 0 ||
        put_word(l, m->type, sizeof(m->type), l->words[3], "file system type") < 0)
        return -EINVAL;
    if (strchr(m->type, '/'))
        return bad(l, "\"%.40s\" is not a type of file system", m->type);
    c->mount_count++;
    return 0;
}

static int parse_watchdog(struct conf *c, struct line *l)
{
    uint64_t seconds = 0;

    if (strcmp(l->words[1], "off") != 0 &&
        !number(l->words[1], WATCHDOG_MIN, WATCHDOG_MAX, &seconds))
        return bad(l, "watchdog takes off or a number of seconds in %d..%d, not \"%.40s\"",
                   WATCHDOG_MIN, WATCHDOG_MAX, l->words[1]);
    c->watchdog_seconds = (unsigned)seconds;
    return 0;
}

static int parse_drvdomd(struct conf *c, struct line *l)
{
    for (unsigned i = 1; i < l->count; i++) {
        if (c->drvdomd_arg_count == CONF_ENTRIES)
            return bad(l, "more than %d arguments for drvdomd", CONF_ENTRIES);
        if (put_word(l, c->drvdomd_args[c->drvdomd_arg_count], CONF_PATH_BYTES, l->words[i],
                     "argument") < 0)
            return -EINVAL;
        c->drvdomd_arg_count++;
    }
    return 0;
}

/* A directive: how many words may follow it, and where its entries are counted (0: not at all). */
static const struct directive {
    const char *name;
    const char *usage;
    unsigned min_words, max_words;
    size_t count_offset;
    int (*parse)(struct conf *c, struct line *l);
} directives[] = {
#define COUNT(field) offsetof(struct conf, field)
    {"module", "module NAME [ARGUMENT...]", 1, WORDS, COUNT(module_count), parse_module},
    {"nic", "nic NAME MAC", 2, 2, COUNT(nic_count), parse_nic},
    {"bridge", "bridge NAME [PORT...]", 1, WORDS, COUNT(bridge_count), parse_bridge},
    {"address", "address INTERFACE A.B.C.D/N", 2, 2, COUNT(address_count), parse_address},
    {"gateway", "gateway A.B.C.D", 1, 1, 0, parse_gateway},
    {"vlans", "vlans BRIDGE", 1, 1, 0, parse_vlans},
    {"mtu", "mtu INTERFACE BYTES", 2, 2, COUNT(mtu_count), parse_mtu},
    {"forward", "forward on|off", 1, 1, 0, parse_forward},
    {"nbd", "nbd on|off", 1, 1, 0, parse_nbd},
    {"wait", "wait PATH SECONDS", 2, 2, COUNT(wait_count), parse_wait},
    {"file", "file PATH SIZE [sparse]", 2, 3, COUNT(file_count), parse_file},
    {"map", "map NAME TARGET SECTORS [ARGUMENT...]", 3, WORDS, COUNT(map_count), parse_map},
    {"mount", "mount DEVICE DIRECTORY TYPE", 3, 3, COUNT(mount_count), parse_mount},
    {"watchdog", "watchdog SECONDS|off", 1, 1, 0, parse_watchdog},
    {"drvdomd", "drvdomd ARGUMENT...", 1, WORDS, 0, parse_drvdomd},
#undef COUNT
};

static int parse_words(struct conf *c, struct line *l)
{
    for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
        const struct directive *d = &directives[i];
        unsigned count;

        if (strcmp(l->words[0], d->name) != 0)
            continue;
        if (l->count - 1 < d->min_words || l->count - 1 > d->max_words)
            return bad(l, "usage: %s", d->usage);
        if (d->count_offset) {
            memcpy(&count, (const char *)c + d->count_offset, sizeof(count));
            if (count == CONF_ENTRIES)
                return bad(l, "more than %d %s lines", CONF_ENTRIES, d->name);
        }
        return d->parse(c, l);
    }
    return bad(l,
               "unknown directive \"%.40s\" (module, nic, bridge, vlans, address, gateway, mtu, "
               "forward, nbd, "
               "wait, file, map, mount, watchdog, drvdomd)",
               l->words[0]);
}

/* Cuts l->text into words.  The comment is already off. */
static int split(struct line *l)
{
    char *save = NULL;

    l->count = 0;
    for (char *w = strtok_r(l->text, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
        if (l->count == WORDS)
            return bad(l, "more than %d words", WORDS);
        l->words[l->count++] = w;
    }
    return 0;
}

static int parse_line(struct conf *c, struct line *l, const char *text, size_t len)
{
    const char *hash = memchr(text, '#', len);

    if (hash)
        len = (size_t)(hash - text);
    if (len >= sizeof(l->text))
        return bad(l, "longer than %zu bytes", sizeof(l->text) - 1);
    /* Nothing but printable ASCII: the words end up on a console and in ioctls. */
    for (size_t i = 0; i < len; i++) {
        if ((text[i] < 0x20 || text[i] > 0x7e) && text[i] != '\t' && text[i] != '\r')
            return bad(l, "byte 0x%02x is not allowed", (unsigned)(unsigned char)text[i]);
    }
    memcpy(l->text, text, len);
    l->text[len] = '\0';
    if (split(l) < 0)
        return -EINVAL;
    return l->count == 0 ? 0 : parse_words(c, l);
}

int conf_parse(struct conf *c, const char *text, size_t len, struct conf_error *err)
{
    struct line l;
    const char *end = text + len;

    memset(c, 0, sizeof(*c));
    c->watchdog_seconds = WATCHDOG_DEFAULT;
    *err = (struct conf_error){0};
    l.err = err;
    while (text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = nl ? (size_t)(nl - text) : (size_t)(end - text);

        err->line++;
        if (parse_line(c, &l, text, line_len) < 0)
            return -EINVAL;
        if (!nl)
            break;
        text = nl + 1;
    }
    return 0;
}
