/* The image builder's readers: ELF, bzImage, PCI names; with damaged input under the sanitizer. */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "driver-domain/image/build.h"
#include "driver-domain/image/elf.h"
#include "driver-domain/image/unpack.h"
#include "tests/unit/suite.h"

/* --- ELF: this very program ------------------------------------------------------------------ */

static bool needs(const struct elf_deps *d, const char *prefix)
{
    for (unsigned i = 0; i < d->needed_count; i++) {
        if (strncmp(d->needed[i], prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

START_TEST(elf_reads_dependencies)
{
    struct bytes self = {0};
    struct elf_deps d;

    ck_assert_int_eq(file_read("/proc/self/exe", &self), 0);
    ck_assert_int_eq(elf_deps(self.data, self.len, &d), 0);
    ck_assert_str_eq(d.interp, "/lib64/ld-linux-x86-64.so.2");
    ck_assert(needs(&d, "libc.so"));
    ck_assert(needs(&d, "libz.so"));
    ck_assert(!needs(&d, "libxenlight"));
    bytes_fini(&self);
}
END_TEST

/* Cut anywhere in the headers, or with any header byte wrong: an error or an answer, no crash. */
START_TEST(elf_survives_damage)
{
    struct bytes self = {0};
    struct elf_deps d;
    size_t loaded;

    ck_assert_int_eq(file_read("/proc/self/exe", &self), 0);
    loaded = elf_loaded_len(self.data, self.len);
    ck_assert_uint_gt(loaded, 0);
    for (size_t len = 0; len < 4096; len += len < 1024 ? 1 : 61) {
        uint8_t *copy = malloc(len + 1);

        memcpy(copy, self.data, len);
        ck_assert_int_lt(elf_deps(copy, len, &d), 0);
        ck_assert_uint_eq(elf_loaded_len(copy, len), 0);
        free(copy);
    }
    for (size_t i = 0; i < 64 + 13 * 56; i++) {
        uint8_t was = self.data[i];

        for (unsigned bit = 0; bit < 8; bit += 7) {
            self.data[i] = (uint8_t)(was ^ (1u << bit));
            if (elf_deps(self.data, self.len, &d) == 0)
                ck_assert_uint_le(d.needed_count, ELF_NEEDED_MAX);
            (void)elf_loaded_len(self.data, self.len);
            (void)elf_has_xen_note(self.data, self.len);
        }
        self.data[i] = was;
    }
    bytes_fini(&self);
}
END_TEST

/* The trimmed file must still be a program: it is run, and says so by its exit status. */
START_TEST(elf_trim_still_runs)
{
    char dir[] = "/tmp/drvdom-test.XXXXXX", path[64];
    struct bytes self = {0};
    size_t len;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(file_read("/proc/self/exe", &self), 0);
    len = elf_trim(self.data, self.len);
    ck_assert_uint_lt(len, self.len);
    ck_assert_int_eq(file_write(dir, "trimmed", self.data, len), 0);
    snprintf(path, sizeof(path), "%s/trimmed run", dir);
    path[strlen(dir) + 8] = '\0';
    ck_assert_int_eq(chmod(path, 0700), 0);
    path[strlen(dir) + 8] = ' ';
    ck_assert_int_eq(WEXITSTATUS(system(path)), 42);
    path[strlen(dir) + 8] = '\0';
    unlink(path);
    rmdir(dir);
    bytes_fini(&self);
}
END_TEST

/* --- kernels --------------------------------------------------------------------------------- */

static const char banner[] = "Linux version %s (%s@%s)\0Linux version 6.1.0-9-amd64 (x@y) #1";

/* The smallest thing that passes for a Xen-capable kernel, and `junk` bytes behind what is
 * loaded. */
static void make_vmlinux(struct bytes *b, const char *note_owner, size_t junk)
{
    struct {
        Elf64_Ehdr eh;
        Elf64_Phdr ph[2];
        Elf64_Nhdr nh;
        char owner[4];
        char desc[8];
        char text[80];
    } k = {.eh = {.e_ident = ELFMAG,
                  .e_type = ET_EXEC,
                  .e_machine = EM_X86_64,
                  .e_phoff = sizeof(Elf64_Ehdr),
                  .e_phentsize = sizeof(Elf64_Phdr),
                  .e_phnum = 2},
           .nh = {.n_namesz = 4, .n_descsz = 8, .n_type = 6}};

    k.eh.e_ident[EI_CLASS] = ELFCLASS64;
    k.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    k.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = sizeof(k), .p_memsz = sizeof(k)};
    k.ph[1] = (Elf64_Phdr){.p_type = PT_NOTE,
                           .p_offset = sizeof(k.eh) + sizeof(k.ph),
                           .p_filesz = sizeof(k.nh) + 4 + 8};
    memcpy(k.owner, note_owner, 4);
    memcpy(k.text, banner, sizeof(banner));
    bytes_add(b, &k, sizeof(k));
    bytes_zero(b, junk);
}

static void put32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* A bzImage around a packed kernel: boot sector, one setup sector, three bytes of code. */
static void wrap(struct bytes *out, const struct bytes *packed, size_t size)
{
    uint8_t tail[4];

    bytes_zero(out, 2 * 512 + 3);
    out->data[0x1f1] = 1;
    memcpy(out->data + 0x202, "HdrS", 4);
    out->data[0x206] = 0x0f;
    out->data[0x207] = 0x02;
    put32(out->data + 0x248, 3);
    put32(out->data + 0x24c, packed->len + 4);
    bytes_add(out, packed->data, packed->len);
    put32(tail, size);
    bytes_add(out, tail, 4);
}

static void pack_xz(const struct bytes *in, struct bytes *out)
{
    size_t pos = 0;

    ck_assert_int_eq(bytes_reserve(out, lzma_stream_buffer_bound(in->len)), 0);
    ck_assert_int_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in->data, in->len,
                                             out->data, &pos, out->cap),
                     LZMA_OK);
    out->len = pos;
}

static void pack_zstd(const struct bytes *in, struct bytes *out)
{
    size_t n;

    ck_assert_int_eq(bytes_reserve(out, ZSTD_compressBound(in->len)), 0);
    n = ZSTD_compress(out->data, out->cap, in->data, in->len, 19);
    ck_assert(!ZSTD_isError(n));
    out->len = n;
}

static int extract(const struct bytes *file, struct vmlinux_info *info, struct bytes *out)
{
    *out = (struct bytes){0};
    return vmlinux_extract(file, out, info);
}

START_TEST(kernel_in_each_wrapping)
{
    struct bytes raw = {0}, packed[3] = {{0}}, images[3] = {{0}}, out;
    static const char *const names_of[] = {"xz", "gzip", "zstd"};
    struct vmlinux_info info;

    make_vmlinux(&raw, "Xen", 1000);
    pack_xz(&raw, &packed[0]);
    ck_assert_int_eq(image_gzip(&raw, 9, &packed[1]), 0);
    pack_zstd(&raw, &packed[2]);
    ck_assert_int_eq(extract(&raw, &info, &out), 0);
    ck_assert_str_eq(info.compression, "none");
    ck_assert_uint_eq(out.len, raw.len - 1000);
    for (int i = 0; i < 3; i++) {
        struct bytes unpacked;

        wrap(&images[i], &packed[i], raw.len);
        ck_assert_int_eq(extract(&images[i], &info, &unpacked), 0);
        ck_assert_str_eq(info.compression, names_of[i]);
        ck_assert_str_eq(info.release, "6.1.0-9-amd64");
        ck_assert_uint_eq(unpacked.len, out.len);
        ck_assert_mem_eq(unpacked.data, out.data, out.len);
        bytes_fini(&unpacked);
        bytes_fini(&packed[i]);
        bytes_fini(&images[i]);
    }
    bytes_fini(&out);
    bytes_fini(&raw);
}
END_TEST

START_TEST(kernel_refusals)
{
    struct bytes raw = {0}, packed = {0}, image = {0}, out;
    struct vmlinux_info info;

    bytes_add(&raw, "not a kernel at all", 19);
    ck_assert_int_eq(extract(&raw, &info, &out), -ENOEXEC);
    raw.len = 0;
    make_vmlinux(&raw, "GNU", 0);
    ck_assert_int_eq(extract(&raw, &info, &out), -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(info.error, "Xen"));
    bytes_fini(&out);

    bytes_add(&packed, "\x02\x21\x4c\x18 lz4 frame", 14);
    wrap(&image, &packed, 12345);
    ck_assert_int_eq(extract(&image, &info, &out), -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(info.error, "compressed with lz4, not supported"));
    bytes_fini(&out);
    bytes_fini(&packed);
    bytes_fini(&image);
    bytes_fini(&raw);
}
END_TEST

/* Every cut of each packing, in an allocation of exactly that size. */
START_TEST(kernel_damaged)
{
    struct bytes raw = {0}, packed = {0}, image = {0}, out;
    struct vmlinux_info info;

    make_vmlinux(&raw, "Xen", 0);
    if (_i == 0)
        pack_xz(&raw, &packed);
    else if (_i == 1)
        ck_assert_int_eq(image_gzip(&raw, 9, &packed), 0);
    else
        pack_zstd(&raw, &packed);
    wrap(&image, &packed, raw.len);
    for (size_t len = 0; len < image.len; len++) {
        struct bytes cut = {0};

        bytes_add(&cut, image.data, len);
        ck_assert_int_lt(extract(&cut, &info, &out), 0);
        ck_assert_str_ne(info.error, "");
        bytes_fini(&cut);
        bytes_fini(&out);
    }
    /* The payload itself cut, all around it whole. */
    for (size_t len = 1; len < packed.len; len++) {
        struct bytes cut = {0};
        uint8_t *exact = malloc(len);

        memcpy(exact, packed.data, len);
        ck_assert_int_lt(unpack(exact, len, 1 << 20, &cut), 0);
        bytes_fini(&cut);
        free(exact);
    }
    /* A size that is not what comes out. */
    put32(image.data + image.len - 4, raw.len - 1);
    ck_assert_int_eq(extract(&image, &info, &out), -EINVAL);
    bytes_fini(&out);
    put32(image.data + image.len - 4, UINT32_MAX);
    ck_assert_int_eq(extract(&image, &info, &out), -EINVAL);
    bytes_fini(&packed);
    bytes_fini(&image);
    bytes_fini(&raw);
}
END_TEST

/* 64 MiB of zeros pack to little: the limit must hold whatever the stream says. */
START_TEST(unpack_is_bounded)
{
    struct bytes raw = {0}, packed[3] = {{0}}, out = {0};

    bytes_zero(&raw, 64 << 20);
    pack_xz(&raw, &packed[0]);
    ck_assert_int_eq(image_gzip(&raw, 9, &packed[1]), 0);
    pack_zstd(&raw, &packed[2]);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(unpack(packed[i].data, packed[i].len, 1 << 20, &out), -EFBIG);
        ck_assert_uint_lt(out.cap, 8 << 20);
        bytes_fini(&out);
        ck_assert_int_eq(unpack(packed[i].data, packed[i].len, 64 << 20, &out), 0);
        ck_assert_uint_eq(out.len, raw.len);
        bytes_fini(&out);
        bytes_fini(&packed[i]);
    }
    bytes_fini(&raw);
}
END_TEST

