/* SPDX-License-Identifier: BSD-2-Clause */
/* The x86/HVM direct boot ABI ("PVH"): xen/include/public/arch-x86/hvm/start_info.h. */
#ifndef BOOT_PVH_H
#define BOOT_PVH_H

/* xen/include/public/elfnote.h: the 32-bit entry point. Used by assembly, hence a macro. */
#define XEN_ELFNOTE_PHYS32_ENTRY	18

#ifndef __ASSEMBLER__

#include "kernel/types.h"

struct boot_info;

#define XEN_HVM_START_MAGIC_VALUE	0x336ec578

struct hvm_start_info {
	u32 magic;
	u32 version;		/* 1: memmap_* are there */
	u32 flags;
	u32 nr_modules;
	u64 modlist_paddr;	/* struct hvm_modlist_entry[nr_modules] */
	u64 cmdline_paddr;	/* zero-terminated, 0: none */
	u64 rsdp_paddr;
	u64 memmap_paddr;	/* struct hvm_memmap_table_entry[memmap_entries] */
	u32 memmap_entries;
	u32 reserved;
};

struct hvm_modlist_entry {
	u64 paddr;
	u64 size;
	u64 cmdline_paddr;
	u64 reserved;
};

struct hvm_memmap_table_entry {
	u64 addr;
	u64 size;
	u32 type;		/* numbered as ACPI's address range types */
	u32 reserved;
};

/*
 * pvh_parse() - fill @bi, which is zeroed, from the start_info at physical address @info.
 * @map turns a physical range into a pointer, or NULL where it cannot be read.
 * NULL, or what makes the hand-over unusable.
 */
const char *pvh_parse(u64 info, const void *(*map)(u64 phys, u64 size), struct boot_info *bi);

#endif /* __ASSEMBLER__ */
#endif
