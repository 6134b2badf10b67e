/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two-dimensional paging: the tables by which a processor translates a guest's physical addresses,
 * EPT (SDM 3C 29.3) or nested page tables (APM volume 2, 15.25). Both have four levels of 512
 * entries with the address in bits 51:12, and a large page's bit 7 set as in the processor's own
 * paging (arch/x86/cpu.h: PTE_ADDR, PTE_PS). What else an entry says is the backend's.
 *
 * One CPU at a time, before the guest has vCPUs: entries are only ever added. Tables are pages of
 * MEM_EPT.
 */
#ifndef ARCH_X86_TDP_H
#define ARCH_X86_TDP_H

#include "kernel/types.h"

struct tdp_format {
	u64 table;				/* bits of an entry that leads to a table */
	u64 (*page)(unsigned int prot);		/* of one that maps a page: enum hvm_prot */
};

/* A root (PML4) that maps nothing; NULL: no memory. Owned by the caller, until tdp_free(). */
u64 *tdp_new(void);

/* @root and all tables below it; NULL: nothing. What was mapped is not touched. */
void tdp_free(u64 *root);

/*
 * Map @size bytes at guest physical @gpa to @phys, all page-aligned, in the largest pages that fit
 * and that the processor has (HVM_CAP_PAGE_1G). 0; -ENOMEM, or -EEXIST when something is mapped
 * there: a part of it may be mapped then, and the tables are only good for tdp_free().
 */
int tdp_map(u64 *root, const struct tdp_format *format, u64 gpa, u64 phys, u64 size,
	    unsigned int prot);

#endif