START_TEST(module_signature)
{
    static const char tail[] = "\0\0\2\0\0\0\0\0\0\0\0\5~Module signature appended~\n";
    struct bytes m = {0};

    bytes_printf(&m, "the module");
    ck_assert_uint_eq(elf_module_unsigned_len(m.data, m.len), m.len);
    bytes_printf(&m, "12345");
    bytes_add(&m, tail, sizeof(tail) - 1);
    ck_assert_uint_eq(elf_module_unsigned_len(m.data, m.len), strlen("the module"));
    /* A size that is more than there is: no signature. */
    m.data[m.len - 29] = 200;
    ck_assert_uint_eq(elf_module_unsigned_len(m.data, m.len), m.len);
    for (size_t len = 0; len < m.len; len++) {
        uint8_t *exact = malloc(len + 1);

        memcpy(exact, m.data + m.len - len, len);
        ck_assert_uint_le(elf_module_unsigned_len(exact, len), len);
        free(exact);
    }
    bytes_fini(&m);
}
END_TEST

START_TEST(gzip_is_deterministic_and_checked)
{
    struct bytes in = {0}, a = {0}, b = {0}, back = {0};

    for (int i = 0; i < 100000; i++)
        bytes_printf(&in, "%d ", i);
    ck_assert_int_eq(image_gzip(&in, 6, &a), 0);
    sleep(1); /* a time stamp in the header would differ now */
    ck_assert_int_eq(image_gzip(&in, 6, &b), 0);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_mem_eq(a.data, b.data, a.len);
    ck_assert_int_eq(image_gunzip(&a, &back), 0);
    ck_assert_uint_eq(back.len, in.len);
    ck_assert_mem_eq(back.data, in.data, in.len);
    back.len = 0;
    a.data[a.len / 2] ^= 1;
    ck_assert_int_eq(image_gunzip(&a, &back), -EINVAL);
    back.len = 0;
    b.len /= 2;
    ck_assert_int_eq(image_gunzip(&b, &back), -EINVAL);
    bytes_fini(&in);
    bytes_fini(&a);
    bytes_fini(&b);
    bytes_fini(&back);
}
END_TEST

