/* SPDX-License-Identifier: BSD-2-Clause */
/* The multiboot2 boot information, turned into a struct boot_info. */
#include <string.h>

#include "boot/fill.h"
#include "boot/multiboot2.h"

static void parse_mmap(const struct multiboot2_tag_mmap *tag, struct boot_info *bi)
{
	struct multiboot2_mmap_entry entry;
	u32 at;

	if (tag->entry_size < sizeof(entry))
		return;
	for (at = sizeof(*tag); tag->tag.size - at >= sizeof(entry); at += tag->entry_size) {
		memcpy(&entry, (const char *)tag + at, sizeof(entry));
		boot_add_mem(bi, entry.base_addr, entry.length, entry.type);
		if (tag->entry_size > tag->tag.size - at)
			break;
	}
}

static void parse_module(const struct multiboot2_tag_module *tag, struct boot_info *bi)
{
	if (bi->archive || tag->mod_end <= tag->mod_start)
		return;
	bi->archive = tag->mod_start;
	bi->archive_size = tag->mod_end - tag->mod_start;
}

static void parse_rsdp(const struct multiboot2_tag *tag, struct boot_info *bi)
{
	u64 len = MIN(tag->size - sizeof(*tag), sizeof(bi->rsdp_copy));

	if (tag->type == MULTIBOOT2_TAG_ACPI_OLD && bi->rsdp_copy_len)
		return;		/* that of ACPI 2.0 is preferred */
	memcpy(bi->rsdp_copy, tag + 1, len);
	bi->rsdp_copy_len = len;
}

static void parse_tag(const struct multiboot2_tag *tag, struct boot_info *bi)
{
	const char *text = (const char *)(tag + 1);
	u64 len = tag->size - sizeof(*tag);

	switch (tag->type) {
	case MULTIBOOT2_TAG_CMDLINE:
		boot_set_cmdline(bi, text, len);
		break;
	case MULTIBOOT2_TAG_BOOT_LOADER_NAME:
		len = MIN(strnlen(text, len), sizeof(bi->loader) - 1);
		memcpy(bi->loader, text, len);
		bi->loader[len] = '\0';
		break;
	case MULTIBOOT2_TAG_MODULE:
		if (tag->size >= sizeof(struct multiboot2_tag_module))
			parse_module((const struct multiboot2_tag_module *)tag, bi);
		break;
	case MULTIBOOT2_TAG_MMAP:
		if (tag->size >= sizeof(struct multiboot2_tag_mmap))
			parse_mmap((const struct multiboot2_tag_mmap *)tag, bi);
		break;
	case MULTIBOOT2_TAG_EFI32:
	case MULTIBOOT2_TAG_EFI64:
		bi->efi = true;
		break;
	case MULTIBOOT2_TAG_ACPI_OLD:
	case MULTIBOOT2_TAG_ACPI_NEW:
		parse_rsdp(tag, bi);
		break;
	}
}

const char *multiboot2_parse(const void *info, u64 readable, struct boot_info *bi)
{
	const struct multiboot2_info *head = info;
	u64 at = sizeof(*head);

	if ((uintptr_t)info % 8 || readable < sizeof(*head) || head->total_size > readable)
		return "multiboot2: boot information misplaced";
	while (head->total_size >= at + sizeof(struct multiboot2_tag)) {
		const struct multiboot2_tag *tag = (const void *)((const char *)info + at);

		if (tag->size < sizeof(*tag) || tag->size > head->total_size - at)
			return "multiboot2: tag of impossible size";
		if (tag->type == MULTIBOOT2_TAG_END)
			break;
		parse_tag(tag, bi);
		at += ALIGN_UP((u64)tag->size, 8);
	}
	bi->protocol = "multiboot2";
	return bi->nr_mem ? NULL : "multiboot2: no memory map (tag 6)";
}
