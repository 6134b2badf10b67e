/* SPDX-License-Identifier: BSD-2-Clause */
/* Monotonic time and per-CPU timers. */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "kernel/list.h"
#include "kernel/types.h"

struct cpu;

/* Nanoseconds since boot; monotonic and equal on all CPUs. Any CPU, any context. */
u64 time_ns(void);
#define TIME_NEVER UINT64_MAX

struct timer;
typedef void (*timer_fn)(struct timer *timer);

struct timer {
	struct list node;	/* in deadline order on its CPU's queue; empty if not armed */
	u64 deadline_ns;
	timer_fn fn;
	struct cpu *cpu;	/* the queue it is on while armed */
};

struct timer_queue {
	struct list armed;
};

/* Empty; not armed, with what it calls. Before any other use. */
void timer_queue_init(struct timer_queue *q);
void timer_init(struct timer *timer, timer_fn fn);

/*
 * timer_start() arms (or re-arms) on the calling CPU, whose loop will call fn once at or
 * after @deadline_ns. timer_stop() is harmless when not armed. Both on the CPU where the
 * timer is armed.
 */
void timer_start(struct timer *timer, u64 deadline_ns);
void timer_stop(struct timer *timer);
static inline bool timer_armed(const struct timer *timer) { return !list_empty(&timer->node); }

/* The loop: call what is due. When the next one is: timer_next(), kernel/cpu.h. */
void timer_run(struct cpu *cpu);

#endif
