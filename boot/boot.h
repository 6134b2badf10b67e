/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader handed over, in one form whichever protocol it spoke
 * (multiboot2 §3.6, or the PVH start_info structure of
 * xen/include/public/arch-x86/hvm/start_info.h).
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "kernel/types.h"

enum boot_mem_type {		/* ACPI 6.5 §15, table 15.1: Address Range Types */
	BOOT_MEM_RAM = 1,
	BOOT_MEM_RESERVED = 2,
	BOOT_MEM_ACPI_RECLAIM = 3,
	BOOT_MEM_ACPI_NVS = 4,
	BOOT_MEM_BAD = 5,
};

struct boot_mem {
	u64 base;		/* bytes, as the loader gave it: not aligned */
	u64 size;
	u32 type;		/* enum boot_mem_type; unknown types are kept as RESERVED */
};

#define BOOT_MEM_MAX	128
#define BOOT_CMDLINE_MAX 1024

struct boot_info {
	const char *protocol;		/* "multiboot2" or "pvh" */
	char loader[64];		/* loader's own name, or "" */
	char cmdline[BOOT_CMDLINE_MAX];	/* always terminated; truncation is noted */
	bool cmdline_truncated;
	struct boot_mem mem[BOOT_MEM_MAX];
	unsigned int nr_mem;
	bool mem_truncated;
	u64 archive;			/* physical address of the first module, 0 if none */
	u64 archive_size;		/* bytes */
	u64 rsdp;			/* physical address of an RSDP, 0 if the loader gave none */
	u8 rsdp_copy[36];		/* multiboot2 tags 14/15 carry a copy */
	unsigned int rsdp_copy_len;	/* bytes, 0 if none */
	bool efi;			/* booted by UEFI */
};

/*
 * boot_main() - first C code, on the BSP, interrupts off, early page tables
 * (physical 0 to 4 GiB identity-mapped, 0 to 2 GiB at KERNEL_VMA), boot stack.
 * @magic: EAX at entry for multiboot2; 0 for PVH
 * @info:  physical address of the multiboot2 tags or of the PVH start_info
 *
 * Fills a struct boot_info (static, lives for ever) and calls kernel_main().
 * Nothing in it points to loader memory but the archive and rsdp addresses.
 */
void boot_main(u32 magic, u32 info) __attribute__((noreturn));

/* kernel/main.c: everything else. On the boot stack (16 KiB), interrupts off. */
void kernel_main(const struct boot_info *bi) __attribute__((noreturn));

/*
 * AP trampoline: real-mode code copied below 1 MiB.
 *
 * trampoline_install() - copy it to physical page @base (4 KiB aligned, below
 * 1 MiB, mapped at @virt and, executable, identity mapped in the tables at @cr3)
 * and point it at the 64-bit @entry. Each AP then takes one stack pointer from
 * trampoline_set_stack() and jumps to entry(arg) with interrupts off, long mode,
 * CR3 = @cr3, CR0.WP and, if the BSP has it by then, EFER.NXE set, every other control
 * register bit as after reset. One AP is started at a time. The early page tables, which
 * stay as boot/entry.S made them, take it into long mode, so @cr3 may be above 4 GiB.
 * Source: SDM 3A §9.4 (MP initialization).
 */
void trampoline_install(void *virt, u64 base, u64 cr3, void (*entry)(void *arg));
void trampoline_set_stack(void *stack_top, void *arg);

/* Linked addresses of the image, page aligned: arch/x86/ringvisor.lds.S. */
extern char __image_start[], __image_end[];
extern char __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[];
extern char __bss_start[], __bss_end[];
extern char __boot_start[], __boot_end[];	/* low, identity-linked 32-bit entry */

#endif
