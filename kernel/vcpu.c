/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU seen by the CPU loop: does it have something to do, and how to tell it. */
#include <string.h>

#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/lifecycle.h"

/* ---- On its CPU and off again ---- */

static void take_on(struct vcpu *vcpu)
{
	list_append(&vcpu->cpu->vcpus, &vcpu->cpu_node);
	list_append(&vcpu->cpu->awake, &vcpu->awake_node);
}

static void take_off(struct vcpu *vcpu)
{
	list_remove(&vcpu->cpu_node);
	list_remove(&vcpu->awake_node);
	WRITE_ONCE(vcpu->asleep, 0);
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

/* On its CPU. One that is not placed there does not sleep. */
static void wake(struct vcpu *vcpu)
{
	if (!vcpu->asleep)
		return;
	WRITE_ONCE(vcpu->asleep, 0);
	list_append(&vcpu->cpu->awake, &vcpu->awake_node);
}

static void wake_work(struct work *work)
{
	wake(container_of(work, struct vcpu, wake));
}

void vcpu_init(struct vcpu *vcpu, struct guest *guest, unsigned int id)
{
	memset(vcpu, 0, offsetof(struct vcpu, wake));
	vcpu->guest = guest;
	vcpu->id = id;
	vcpu->cpu = guest->placement[id];
	vcpu->state = VCPU_STOPPED;
	list_init(&vcpu->cpu_node);
	list_init(&vcpu->awake_node);
	work_init(&vcpu->place, vcpu->cpu, place_work);
	if (!vcpu->wake.fn)
		work_init(&vcpu->wake, vcpu->cpu, wake_work);
	vcpu->wake.payer = &guest->payers[vcpu->cpu->id];
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
	struct cpu *cpu = vcpu->cpu;

	WRITE_ONCE(vcpu->arch.kicked, 1);
	if (cpu == this_cpu()) {
		wake(vcpu);
		cpu->resched |= cpu->current != vcpu;
		return;
	}
	/*
	 * Pairs with the barriers in falls_asleep(), cpu_pause() and announce_guest_mode(): they
	 * see what was published, or we see `asleep` and the CPU's state.
	 */
	mb();
	if (READ_ONCE(vcpu->asleep))
		work_queue(&vcpu->wake);
	else
		cpu_kick(cpu);
}

static bool is_runnable(const struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->state) == VCPU_RUNNABLE && guest_runs(vcpu->guest);
}

/* Whoever kicks it after the barrier finds it asleep; who did before has published before. */
static bool falls_asleep(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->asleep, 1);
	mb();
	if (READ_ONCE(vcpu->state) == VCPU_HALTED && arch_vcpu_has_interrupt(vcpu))
		WRITE_ONCE(vcpu->state, VCPU_RUNNABLE);
	if (is_runnable(vcpu)) {
		WRITE_ONCE(vcpu->asleep, 0);
		return false;
	}
	list_remove(&vcpu->awake_node);
	return true;
}

bool vcpu_runnable(struct vcpu *vcpu)
{
	return likely(is_runnable(vcpu)) || !falls_asleep(vcpu);
}
