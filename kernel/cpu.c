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

static void release(struct timer *timer)
{
	work_release(container_of(timer, struct cpu, release));
}

void cpu_init(struct cpu *cpu, unsigned int id)
{
	cpu->id = id;
	cpu->state = CPU_RUNNING;
	list_init(&cpu->vcpus);
	list_init(&cpu->awake);
	list_init(&cpu->pollers);
	timer_queue_init(&cpu->timers);
	timer_init(&cpu->release, release);
}

void cpu_kick(struct cpu *cpu)
{
	if (cpu == this_cpu()) {
		cpu->resched = true;
		return;
	}
	if (READ_ONCE(cpu->state) == CPU_RUNNING)
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

/* Does @vcpu want a turn? What it is owed for having slept has a limit. */
static bool wants_turn(const struct cpu *cpu, struct vcpu *vcpu)
{
	if (!vcpu_runnable(vcpu))
		return false;
	vcpu->ran_ns = MAX(vcpu->ran_ns, cpu->ran_floor);
	return true;
}

/* Of several that are awake, the one whose turn it is. */
static __noinline struct vcpu *pick_among(struct cpu *cpu, bool *others)
{
	struct vcpu *picked = NULL, *vcpu, *next;

	list_for_each_safe(vcpu, next, &cpu->awake, awake_node) {
		if (!wants_turn(cpu, vcpu))
			continue;
		*others |= !!picked;
		if (!picked || goes_before(vcpu, picked))
			picked = vcpu;
	}
	if (!picked)
		return NULL;
	list_for_each(vcpu, &cpu->awake, awake_node)
		vcpu->yields = false;		/* for this turn */
	list_remove(&picked->awake_node);	/* of equals, the first in the list goes first */
	list_append(&cpu->awake, &picked->awake_node);
	return picked;
}

/*
 * The next vCPU, or NULL; *@others: it is not the only one that could run. It is the one that has
 * run least, so that all get the same time, whatever cuts their turns short: work for one of them
 * must not cost it more than it takes. Who slept is owed no more than a slice for that.
 */
static struct vcpu *sched_pick(struct cpu *cpu, bool *others)
{
	struct vcpu *picked = list_entry(cpu->awake.next, struct vcpu, awake_node);

	*others = false;
	if (list_empty(&cpu->awake))
		return NULL;
	if (cpu->awake.next != cpu->awake.prev)
		picked = pick_among(cpu, others);
	else if (!wants_turn(cpu, picked))
		picked = NULL;
	if (!picked)
		return NULL;
	picked->yields = false;
	if (picked->ran_ns > cpu->ran_floor + SLICE_NS)
		cpu->ran_floor = picked->ran_ns - SLICE_NS;
	return picked;
}

/*
 * Work that has used up its budget and vCPUs share the CPU half and half: a turn of the one, then
 * as much time for the other. So neither a flood of frames stops the guests, nor busy guests the
 * frames.
 */
static void later_turn(struct cpu *cpu)
{
	u64 begin;

	cpu_charge(cpu, &cpu->stats.work_ns);
	begin = cpu->stats.charged_ns;
	work_run_later(cpu);
	cpu_charge(cpu, &cpu->stats.work_ns);
	cpu->later_ns = cpu->stats.charged_ns + (cpu->stats.charged_ns - begin);
}

static bool later_due(const struct cpu *cpu, const struct vcpu *vcpu)
{
	return cpu->work.later && (!vcpu || time_ns() >= cpu->later_ns);
}

static void cpu_enter(struct cpu *cpu, struct vcpu *vcpu, bool others)
{
	u64 deadline = pollers_next(cpu), begin;

	cpu_charge(cpu, &cpu->stats.work_ns);
	begin = cpu->stats.charged_ns;
	if (others)
		deadline = MIN(deadline, begin + SLICE_NS);
	if (cpu->work.later)
		deadline = MIN(deadline, cpu->later_ns);
	cpu->stats.vcpu_runs++;
	cpu->current = vcpu;
	arch_vcpu_run(vcpu, deadline);
	cpu_charge(cpu, &cpu->stats.guest_ns);
	/* With nobody else there, too: who wakes next has had less. */
	vcpu->ran_ns += cpu->stats.charged_ns - begin;
}

/*
 * The loop is about to stop looking: true if it may. From here on cpu_kick() interrupts the sleep;
 * the full barrier pairs with its callers'. arch_vcpu_run() does the same for guest mode.
 */
static bool cpu_pause(struct cpu *cpu)
{
	WRITE_ONCE(cpu->state, CPU_IDLE);
	mb();
	return !work_pending(cpu) && !cpu->work.later && list_empty(&cpu->awake);
}

static void cpu_sleep(struct cpu *cpu)
{
	cpu_charge(cpu, &cpu->stats.work_ns);
	if (unlikely(cpu->work.held))
		work_release(cpu);	/* nobody wants the time that was theirs */
	if (cpu_pause(cpu)) {
		cpu->stats.idle++;
		arch_cpu_idle(cpu, MIN(timer_next(cpu), pollers_next(cpu)));
		cpu_charge(cpu, &cpu->stats.idle_ns);
	}
	WRITE_ONCE(cpu->state, CPU_RUNNING);
}

static bool look(struct cpu *cpu)
{
	if (list_empty(&cpu->pollers) || !pollers_look(cpu))
		return false;
	cpu_charge(cpu, &cpu->stats.work_ns);
	return true;
}

/* A pass of a CPU that runs guests. */
static void run_guests(struct cpu *cpu)
{
	struct vcpu *vcpu;
	bool others;

	if (unlikely(!list_empty(&cpu->pollers)) && time_ns() >= cpu->look_ns && look(cpu))
		return;
	vcpu = sched_pick(cpu, &others);
	if (later_due(cpu, vcpu))
		later_turn(cpu);
	else if (vcpu)
		cpu_enter(cpu, vcpu, others);
	else if (!look(cpu))	/* what the guests left before they slept */
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

static unsigned int run_queued(struct cpu *cpu)
{
	unsigned int works = work_run_queued(cpu);

	if (unlikely(cpu->work.held))
		timer_start(&cpu->release, cpu->work.held_ns);
	return works;
}

void cpu_loop(void)
{
	struct cpu *cpu = this_cpu();

	cpu->stats.charged_ns = time_ns();
	for (;;) {
		unsigned int works = 0;

		cpu->stats.loops++;
		if (work_pending(cpu))
			works = run_queued(cpu);
		/* Each pass ends with a look at the clock. What has become due since can wait. */
		if (timer_next(cpu) <= cpu->stats.charged_ns)
			timer_run(cpu);
		if (cpu->workers_only)
			run_pollers(cpu, works + work_run_later(cpu));
		else
			run_guests(cpu);
	}
}
