/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout of the image: linked at KERNEL_VMA + its load address, except for the 32-bit entry, which
 * runs before paging and is linked where it is loaded. Each part starts on a page, so that it can
 * be mapped with its own permissions.
 */
#include "asm/layout.h"

OUTPUT_FORMAT(elf64-x86-64)
OUTPUT_ARCH(i386:x86-64)
ENTRY(multiboot2_entry)

PHDRS {
	boot PT_LOAD FLAGS(5);
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
	note PT_NOTE FLAGS(4);
	stack PT_GNU_STACK FLAGS(6);
}

SECTIONS {
	. = IMAGE_LOAD_PHYS;
	__boot_start = .;
	.boot : {
		KEEP(*(.boot.header))
		*(.boot.text)
		*(.boot.rodata)
	} :boot
	.note.pvh : {
		KEEP(*(.note.pvh))
	} :boot :note
	. = ALIGN(PAGE_BYTES);
	__boot_end = .;

	. += KERNEL_VMA;
	__image_start = . - (__boot_end - __boot_start);
	.text : AT(ADDR(.text) - KERNEL_VMA) {
		__text_start = .;
		*(.text .text.*)
		. = ALIGN(PAGE_BYTES);
		__text_end = .;
	} :text

	.rodata : AT(ADDR(.rodata) - KERNEL_VMA) {
		__rodata_start = .;
		*(.rodata .rodata.*)
		*(.ksyms)	/* last: the second link makes it grow */
		. = ALIGN(PAGE_BYTES);
		__rodata_end = .;
	} :rodata

	.data : AT(ADDR(.data) - KERNEL_VMA) {
		__data_start = .;
		*(.data .data.*)
		. = ALIGN(PAGE_BYTES);
		__data_end = .;
	} :data

	.bss : AT(ADDR(.bss) - KERNEL_VMA) {
		__bss_start = .;
		*(.bss.page_aligned)
		*(.bss .bss.* COMMON)
		. = ALIGN(PAGE_BYTES);
		__bss_end = .;
	} :data
	__image_end = .;

	/DISCARD/ : {
		*(.comment .note.GNU-stack .note.gnu.property .eh_frame .eh_frame_hdr)
	}
}
