/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU timers: a list in deadline order, run by the CPU's loop. */
#include "kernel/cpu.h"
#include "kernel/time.h"

void timer_queue_init(struct timer_queue *q)
{
	list_init(&q->armed);
}

void timer_init(struct timer *timer, timer_fn fn)
{
	list_init(&timer->node);
	timer->deadline_ns = TIME_NEVER;
	timer->fn = fn;
	timer->cpu = NULL;
}

void timer_start(struct timer *timer, u64 deadline_ns)
{
	struct cpu *cpu = this_cpu();
	struct list *armed = &cpu->timers.armed;
	struct list *after = armed->prev;

	timer_stop(timer);
	timer->cpu = cpu;
	timer->deadline_ns = deadline_ns;
	/* From the end: new deadlines tend to be late ones, and equal ones keep their order. */
	while (after != armed && list_entry(after, struct timer, node)->deadline_ns > deadline_ns)
		after = after->prev;
	list_push(after, &timer->node);
}

void timer_stop(struct timer *timer)
{
	list_remove(&timer->node);
}

/* Those due are set aside first: one that arms itself again for now has its turn the next time. */
void timer_run(struct cpu *cpu)
{
	u64 now = time_ns();
	struct timer *timer;
	struct list due;

	list_init(&due);
	while (timer_next(cpu) <= now && !list_empty(&cpu->timers.armed)) {
		struct list *node = cpu->timers.armed.next;

		list_remove(node);
		list_append(&due, node);
	}
	while (!list_empty(&due)) {
		timer = list_entry(due.next, struct timer, node);
		list_remove(&timer->node);
		timer->fn(timer);
	}
}
