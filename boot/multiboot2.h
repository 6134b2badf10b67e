/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot2 Specification version 2.0: the header (§3.1) and the boot information (§3.6). */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

/* §3.1.1, §3.1.2: the header in the image. Used by assembly, hence macros. */
#define MULTIBOOT2_HEADER_MAGIC			0xe85250d6
#define MULTIBOOT2_ARCHITECTURE_I386		0
#define MULTIBOOT2_HEADER_TAG_END		0
#define MULTIBOOT2_HEADER_TAG_INFORMATION_REQUEST 1
#define MULTIBOOT2_HEADER_TAG_MODULE_ALIGN	6
#define MULTIBOOT2_HEADER_TAG_OPTIONAL		1

/* §3.5: EAX at entry. */
#define MULTIBOOT2_BOOTLOADER_MAGIC		0x36d76289

/* §3.6: tags of the boot information. */
#define MULTIBOOT2_TAG_END		0
#define MULTIBOOT2_TAG_CMDLINE		1
#define MULTIBOOT2_TAG_BOOT_LOADER_NAME	2
#define MULTIBOOT2_TAG_MODULE		3
#define MULTIBOOT2_TAG_MMAP		6
#define MULTIBOOT2_TAG_EFI32		11
#define MULTIBOOT2_TAG_EFI64		12
#define MULTIBOOT2_TAG_ACPI_OLD		14
#define MULTIBOOT2_TAG_ACPI_NEW		15

#ifndef __ASSEMBLER__

#include "kernel/types.h"

struct boot_info;

struct multiboot2_info {	/* §3.6.1 */
	u32 total_size;		/* bytes, this structure and all tags */
	u32 reserved;
};

struct multiboot2_tag {
	u32 type;
	u32 size;		/* bytes, without the padding to 8 */
};

struct multiboot2_tag_module {	/* §3.6.6 */
	struct multiboot2_tag tag;
	u32 mod_start;
	u32 mod_end;		/* exclusive */
};

struct multiboot2_tag_mmap {	/* §3.6.8 */
	struct multiboot2_tag tag;
	u32 entry_size;
	u32 entry_version;
};

struct multiboot2_mmap_entry {
	u64 base_addr;
	u64 length;
	u32 type;
	u32 reserved;
};

/*
 * multiboot2_parse() - fill @bi, which is zeroed, from the boot information @info, of which
 * @readable bytes may be read. NULL, or what makes it unusable. Tags that are unknown, or too
 * short for their type, are passed over.
 */
const char *multiboot2_parse(const void *info, u64 readable, struct boot_info *bi);

#endif /* __ASSEMBLER__ */
#endif
