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

/* What a walk through four levels read; to a large page, it has the last entry more than once. */
struct walk_trace {
	const u64 *entry[4];	/* in guest RAM */
	u64 value[4];
};

/*
 * What nearly every walk is: four levels, everything present, permitted and marked already. True:
 * walk() would give the same, and change nothing. False: it has to be asked.
 */
bool walk_traced(const struct guest_mem *gm, const struct walk_regs *r, u64 gva,
		 unsigned int access, u64 *gpa, struct walk_trace *trace);

/*
 * Would walk_traced() with the same arguments give the same again? Where it looks depends on
 * nothing but the arguments and the values that it finds; guest RAM does not move.
 */
static inline bool walk_holds(const struct walk_trace *t)
{
	return READ_ONCE(*t->entry[0]) == t->value[0] && READ_ONCE(*t->entry[1]) == t->value[1] &&
	       READ_ONCE(*t->entry[2]) == t->value[2] && READ_ONCE(*t->entry[3]) == t->value[3];
}

#endif
