/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU data and the CPU loop: run to completion, one stack per CPU, interrupts
 * taken only as a VM exit or as the wake-up from idle (docs/architecture.md).
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "asm/cpu.h"		/* struct arch_cpu, arch_this_cpu() */
#include "kernel/list.h"
#include "kernel/time.h"
#include "kernel/types.h"
#include "kernel/work.h"

struct vcpu;

struct cpu_stats {
	u64 loops;		/* passes of the loop: each is a quiescent state */
	u64 idle;		/* times it went idle */
	u64 work_items;
	u64 vcpu_runs;
	u64 kicks_sent;		/* IPIs to wake or interrupt another CPU */
	u64 late;		/* times another CPU had to interrupt it again: kernel/watch.h */
	/* What its time goes to since the loop began: work and timers, vCPUs, sleep, and on a
	 * workers' CPU looking without finding anything. */
	u64 work_ns, guest_ns, idle_ns, poll_ns;
	u64 charged_ns;		/* time_ns() up to which it has been counted */
};

struct cpu {
	struct arch_cpu arch;	/* first: arch_this_cpu() finds it */
	unsigned int id;	/* 0 = BSP, dense */
	bool online;
	bool runs_guests;	/* virtualization is on */
	bool workers_only;	/* belongs to vhost workers: no vCPU is placed here */
	struct work_queue work;
	struct timer_queue timers;
	struct list pollers;	/* struct poller.node */
	u64 look_ns;		/* when to look at them next */
	u64 found_ns;		/* when the last look found something; 0: it found nothing */
	u64 found_guest_ns;	/* stats.guest_ns then */
	struct list vcpus;	/* struct vcpu.cpu_node: those placed here */
	struct list awake;	/* struct vcpu.awake_node: those with something to do, it seems;
				 * last picked last */
	u64 ran_floor;		/* the least ran_ns that a vCPU counts as having */
	u64 later_ns;		/* when work.later has its next turn, if a vCPU can run */
	struct timer release;	/* at work.held_ns, while some is held */
	struct vcpu *current;	/* the vCPU last entered; its state may still be loaded */
	/*
	 * CPU_RUNNING: the loop will look at its work again before it sleeps or enters a guest.
	 * CPU_IN_GUEST / CPU_IDLE: it must be interrupted to notice (arch_cpu_kick()).
	 */
	u32 state;
	/*
	 * Set on the CPU itself: work was queued, or another vCPU of it kicked, and the running one
	 * gives way.
	 */
	bool resched;
	struct cpu_stats stats;
};

enum cpu_state { CPU_RUNNING, CPU_IN_GUEST, CPU_IDLE };

extern struct cpu *cpus[CONFIG_MAX_CPUS];	/* [0, nr_cpus) are never NULL */
extern unsigned int nr_cpus;

static inline struct cpu *this_cpu(void) { return (struct cpu *)arch_this_cpu(); }

/* Is anything queued on @cpu? On @cpu itself; work_queue() on another one adds to head alone. */
static inline bool work_pending(const struct cpu *cpu)
{
	const struct work_queue *q = &cpu->work;

	return (uintptr_t)READ_ONCE(q->head) | (uintptr_t)q->batch | (uintptr_t)q->kept;
}

/* Are there several vCPUs on @cpu, running or not? On @cpu itself. */
static inline bool cpu_is_shared(const struct cpu *cpu)
{
	return cpu->vcpus.next != cpu->vcpus.prev;
}

/* When its next timer is due, or TIME_NEVER. On @cpu itself. */
static inline u64 timer_next(const struct cpu *cpu)
{
	const struct list *first = cpu->timers.armed.next;

	if (first == &cpu->timers.armed)
		return TIME_NEVER;
	return list_entry(first, struct timer, node)->deadline_ns;
}

/* Set up @cpu's portable half. BSP, before the CPU is started. */
void cpu_init(struct cpu *cpu, unsigned int id);

/* The loop. On the CPU itself, never returns. */
void cpu_loop(void) __noreturn;

/*
 * cpu_kick() - make @cpu pass through its loop soon. Any CPU. The caller has published what the
 * loop shall find, and a full barrier followed: it pairs with the one in cpu_loop() between setting
 * state and the last look. For work_queue() and vcpu_kick().
 */
void cpu_kick(struct cpu *cpu);

/* Arch half. */
void arch_cpu_kick(struct cpu *cpu);	/* IPI that ends guest mode or idle */
/* Sleep until an interrupt or the deadline (time_ns() units); returns with interrupts off. */
void arch_cpu_idle(struct cpu *cpu, u64 deadline_ns);

#endif
