/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF headers and program headers. */
#include "arch/x86/guest/elf.h"

#include <errno.h>
#include <string.h>

enum {
	ELF_CLASS_32 = 1,
	ELF_CLASS_64 = 2,
	ELF_DATA_LSB = 1,
	ELF_EXEC = 2,
	ELF_DYN = 3,
	ELF_386 = 3,
	ELF_X86_64 = 62,
	ELF_PT_LOAD = 1,
};

struct elf_ident {
	u8 magic[4], class, data, version, pad[9];
	le16 type, machine;
	le32 elf_version;
} __packed;

struct elf32_header {
	struct elf_ident ident;
	le32 entry, phoff, shoff, flags;
	le16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __packed;

struct elf64_header {
	struct elf_ident ident;
	le64 entry, phoff, shoff;
	le32 flags;
	le16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __packed;

struct elf32_phdr {
	le32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
} __packed;

struct elf64_phdr {
	le32 type, flags;
	le64 offset, vaddr, paddr, filesz, memsz, align;
} __packed;

static int bad(const char **why, const char *text)
{
	*why = text;
	return -ENOEXEC;
}

/* @len bytes at @off of the file. */
static const void *at(const struct elf *elf, u64 off, u64 len)
{
	return off <= elf->size && len <= elf->size - off ? elf->data + off : NULL;
}

static int open_32(struct elf *elf, const char **why)
{
	const struct elf32_header *h = at(elf, 0, sizeof(*h));

	if (!h)
		return bad(why, "truncated in its ELF header");
	elf->entry = le32_to_cpu(h->entry);
	elf->phoff = le32_to_cpu(h->phoff);
	elf->phnum = le16_to_cpu(h->phnum);
	elf->phentsize = le16_to_cpu(h->phentsize);
	return elf->phentsize < sizeof(struct elf32_phdr) ?
	       bad(why, "ELF program headers too small") : 0;
}

static int open_64(struct elf *elf, const char **why)
{
	const struct elf64_header *h = at(elf, 0, sizeof(*h));

	if (!h)
		return bad(why, "truncated in its ELF header");
	elf->entry = le64_to_cpu(h->entry);
	elf->phoff = le64_to_cpu(h->phoff);
	elf->phnum = le16_to_cpu(h->phnum);
	elf->phentsize = le16_to_cpu(h->phentsize);
	return elf->phentsize < sizeof(struct elf64_phdr) ?
	       bad(why, "ELF program headers too small") : 0;
}

int elf_open(struct elf *elf, const u8 *data, size_t size, const char **why)
{
	const struct elf_ident *id;
	u16 machine;
	int err;

	*elf = (struct elf){ .data = data, .size = size };
	id = at(elf, 0, sizeof(*id));
	if (!id || memcmp(id->magic, "\177ELF", sizeof(id->magic)))
		return bad(why, "not an ELF file");
	machine = le16_to_cpu(id->machine);
	elf->is_64 = id->class == ELF_CLASS_64;
	if ((id->class != ELF_CLASS_32 && !elf->is_64) || id->data != ELF_DATA_LSB ||
	    (machine != ELF_386 && machine != ELF_X86_64))
		return bad(why, "an ELF file for another machine than x86");
	if (le16_to_cpu(id->type) != ELF_EXEC && le16_to_cpu(id->type) != ELF_DYN)
		return bad(why, "an ELF file, but not an executable");
	err = elf->is_64 ? open_64(elf, why) : open_32(elf, why);
	if (err)
		return err;
	if (!elf->phnum || !at(elf, elf->phoff, (u64)elf->phnum * elf->phentsize))
		return bad(why, "truncated: ELF program headers outside the file");
	return 0;
}

static u32 read_phdr(const struct elf *elf, unsigned int i, struct elf_segment *seg, u64 *offset)
{
	const void *p = at(elf, elf->phoff + (u64)i * elf->phentsize, elf->phentsize);

	if (elf->is_64) {
		const struct elf64_phdr *ph = p;

		*offset = le64_to_cpu(ph->offset);
		seg->vaddr = le64_to_cpu(ph->vaddr);
		seg->paddr = le64_to_cpu(ph->paddr);
		seg->filesz = le64_to_cpu(ph->filesz);
		seg->memsz = le64_to_cpu(ph->memsz);
		return le32_to_cpu(ph->type);
	} else {
		const struct elf32_phdr *ph = p;

		*offset = le32_to_cpu(ph->offset);
		seg->vaddr = le32_to_cpu(ph->vaddr);
		seg->paddr = le32_to_cpu(ph->paddr);
		seg->filesz = le32_to_cpu(ph->filesz);
		seg->memsz = le32_to_cpu(ph->memsz);
		return le32_to_cpu(ph->type);
	}
}

int elf_segment(const struct elf *elf, unsigned int i, struct elf_segment *seg, const char **why)
{
	u64 offset;

	if (read_phdr(elf, i, seg, &offset) != ELF_PT_LOAD || !seg->memsz)
		return 0;
	if (seg->filesz > seg->memsz)
		return bad(why, "an ELF segment is larger in the file than in memory");
	seg->data = at(elf, offset, seg->filesz);
	if (!seg->data)
		return bad(why, "truncated: an ELF segment lies outside the file");
	return 1;
}
