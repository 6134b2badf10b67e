/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU seen by the CPU loop: does it have something to do, and how to tell it. */
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/lifecycle.h"

/* ---- On its CPU and off again ---- */

static void take_on(struct vcpu *vcpu)
{
	list_append(&vcpu->cpu->vcpus, &vcpu->cpu_node);
}

static void take_off(struct vcpu *vcpu)
{
	list_remove(&vcpu->cpu_node);
	if (vcpu->cpu->current == vcpu)
		vcpu->cpu->current = NULL;
	arch_vcpu_unload(vcpu);
}

/* One less is under way; true for the last. Nothing of its vCPU may be touched after that. */
static bool moved(struct guest *guest)
{
	return !__atomic_sub_fetch(&guest->moving, 1, __ATOMIC_ACQ_REL);
}

static void place(struct vcpu *vcpu)
{
	if (vcpu->guest->placed)
		take_on(vcpu);
	else
		take_off(vcpu);
}

static void place_work(struct work *work)
{
	struct vcpu *vcpu = container_of(work, struct vcpu, place);
	struct guest *guest = vcpu->guest;

	place(vcpu);
	if (moved(guest))
		work_queue(&guest->lifecycle);
}

void vcpu_init(struct vcpu *vcpu, struct guest *guest, unsigned int id)
{
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->guest = guest;
	vcpu->id = id;
	vcpu->cpu = guest->placement[id];
	vcpu->state = VCPU_STOPPED;
	list_init(&vcpu->cpu_node);
	work_init(&vcpu->place, vcpu->cpu, place_work);
}

bool vcpus_place(struct guest *guest, bool on)
{
	if (guest->placed == on)
		return true;
	guest->placed = on;
	guest->moving = guest->nr_vcpus + 1;	/* and this function */
	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		struct vcpu *vcpu = guest->vcpus[i];

		if (vcpu->cpu != this_cpu()) {
			work_queue(&vcpu->place);
			continue;
		}
		place(vcpu);
		moved(guest);
	}
	return moved(guest);
}

bool vcpus_moving(const struct guest *guest)
{
	return __atomic_load_n(&guest->moving, __ATOMIC_ACQUIRE);
}

/* ---- Running ---- */

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
