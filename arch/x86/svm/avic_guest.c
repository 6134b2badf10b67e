/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's tables for AVIC. In xAPIC mode AVIC wants the APIC's address mapped (15.29.3), and a
 * vCPU without AVIC wants it not mapped, so that it exits: two sets of nested tables, which share
 * all but the way to that address.
 */
#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/vpc_map.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest_config.h"
#include "kernel/mem.h"

_Static_assert(sizeof(struct avic_pages) == 7 * PAGE_SIZE, "each its page");
_Static_assert(GUEST_VCPUS_MAX <= 0xff, "15.29.5.2: in xAPIC mode ID 255 is a broadcast");

/* Entries on the way to the APIC's address. No RAM is mapped by that of the PDPT: vpc_map.h */
#define APIC_PML4E	(APIC_DEFAULT_BASE >> 39 & 511)
#define APIC_PDPTE	(APIC_DEFAULT_BASE >> 30 & 511)
#define APIC_PDE	(APIC_DEFAULT_BASE >> 21 & 511)
#define APIC_PTE	(APIC_DEFAULT_BASE >> 12 & 511)
_Static_assert(VPC_LOW_RAM_MAX <= APIC_PDPTE << 30 && VPC_HIGH_RAM_BASE >= (APIC_PDPTE + 1) << 30,
	       "the APIC's PDPTE maps no RAM");

static void map_apic(struct avic_pages *p)
{
	p->pml4[APIC_PML4E] = virt_to_phys(p->pdpt) | NPT_TABLE;
	p->pdpt[APIC_PDPTE] = virt_to_phys(p->pd) | NPT_TABLE;
	p->pd[APIC_PDE] = virt_to_phys(p->pt) | NPT_TABLE;
	p->pt[APIC_PTE] = virt_to_phys(p->access) | NPT_TABLE | PTE_D | PTE_XD;
}

int svm_avic_guest_init(struct svm_guest *g)
{
	u64 phys;

	if (!svm_caps.avic)
		return 0;
	phys = mem_alloc(sizeof(*g->avic), PAGE_SIZE, MEM_EPT);
	if (!phys)
		return -ENOMEM;
	g->avic = phys_to_virt(phys);
	map_apic(g->avic);
	return 0;
}

void svm_avic_guest_free(struct svm_guest *g)
{
	if (g->avic)
		mem_free(virt_to_phys(g->avic), sizeof(*g->avic), MEM_EPT);
}

static void copy_but(u64 *to, const u64 *from, unsigned int left_out)
{
	for (unsigned int i = 0; i < 512; i++)
		if (i != left_out)
			WRITE_ONCE(to[i], from[i]);
}

void svm_avic_npt_changed(struct svm_guest *g)
{
	u64 first = g->npt[APIC_PML4E];

	if (!g->avic)
		return;
	copy_but(g->avic->pml4, g->npt, APIC_PML4E);
	if (first)
		copy_but(g->avic->pdpt, phys_to_virt(first & PTE_ADDR), APIC_PDPTE);
}
