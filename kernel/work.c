/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work queues: any CPU pushes onto a list with compare-and-exchange, the owner takes the whole
 * list at once and turns it around.
 */
#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/work.h"

void work_init(struct work *work, struct cpu *cpu, work_fn fn)
{
	work->next = NULL;
	work->fn = fn;
	work->cpu = cpu;
	work->queued = 0;
}

bool work_queue(struct work *work)
{
	struct work_queue *q = &work->cpu->work;
	struct work *head;

	/*
	 * Full barrier: what the caller has published is seen by the function, or by its next
	 * run. Pairs with the exchange in work_run(), before the function.
	 */
	if (__atomic_exchange_n(&work->queued, 1, __ATOMIC_SEQ_CST))
		return false;
	head = READ_ONCE(q->head);
	do {
		work->next = head;
	} while (!__atomic_compare_exchange_n(&q->head, &head, work, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	cpu_kick(work->cpu);
	return true;
}

/* Move everything pushed so far behind what is kept: oldest first. */
static void queue_take(struct work_queue *q)
{
	struct work *newest = __atomic_exchange_n(&q->head, NULL, __ATOMIC_ACQUIRE);
	struct work *oldest = NULL, **end = &q->kept;

	while (newest) {
		struct work *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (*end)
		end = &(*end)->next;
	*end = oldest;
}

unsigned int work_run(struct cpu *cpu)
{
	struct work_queue *q = &cpu->work;
	unsigned int n = 0;

	debug_check(!q->batch);
	queue_take(q);
	q->batch = q->kept;
	q->kept = NULL;
	while (q->batch) {
		struct work *work = q->batch;

		q->batch = work->next;
		__atomic_exchange_n(&work->queued, 0, __ATOMIC_SEQ_CST);
		work->fn(work);
		n++;
	}
	cpu->stats.work_items += n;
	return n;
}

/* Take @work out of a list whose links are the owner's. */
static bool unlink_work(struct work **link, struct work *work)
{
	for (; *link; link = &(*link)->next) {
		if (*link == work) {
			*link = work->next;
			return true;
		}
	}
	return false;
}

void work_cancel(struct work *work)
{
	struct work_queue *q = &work->cpu->work;

	debug_check(work->cpu == this_cpu());
	if (!READ_ONCE(work->queued))
		return;
	while (!unlink_work(&q->batch, work) && !unlink_work(&q->kept, work)) {
		/* Another CPU may be between setting `queued` and pushing. */
		cpu_relax();
		queue_take(q);
	}
	__atomic_store_n(&work->queued, 0, __ATOMIC_RELEASE);
}
