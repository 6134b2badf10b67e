/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables: 4-level, one for all CPUs, supervisor only.
 *
 *   ffff8000'00000000  direct map of RAM and of ACPI tables, RW NX, without the image
 *   ffffa000'00000000  heap window, grown by heap_grow()
 *   ffffb000'00000000  device registers (mmio_map()) and firmware's tables
 *   ffffc000'00000000  stacks, each with an unmapped page below
 *   ffffffff'80000000  the image: text RX, read-only data R, data RW NX
 *
 * Nothing is mapped at address 0; the AP trampoline's page is, while APs are started.
 */
#ifndef ARCH_X86_PAGING_H
#define ARCH_X86_PAGING_H

#include "kernel/types.h"

#define DIRECT_MAP_BASE	0xffff800000000000ull
#define DIRECT_MAP_SIZE	0x0000100000000000ull	/* 16 TiB */
#define HEAP_BASE	0xffffa00000000000ull
#define HEAP_SIZE	(1 * GIB)
#define WINDOW_BASE	0xffffb00000000000ull
#define WINDOW_SIZE	(64 * GIB)
#define STACKS_BASE	0xffffc00000000000ull
#define STACKS_SIZE	(1 * GIB)

/* Physical address of the root, for CR3. */
u64 paging_root(void);

/* Identity map one page, executable, read-write: for the AP trampoline; and take it away again. */
int paging_map_low_page(u64 phys);
void paging_unmap_low_page(u64 phys);

/*
 * Bytes of firmware outside RAM, cached, read-only, never unmapped. NULL if out of room.
 */
const void *firmware_map(u64 phys, u64 size);

/* "W^X NX SMEP SMAP ..." for the banner. */
void paging_describe(char *buf, size_t len);

#endif
