/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH start_info, turned into a struct boot_info. */
#include <string.h>

#include "boot/fill.h"
#include "boot/pvh.h"

typedef const void *(*map_fn)(u64 phys, u64 size);

static const char *parse_memmap(const struct hvm_start_info *info, map_fn map, struct boot_info *bi)
{
	u64 size = info->memmap_entries * sizeof(struct hvm_memmap_table_entry);
	const struct hvm_memmap_table_entry *entry;
	u32 i;

	if (info->version < 1 || !info->memmap_paddr || !info->memmap_entries)
		return "pvh: no memory map in start_info";
	entry = map(info->memmap_paddr, size);
	if (!entry)
		return "pvh: memory map out of reach";
	for (i = 0; i < info->memmap_entries; i++)
		boot_add_mem(bi, entry[i].addr, entry[i].size, entry[i].type);
	return bi->nr_mem ? NULL : "pvh: memory map without an entry";
}

static const char *parse_module(const struct hvm_start_info *info, map_fn map, struct boot_info *bi)
{
	const struct hvm_modlist_entry *module;

	if (!info->nr_modules)
		return NULL;
	module = map(info->modlist_paddr, sizeof(*module));
	if (!module)
		return "pvh: module list out of reach";
	if (module->paddr && module->size && module->size <= UINT64_MAX - module->paddr) {
		bi->archive = module->paddr;
		bi->archive_size = module->size;
	}
	return NULL;
}

/* Its length is not told: as much as struct boot_info holds is looked at. */
static void parse_cmdline(u64 phys, map_fn map, struct boot_info *bi)
{
	u64 len = BOOT_CMDLINE_MAX;
	const char *text;

	if (!phys)
		return;
	text = map(phys, len);
	if (text)
		boot_set_cmdline(bi, text, len);
}

const char *pvh_parse(u64 info_phys, map_fn map, struct boot_info *bi)
{
	const struct hvm_start_info *mapped = map(info_phys, sizeof(*mapped));
	const char *error;

	if (!mapped || mapped->magic != XEN_HVM_START_MAGIC_VALUE)
		return "pvh: no start_info";
	bi->protocol = "pvh";
	bi->rsdp = mapped->rsdp_paddr;
	parse_cmdline(mapped->cmdline_paddr, map, bi);
	error = parse_memmap(mapped, map, bi);
	return error ? error : parse_module(mapped, map, bi);
}