/* --- PCI names ------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    int rc;
    enum pci_kind kind;
} names[] = {
    {"0000:00:04.0", 0, PCI_ADDRESS},
    {"00:1f.7", 0, PCI_ADDRESS},
    {"8086:10d3", 0, PCI_ID},
    {"1B36:0010", 0, PCI_ID},
    {"driver:e1000e", 0, PCI_DRIVER},
    {"driver:", -EINVAL, 0},
    {"driver:../x", -EINVAL, 0},
    {"", -EINVAL, 0},
    {"8086", -EINVAL, 0},
    {"8086:10d", -EINVAL, 0},
    {"8086:10d3:0", -EINVAL, 0},
    {"00:04", -EINVAL, 0},
    {"00:04.8", -EINVAL, 0},
    {"00:20.0", -EINVAL, 0},
    {"0000:00:04.0x", -EINVAL, 0},
    {"-086:10d3", -EINVAL, 0},
    {" 086:10d3", -EINVAL, 0},
    {"eth0", -EINVAL, 0},
};

START_TEST(pci_names)
{
    struct pci_device d;

    ck_assert_int_eq(pci_parse(&d, PCI_NIC, names[_i].text), names[_i].rc);
    if (names[_i].rc == 0)
        ck_assert_int_eq(d.kind, names[_i].kind);
}
END_TEST

START_TEST(pci_aliases)
{
    char alias[PCI_MODALIAS_BYTES];
    struct pci_device d;

    ck_assert_int_eq(pci_parse(&d, PCI_DISK, "144d:a808"), 0);
    ck_assert_int_eq(pci_modalias(&d, 0, alias), 1);
    ck_assert_str_eq(alias, "pci:v0000144Dd0000A808sv00000000sd00000000bc00sc00i00");
    ck_assert_int_eq(pci_modalias(&d, 1, alias), 1);
    ck_assert_str_eq(alias, "pci:v0000144Dd0000A808sv00000000sd00000000bc01sc08i02");
    ck_assert_int_eq(pci_modalias(&d, 9, alias), 0);
    /* A NIC is never known by its class. */
    ck_assert_int_eq(pci_parse(&d, PCI_NIC, "8086:10d3"), 0);
    ck_assert_int_eq(pci_modalias(&d, 0, alias), 1);
    ck_assert_int_eq(pci_modalias(&d, 1, alias), 0);
    ck_assert_int_eq(pci_parse(&d, PCI_NIC, "ffff:ff:1f.7"), 0);
    ck_assert_int_eq(pci_modalias(&d, 0, alias), -ENOENT);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *s;
    TCase *tc;

    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return 42; /* elf_trim_still_runs */
    s = suite_create("image");
    tc = tcase_create("image");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, elf_reads_dependencies);
    tcase_add_test(tc, elf_survives_damage);
    tcase_add_test(tc, elf_trim_still_runs);
    tcase_add_test(tc, kernel_in_each_wrapping);
    tcase_add_test(tc, kernel_refusals);
    tcase_add_loop_test(tc, kernel_damaged, 0, 3);
    tcase_add_test(tc, unpack_is_bounded);
    tcase_add_test(tc, module_signature);
    tcase_add_test(tc, gzip_is_deterministic_and_checked);
    tcase_add_loop_test(tc, pci_names, 0, (int)ARRAY_SIZE(names));
    tcase_add_test(tc, pci_aliases);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
