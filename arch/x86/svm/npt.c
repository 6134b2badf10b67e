/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables (APM volume 2, 15.25): a guest's physical addresses. Entries are those of
 * 4-level paging; the guest's accesses count as a user's.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/tdp.h"
#include "kernel/guest.h"

static u64 page_bits(unsigned int prot)
{
	u64 bits = prot & HVM_R ? PTE_P | PTE_US | PTE_A | PTE_D : 0;

	if (prot & HVM_W)
		bits |= PTE_RW;
	if (!(prot & HVM_X))
		bits |= PTE_XD;
	return bits;
}

static const struct tdp_format npt_format = { .table = NPT_TABLE, .page = page_bits };

int svm_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	struct svm_guest *g = guest->arch.hvm;
	int err = tdp_map(g->npt, &npt_format, gpa, phys, size, prot);

	if (!err)
		svm_avic_npt_changed(g);
	return err;
}

int svm_guest_init(struct guest *guest)
{
	struct svm_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	guest->arch.hvm = g;
	g->npt = tdp_new();
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
	tdp_free(g->npt);
	svm_avic_guest_free(g);
	free(g);
	guest->arch.hvm = NULL;
}
