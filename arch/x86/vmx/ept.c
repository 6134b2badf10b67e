/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended page tables (SDM 3C 29.3): guest-physical addresses, in the largest pages that fit. */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/guest/lapic.h"
#include "arch/x86/msr.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

enum { EPT_LEVELS = 4, EPT_ENTRIES = 512 };

/* Bytes that an entry of @level (1: EPT PTE ... 4: PML4E) maps. */
static u64 level_size(unsigned int level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

static unsigned int level_index(u64 gpa, unsigned int level)
{
	return gpa >> (12 + 9 * (level - 1)) & (EPT_ENTRIES - 1);
}

static u64 *entry_table(u64 entry)
{
	return phys_to_virt(entry & EPT_ADDR);
}

static bool is_leaf(u64 entry, unsigned int level)
{
	return level == 1 || entry & EPT_LARGE;
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
	u64 bits = (u64)MEM_TYPE_WB << EPT_TYPE_SHIFT;

	if (prot & HVM_R)
		bits |= EPT_READ;
	if (prot & HVM_W)
		bits |= EPT_WRITE;
	if (prot & HVM_X)
		bits |= EPT_EXECUTE;
	return level > 1 ? bits | EPT_LARGE : bits;
}

static int map_one(u64 *table, u64 gpa, u64 phys, unsigned int level, unsigned int prot)
{
	for (unsigned int l = EPT_LEVELS; l > level; l--) {
		u64 *e = &table[level_index(gpa, l)];

		if (!*e) {
			u64 *next = new_table();

			if (!next)
				return -ENOMEM;
			*e = virt_to_phys(next) | EPT_RWX;
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

int vmx_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	struct vmx_guest *g = guest->arch.hvm;
	u64 done = 0;

	while (done < size) {
		unsigned int level = best_level(gpa + done, phys + done, size - done);
		int err = map_one(g->ept, gpa + done, phys + done, level, prot);

		if (err)
			return err;
		done += level_size(level);
	}
	return 0;
}

static void free_tables(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < EPT_ENTRIES; i++)
		if (table[i] && !is_leaf(table[i], level))
			free_tables(entry_table(table[i]), level - 1);
	mem_free(virt_to_phys(table), PAGE_SIZE, MEM_EPT);
}

/*
 * The APIC-access page: what a linear address must translate to for an access to be virtualized
 * (30.4). Its content is never used.
 */
static int map_apic_access(struct guest *guest, struct vmx_guest *g)
{
	if (!vmx_caps.apicv)
		return 0;
	g->apic_access = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	if (!g->apic_access)
		return -ENOMEM;
	return vmx_map(guest, APIC_DEFAULT_BASE, g->apic_access, PAGE_SIZE, HVM_R | HVM_W);
}

int vmx_guest_init(struct guest *guest)
{
	struct vmx_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	guest->arch.hvm = g;
	g->ept = new_table();
	if (!g->ept || map_apic_access(guest, g)) {
		vmx_guest_free(guest);
		return -ENOMEM;
	}
	g->eptp = virt_to_phys(g->ept) | EPTP_WB | EPTP_WALK_LENGTH_4;
	return 0;
}

void vmx_guest_free(struct guest *guest)
{
	struct vmx_guest *g = guest->arch.hvm;

	if (!g)
		return;
	if (g->ept)
		free_tables(g->ept, EPT_LEVELS);
	if (g->apic_access)
		mem_free(g->apic_access, PAGE_SIZE, MEM_EPT);
	free(g);
	guest->arch.hvm = NULL;
}
