/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a vCPU's time on its CPU goes: struct vcpu's *_ticks. Two readings of the TSC for each
 * entry and exit. On the vCPU's CPU.
 */
#ifndef ARCH_X86_GUEST_TICKS_H
#define ARCH_X86_GUEST_TICKS_H

#include "arch/x86/cpu.h"
#include "kernel/guest.h"

/* The CPU begins to run it: until the entry. */
static inline void vcpu_charge_begin(struct vcpu *vcpu)
{
	vcpu->charged = &vcpu->entry_ticks;
	vcpu->charged_from = rdtsc();
}

/* It goes on to something else: until the next vcpu_charge_begin(). */
static inline void vcpu_charge_end(const struct vcpu *vcpu)
{
	*vcpu->charged += rdtsc() - vcpu->charged_from;
}

/* Last before the entry. The next is vcpu_charge_exit(), which knows where the time went. */
static inline void vcpu_charge_entry(struct vcpu *vcpu)
{
	u64 now = rdtsc();

	vcpu->entries++;
	*vcpu->charged += now - vcpu->charged_from;
	vcpu->charged_from = now;
}

/* An exit, as soon as its reason is known. */
static inline void vcpu_charge_exit(struct vcpu *vcpu, unsigned int reason)
{
	u64 now = rdtsc();

	vcpu->exits[reason]++;
	vcpu->guest_ticks += now - vcpu->charged_from;
	vcpu->charged = &vcpu->exit_ticks[reason];
	vcpu->charged_from = now;
}

#endif
