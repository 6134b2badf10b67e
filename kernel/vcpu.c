/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU seen by the CPU loop: does it have something to do, and how to tell it. */
#include "kernel/cpu.h"
#include "kernel/guest.h"

void vcpu_kick(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->arch.kicked, 1);
	if (vcpu->cpu == this_cpu() && vcpu->cpu->current != vcpu)
		vcpu->cpu->resched = true;
	cpu_kick(vcpu->cpu);	/* full barrier inside */
}

bool vcpu_runnable(struct vcpu *vcpu)
{
	const struct guest *guest = vcpu->guest;

	if (READ_ONCE(guest->state) != GUEST_RUNNING || READ_ONCE(guest->request))
		return false;
	if (READ_ONCE(vcpu->state) == VCPU_HALTED && arch_vcpu_has_interrupt(vcpu))
		WRITE_ONCE(vcpu->state, VCPU_RUNNABLE);
	return READ_ONCE(vcpu->state) == VCPU_RUNNABLE;
}
