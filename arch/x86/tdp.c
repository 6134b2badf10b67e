/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/tdp.h"

#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/hvm.h"
#include "kernel/mem.h"

enum { TDP_LEVELS = 4, TDP_ENTRIES = 512 };

/* Bytes that an entry of @level (1: a page table's ... 4: PML4E) maps. */
static u64 level_size(unsigned int level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

static unsigned int level_index(u64 gpa, unsigned int level)
{
	return gpa >> (12 + 9 * (level - 1)) & (TDP_ENTRIES - 1);
}

static u64 *entry_table(u64 entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

static bool is_leaf(u64 entry, unsigned int level)
{
	return level == 1 || entry & PTE_PS;
}

/* The largest page that may map @gpa to @phys and is no larger than @size. */
static unsigned int best_level(u64 gpa, u64 phys, u64 size)
{
	unsigned int level = hvm_caps & HVM_CAP_PAGE_1G ? 3 : 2;

	while (level > 1 &&
	       (size < level_size(level) || !IS_ALIGNED(gpa | phys, level_size(level))))
		level--;
	return level;
}

u64 *tdp_new(void)
{
	u64 phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);

	return phys ? phys_to_virt(phys) : NULL;
}

/* The entry for @gpa in a table of @level, with the tables above it. */
static int entry_get(u64 *table, const struct tdp_format *format, u64 gpa, unsigned int level,
		     u64 **entry)
{
	for (unsigned int l = TDP_LEVELS; l > level; l--) {
		u64 *e = &table[level_index(gpa, l)];

		if (!*e) {
			u64 *next = tdp_new();

			if (!next)
				return -ENOMEM;
			*e = virt_to_phys(next) | format->table;
		} else if (is_leaf(*e, l)) {
			return -EEXIST;
		}
		table = entry_table(*e);
	}
	*entry = &table[level_index(gpa, level)];
	return **entry ? -EEXIST : 0;
}

int tdp_map(u64 *root, const struct tdp_format *format, u64 gpa, u64 phys, u64 size,
	    unsigned int prot)
{
	u64 bits = format->page(prot);
	u64 done = 0;

	while (done < size) {
		unsigned int level = best_level(gpa + done, phys + done, size - done);
		u64 *entry;
		int err = entry_get(root, format, gpa + done, level, &entry);

		if (err)
			return err;
		*entry = (phys + done) | bits | (level > 1 ? PTE_PS : 0);
		done += level_size(level);
	}
	return 0;
}

static void free_tables(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < TDP_ENTRIES; i++)
		if (table[i] && !is_leaf(table[i], level))
			free_tables(entry_table(table[i]), level - 1);
	mem_free(virt_to_phys(table), PAGE_SIZE, MEM_EPT);
}

void tdp_free(u64 *root)
{
	if (root)
		free_tables(root, TDP_LEVELS);
}
