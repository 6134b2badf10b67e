/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU loop: work and timers, then a turn of a vCPU, or sleep. */
#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/poller.h"

/* A vCPU's turn when others wait on the same CPU: as Linux's default slice, and long enough that
 * switching costs nothing. */
#define SLICE_NS	(3 * NSEC_PER_MSEC)

struct cpu *cpus[CONFIG_MAX_CPUS];
unsigned int nr_cpus;

void cpu_init(struct cpu *cpu, unsigned int id)
{
	cpu->id = id;
	cpu->state = CPU_RUNNING;
	list_init(&cpu->vcpus);
	list_init(&cpu->pollers);
	timer_queue_init(&cpu->timers);
}

void cpu_kick(struct cpu *cpu)
{
	/* Pairs with the barrier in cpu_pause(): it sees what was published, or we its state. */
	mb();
	if (READ_ONCE(cpu->state) == CPU_RUNNING || cpu == this_cpu())
		return;
	__atomic_fetch_add(&this_cpu()->stats.kicks_sent, 1, __ATOMIC_RELAXED);
	arch_cpu_kick(cpu);
}

/* The time since it was last called went to @what. */
static void cpu_charge(struct cpu *cpu, u64 *what)
{
	u64 now = time_ns();

	*what += now - cpu->stats.charged_ns;
	cpu->stats.charged_ns = now;
}

/* Has @a a better claim than @b to the next turn? Those that spin come last. */
static bool goes_before(const struct vcpu *a, const struct vcpu *b)
{
	if (a->yields != b->yields)
		return b->yields;
	return a->ran_ns < b->ran_ns;
}

/* There is one at most: its turn is every one. */
static struct vcpu *pick_alone(struct cpu *cpu)
{
	struct vcpu *vcpu = list_entry(cpu->vcpus.next, struct vcpu, cpu_node);

	if (list_empty(&cpu->vcpus) || !vcpu_runnable(vcpu))
		return NULL;
	vcpu->yields = false;
	return vcpu;
}

/*
 * The next vCPU, or NULL; *@others: it is not the only one that could run. It is the one that has
 * run least, so that all get the same time, whatever cuts their turns short: work for one of them
 * must not cost it more than it takes. Who slept is owed no more than a slice for that.
 */
static struct vcpu *sched_pick(struct cpu *cpu, bool *others)
{
	struct vcpu *picked = NULL, *vcpu;

	*others = false;
	if (!cpu_is_shared(cpu))
		return pick_alone(cpu);
	list_for_each(vcpu, &cpu->vcpus, cpu_node) {
		if (!vcpu_runnable(vcpu))
			continue;
		vcpu->ran_ns = MAX(vcpu->ran_ns, cpu->ran_floor);
		*others |= !!picked;
		if (!picked || goes_before(vcpu, picked))
			picked = vcpu;
	}
	if (!picked)
		return NULL;
	list_for_each(vcpu, &cpu->vcpus, cpu_node)
		vcpu->yields = false;		/* for this turn */
	if (picked->ran_ns > SLICE_NS)
		cpu->ran_floor = MAX(cpu->ran_floor, picked->ran_ns - SLICE_NS);
	list_remove(&picked->cpu_node);		/* of equals, the first in the list goes first */
	list_append(&cpu->vcpus, &picked->cpu_node);
	return picked;
}

/*
 * Work that has used up its budget and vCPUs share the CPU half and half: a turn of the one, then
 * as much time for the other. So neither a flood of frames stops the guests, nor busy guests the
 * frames.
 */
static void later_turn(struct cpu *cpu)
{
	u64 begin = time_ns(), end;

	work_run_later(cpu);
	end = time_ns();
	cpu->later_ns = end + (end - begin);
}

static bool later_due(const struct cpu *cpu, const struct vcpu *vcpu)
{
	return cpu->work.later && (!vcpu || time_ns() >= cpu->later_ns);
}

static void cpu_enter(struct cpu *cpu, struct vcpu *vcpu, bool others)
{
	u64 deadline = MIN(timer_next(cpu), pollers_next(cpu)), begin = others ? time_ns() : 0;

	if (others)
		deadline = MIN(deadline, begin + SLICE_NS);
	if (cpu->work.later)
		deadline = MIN(deadline, cpu->later_ns);
	cpu->stats.vcpu_runs++;
	cpu->current = vcpu;
	cpu_charge(cpu, &cpu->stats.work_ns);
	arch_vcpu_run(vcpu, deadline);
	cpu_charge(cpu, &cpu->stats.guest_ns);
	if (others)
		vcpu->ran_ns += time_ns() - begin;
}

/*
 * The loop is about to stop looking: true if it may. From here on cpu_kick() interrupts the sleep;
 * the full barrier pairs with the one there. arch_vcpu_run() does the same for guest mode.
 */
static bool cpu_pause(struct cpu *cpu)
{
	WRITE_ONCE(cpu->state, CPU_IDLE);
	mb();
	return !work_pending(cpu) && !cpu->work.later;
}

static void cpu_sleep(struct cpu *cpu)
{
	bool others;

	/* A vCPU may have been woken after sched_pick() and before the barrier. */
	if (cpu_pause(cpu) && !sched_pick(cpu, &others)) {
		cpu->stats.idle++;
		cpu_charge(cpu, &cpu->stats.work_ns);
		arch_cpu_idle(cpu, MIN(timer_next(cpu), pollers_next(cpu)));
		cpu_charge(cpu, &cpu->stats.idle_ns);
	}
	WRITE_ONCE(cpu->state, CPU_RUNNING);
}

/* A pass of a CPU that runs guests. */
static void run_guests(struct cpu *cpu)
{
	struct vcpu *vcpu;
	bool others;

	if (unlikely(!list_empty(&cpu->pollers)) && time_ns() >= cpu->look_ns && pollers_look(cpu))
		return;
	vcpu = sched_pick(cpu, &others);
	if (later_due(cpu, vcpu))
		later_turn(cpu);
	else if (vcpu)
		cpu_enter(cpu, vcpu, others);
	else if (!pollers_look(cpu))	/* what the guests left before they slept */
		cpu_sleep(cpu);
}

/* A pass of a CPU that belongs to workers: it sleeps when all pollers are at rest. */
static void run_pollers(struct cpu *cpu, bool worked)
{
	if (list_empty(&cpu->pollers)) {
		cpu_sleep(cpu);
		return;
	}
	worked |= pollers_look(cpu);
	cpu_charge(cpu, worked ? &cpu->stats.work_ns : &cpu->stats.poll_ns);
	if (!worked)
		cpu_relax();
}

void cpu_loop(void)
{
	struct cpu *cpu = this_cpu();

	cpu->stats.charged_ns = time_ns();
	for (;;) {
		unsigned int works;

		cpu->stats.loops++;
		works = work_run_queued(cpu);
		if (cpu->workers_only)
			works += work_run_later(cpu);
		timer_run(cpu);
		if (cpu->workers_only)
			run_pollers(cpu, works);
		else
			run_guests(cpu);
	}
}
