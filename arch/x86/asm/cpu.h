/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU arch data, reached through GS; CPUs' control registers live in arch/x86/cpu.h. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include "kernel/types.h"

struct arch_cpu {
	struct arch_cpu *self;		/* GS:0 */
	u32 apic_id;
	void *stack_top;
	struct gdt_tss *gdt_tss;	/* GDT, TSS and IST stacks of this CPU */
	void *hvm;			/* backend's per-CPU data: VMXON region / host save area */
	u64 hvm_phys;
	struct vcpu *loaded;		/* vCPU whose VMCS is current here */
	u64 timer_ns;			/* of VECTOR_TIMER, or TIME_NEVER: apic_timer_arm() */
};

static inline struct arch_cpu *arch_this_cpu(void)
{
	struct arch_cpu *self;

	__asm__("mov %%gs:0, %0" : "=r"(self));
	return self;
}

#endif
