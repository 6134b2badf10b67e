/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk through a guest's page tables (SDM 3A chapter 4): no paging, 32-bit, PAE, 4-level.
 * Tables are read from guest RAM only; accessed and dirty bits are set as hardware does.
 * Portable: tested natively.
 */
#ifndef ARCH_X86_GUEST_WALK_H
#define ARCH_X86_GUEST_WALK_H

#include "kernel/guest_mem.h"
#include "kernel/types.h"

struct walk_regs {
	u64 cr0, cr3, cr4, efer, rflags;
	bool user;		/* CPL 3 */
};

/* @access: HVM_R, HVM_W or HVM_X. 0, or -EFAULT with @error the page-fault error code. */
int walk(const struct guest_mem *gm, const struct walk_regs *r, u64 gva, unsigned int access,
	 u64 *gpa, u32 *error);

#endif
