/* SPDX-License-Identifier: BSD-2-Clause */
/* Of each CPU, what it knows of the next one. */
#include "kernel/watch.h"

#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/log.h"

static struct watch {
	struct timer timer;
	u64 loops;		/* stats.loops of the next one, as last seen to change */
	u64 since_ns;		/* when that was */
	unsigned int same;	/* looks since then */
	bool said;
	struct ratelimit rl;
} watches[CONFIG_MAX_CPUS];

/* Whatever it does, it does not hurt: as a kick that came too late. */
static void interrupt_again(struct watch *w, struct cpu *cpu, u64 ms)
{
	static const char *const where[] = {
		[CPU_RUNNING] = "running", [CPU_IN_GUEST] = "guest mode", [CPU_IDLE] = "idle",
	};

	__atomic_fetch_add(&cpu->stats.late, 1, __ATOMIC_RELAXED);
	log_ratelimited(&w->rl, LOG_WARN, "cpu: CPU %u: no interrupt for %lu ms (%s), sending one",
			cpu->id, ms, where[READ_ONCE(cpu->state)]);
	arch_cpu_kick(cpu);
}

static void silent(struct watch *w, struct cpu *cpu)
{
	u64 ns = time_ns() - w->since_ns, ms = ns / NSEC_PER_MSEC;

	/* All CPUs may have been stopped together, and this one goes on first. */
	if (++w->same < 2)
		return;
	if (ns >= WATCH_STUCK_NS && !w->said) {
		w->said = true;
		pr_err("cpu: CPU %u: not through its loop for %lu ms", cpu->id, ms);
	}
	if (READ_ONCE(cpu->state) != CPU_RUNNING)
		interrupt_again(w, cpu, ms);
}

static void goes_on(struct watch *w, const struct cpu *cpu, u64 loops)
{
	u64 now = time_ns(), ms = (now - w->since_ns) / NSEC_PER_MSEC;

	if (w->said)
		pr_info("cpu: CPU %u: goes on after %lu ms", cpu->id, ms);
	w->loops = loops;
	w->since_ns = now;
	w->same = 0;
	w->said = false;
}

static void look(struct timer *timer)
{
	struct watch *w = container_of(timer, struct watch, timer);
	struct cpu *next = cpus[(this_cpu()->id + 1) % nr_cpus];
	u64 loops = READ_ONCE(next->stats.loops);

	timer_start(timer, time_ns() + WATCH_NS);
	if (!loops || loops != w->loops)	/* 0: the boot is not over for it */
		goes_on(w, next, loops);
	else
		silent(w, next);
}

void watch_start(void)
{
	struct watch *w = &watches[this_cpu()->id];

	timer_init(&w->timer, look);
	timer_start(&w->timer, time_ns() + WATCH_NS);
}
