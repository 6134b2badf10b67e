/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF executables, 32 and 64 bit, as far as loading needs them: the program headers. Read in
 * place; every offset is checked against the file. Source: System V ABI, chapter 4 and 5.
 */
#ifndef ARCH_X86_GUEST_ELF_H
#define ARCH_X86_GUEST_ELF_H

#include "kernel/types.h"

struct elf {
	const u8 *data;
	size_t size;
	bool is_64;
	u64 entry;
	u64 phoff;
	unsigned int phnum, phentsize;
};

struct elf_segment {	/* PT_LOAD */
	const u8 *data;	/* filesz bytes */
	u64 vaddr, paddr;
	u64 filesz, memsz;	/* filesz <= memsz */
};

/* 0, or -ENOEXEC with @why: not ELF, not for x86, not an executable, headers outside the file. */
int elf_open(struct elf *elf, const u8 *data, size_t size, const char **why);
/*
 * Program header @i < elf->phnum. 1: a segment to load; 0: another kind, or empty; -ENOEXEC with
 * @why.
 */
int elf_segment(const struct elf *elf, unsigned int i, struct elf_segment *seg, const char **why);

#endif
