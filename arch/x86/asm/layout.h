/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the image lives: shared by the linker script, assembly and C, hence macros only. */
#ifndef ASM_LAYOUT_H
#define ASM_LAYOUT_H

/* The image is linked in the highest 2 GiB (the kernel code model), at KERNEL_VMA + physical. */
#define KERNEL_VMA	0xffffffff80000000

/* Above what firmware and real mode use, on a 2 MiB page of its own. */
#define IMAGE_LOAD_PHYS	0x200000

#define PAGE_BYTES	4096

/* The early page tables map this much from physical address 0, identity and at KERNEL_VMA. */
#define EARLY_MAP_GIB	4

#endif
