/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables (APM volume 2, 15.25): a guest's physical addresses, in the largest pages
 * that fit. Entries are those of 4-level paging; the guest's accesses count as a user's.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

enum { NPT_LEVELS = 4, NPT_ENTRIES = 512 };

/* Bytes that an entry of @level (1: PTE ... 4: PML4E) maps. */
static u64 level_size(unsigned int level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

static unsigned int level_index(u64 gpa, unsigned int level)
{
	return gpa >> (12 + 9 * (level - 1)) & (NPT_ENTRIES - 1);
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

static u64 *new_table(void)
{
	u64 phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);

	return phys ? phys_to_virt(phys) : NULL;
}

static u64 leaf_bits(unsigned int prot, unsigned int level)
{
	u64 bits = prot & HVM_R ? PTE_P | PTE_US | PTE_A | PTE_D : 0;

	if (prot & HVM_W)
		bits |= PTE_RW;
	if (!(prot & HVM_X))
		bits |= PTE_XD;
	return level > 1 ? bits | PTE_PS : bits;
}

static int map_one(u64 *table, u64 gpa, u64 phys, unsigned int level, unsigned int prot)
{
	for (unsigned int l = NPT_LEVELS; l > level; l--) {
		u64 *e = &table[level_index(gpa, l)];

		if (!*e) {
			u64 *next = new_table();

			if (!next)
				return -ENOMEM;
			*e = virt_to_phys(next) | NPT_TABLE;
		} else if (is_leaf(*e, l)) {
			return -EEXIST;
		}
		table = entry_table(*e);
	}
	if (table[level_index(gpa, level)])
		return -EEXIST;
	table[level_index(gpa, level)] = phys | leaf_bits(prot, level);
	return 0;
}

int svm_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	struct svm_guest *g = guest->arch.hvm;
	u64 done = 0;

	while (done < size) {
		unsigned int level = best_level(gpa + done, phys + done, size - done);
		int err = map_one(g->npt, gpa + done, phys + done, level, prot);

		if (err)
			return err;
		done += level_size(level);
	}
	svm_avic_npt_changed(g);
	return 0;
}

static void free_tables(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < NPT_ENTRIES; i++)
		if (table[i] && !is_leaf(table[i], level))
			free_tables(entry_table(table[i]), level - 1);
	mem_free(virt_to_phys(table), PAGE_SIZE, MEM_EPT);
}

int svm_guest_init(struct guest *guest)
{
	struct svm_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	guest->arch.hvm = g;
	g->npt = new_table();
	if (!g->npt || svm_avic_guest_init(g)) {
		svm_guest_free(guest);
		return -ENOMEM;
	}
	return 0;
}

void svm_guest_free(struct guest *guest)
{
	struct svm_guest *g = guest->arch.hvm;

	if (!g)
		return;
	if (g->npt)
		free_tables(g->npt, NPT_LEVELS);
	svm_avic_guest_free(g);
	free(g);
	guest->arch.hvm = NULL;
}
