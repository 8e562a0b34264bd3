/* See elf.h.  PURE: no I/O, no system call. */
#include "driver-domain/image/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

/* The ELF header, copied out: the buffer's alignment is not ours to assume. */
static bool header(const uint8_t *file, size_t len, Elf64_Ehdr *eh)
{
    if (len < sizeof(*eh))
        return false;
    memcpy(eh, file, sizeof(*eh));
    return memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
           eh->e_ident[EI_DATA] == ELFDATA2LSB && eh->e_machine == EM_X86_64;
}

bool elf_is(const uint8_t *file, size_t len)
{
    Elf64_Ehdr eh;

    return header(file, len, &eh);
}

/* Program header i.  False when it, or the bytes it describes, are outside the file. */
static bool segment(const uint8_t *file, size_t len, const Elf64_Ehdr *eh, unsigned i,
                    Elf64_Phdr *ph)
{
    if (eh->e_phentsize != sizeof(*ph) || !in_range(eh->e_phoff, sizeof(*ph) * (i + 1u), len))
        return false;
    memcpy(ph, file + eh->e_phoff + i * sizeof(*ph), sizeof(*ph));
    return in_range(ph->p_offset, ph->p_filesz, len);
}

/* File offset of a virtual address, or -1. */
static int64_t offset_of(const uint8_t *file, size_t len, const Elf64_Ehdr *eh, uint64_t vaddr)
{
    Elf64_Phdr ph;

    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (segment(file, len, eh, i, &ph) && ph.p_type == PT_LOAD && vaddr >= ph.p_vaddr &&
            vaddr - ph.p_vaddr < ph.p_filesz)
            return (int64_t)(ph.p_offset + (vaddr - ph.p_vaddr));
    }
    return -1;
}

/* A terminated string at `off`, or NULL. */
static const char *string_at(const uint8_t *file, size_t len, uint64_t off)
{
    if (off >= len || !memchr(file + off, '\0', len - off))
        return NULL;
    return (const char *)file + off;
}

/* Entry i of the dynamic section; false at its end. */
static bool dyn_at(const uint8_t *file, const Elf64_Phdr *ph, size_t i, Elf64_Dyn *d)
{
    if ((i + 1) * sizeof(*d) > ph->p_filesz)
        return false;
    memcpy(d, file + ph->p_offset + i * sizeof(*d), sizeof(*d));
    return d->d_tag != DT_NULL;
}

static int read_dynamic(const uint8_t *file, size_t len, const Elf64_Ehdr *eh, const Elf64_Phdr *ph,
                        struct elf_deps *deps)
{
    int64_t strtab = -1;
    Elf64_Dyn d;

    for (size_t i = 0; dyn_at(file, ph, i, &d); i++) {
        if (d.d_tag == DT_STRTAB)
            strtab = offset_of(file, len, eh, d.d_un.d_ptr);
    }
    for (size_t i = 0; dyn_at(file, ph, i, &d); i++) {
        const char *s;

        if (d.d_tag != DT_NEEDED && d.d_tag != DT_RUNPATH && d.d_tag != DT_RPATH)
            continue;
        if (strtab < 0 || d.d_un.d_val > len)
            return -EINVAL;
        s = string_at(file, len, (uint64_t)strtab + d.d_un.d_val);
        if (!s)
            return -EINVAL;
        if (d.d_tag != DT_NEEDED)
            deps->runpath = s;
        else if (deps->needed_count == ELF_NEEDED_MAX)
            return -E2BIG;
        else
            deps->needed[deps->needed_count++] = s;
    }
    return 0;
}

int elf_deps(const uint8_t *file, size_t len, struct elf_deps *deps)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;

    *deps = (struct elf_deps){0};
    if (!header(file, len, &eh))
        return -ENOEXEC;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        int rc = 0;

        if (!segment(file, len, &eh, i, &ph))
            return -EINVAL;
        if (ph.p_type == PT_INTERP) {
            deps->interp = string_at(file, len, ph.p_offset);
            rc = deps->interp ? 0 : -EINVAL;
        } else if (ph.p_type == PT_DYNAMIC) {
            rc = read_dynamic(file, len, &eh, &ph, deps);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

size_t elf_loaded_len(const uint8_t *file, size_t len)
{
    size_t end = sizeof(Elf64_Ehdr);
    Elf64_Ehdr eh;
    Elf64_Phdr ph;

    if (!header(file, len, &eh) || eh.e_phnum == 0)
        return 0;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        if (!segment(file, len, &eh, i, &ph))
            return 0;
        end = MAX(end, (size_t)(ph.p_offset + ph.p_filesz));
    }
    return MAX(end, (size_t)eh.e_phoff + eh.e_phnum * sizeof(Elf64_Phdr));
}

size_t elf_trim(uint8_t *file, size_t len)
{
    size_t end = elf_loaded_len(file, len);
    Elf64_Ehdr eh;

    if (end == 0 || !header(file, len, &eh))
        return len;
    eh.e_shoff = 0;
    eh.e_shnum = 0;
    eh.e_shstrndx = SHN_UNDEF;
    memcpy(file, &eh, sizeof(eh));
    return end;
}

bool elf_has_xen_note(const uint8_t *file, size_t len)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;

    if (!header(file, len, &eh))
        return false;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        size_t at = 0;

        if (!segment(file, len, &eh, i, &ph) || ph.p_type != PT_NOTE)
            continue;
        while (in_range(at, sizeof(Elf64_Nhdr) + 4, ph.p_filesz)) {
            const uint8_t *note = file + ph.p_offset + at;
            Elf64_Nhdr nh;

            memcpy(&nh, note, sizeof(nh));
            if (nh.n_namesz == 4 && memcmp(note + sizeof(nh), "Xen", 4) == 0)
                return true;
            at += sizeof(nh) + round_up(nh.n_namesz, 4) + round_up(nh.n_descsz, 4);
        }
    }
    return false;
}

size_t elf_module_unsigned_len(const uint8_t *file, size_t len)
{
    static const char mark[] = "~Module signature appended~\n";
    enum { MARK = sizeof(mark) - 1, INFO = 12 }; /* struct module_signature: its last four bytes */
    const uint8_t *size;                         /* are the signature's size, big-endian */
    size_t sig;

    if (len < MARK + INFO || memcmp(file + len - MARK, mark, MARK) != 0)
        return len;
    size = file + len - MARK - 4;
    sig = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
    return sig <= len - MARK - INFO ? len - MARK - INFO - sig : len;
}
