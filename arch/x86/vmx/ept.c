/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended page tables (SDM 3C 29.3): a guest's physical addresses. */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/msr.h"
#include "arch/x86/tdp.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

_Static_assert(EPT_ADDR == PTE_ADDR && EPT_LARGE == PTE_PS, "tdp.h");

static u64 page_bits(unsigned int prot)
{
	u64 bits = (u64)MEM_TYPE_WB << EPT_TYPE_SHIFT;

	if (prot & HVM_R)
		bits |= EPT_READ;
	if (prot & HVM_W)
		bits |= EPT_WRITE;
	if (prot & HVM_X)
		bits |= EPT_EXECUTE;
	return bits;
}

static const struct tdp_format ept_format = { .table = EPT_RWX, .page = page_bits };

int vmx_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	struct vmx_guest *g = guest->arch.hvm;

	return tdp_map(g->ept, &ept_format, gpa, phys, size, prot);
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
	g->ept = tdp_new();
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
	tdp_free(g->ept);
	if (g->apic_access)
		mem_free(g->apic_access, PAGE_SIZE, MEM_EPT);
	free(g);
	guest->arch.hvm = NULL;
}
