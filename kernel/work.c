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
	work->payer = NULL;
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
	/* Full barrier for cpu_kick(). */
	do {
		work->next = head;
	} while (!__atomic_compare_exchange_n(&q->head, &head, work, true, __ATOMIC_SEQ_CST,
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

/* Behind all others of a list whose links are the owner's. */
static void append(struct work **end, struct work *work)
{
	while (*end)
		end = &(*end)->next;
	work->next = NULL;
	*end = work;
}

void work_requeue(struct work *work)
{
	struct work_queue *q = &work->cpu->work;

	debug_check(work->cpu == this_cpu());
	/* Otherwise it has been queued since it began. */
	if (!__atomic_exchange_n(&work->queued, 1, __ATOMIC_SEQ_CST))
		append(&q->later, work);
}

bool work_others_wait(const struct work *work)
{
	return work_pending(work->cpu);
}

/* Apart, so that nothing is kept for it where nobody pays. */
static __noinline void run_paid(struct work *work)
{
	u64 begin = time_ns();

	work->fn(work);
	*work->payer += time_ns() - begin;
}

static void run_one(struct cpu *cpu, struct work *work)
{
	__atomic_exchange_n(&work->queued, 0, __ATOMIC_SEQ_CST);
	/* Of several vCPUs it matters who has had how much. */
	if (unlikely(work->payer && cpu_is_shared(cpu)))
		run_paid(work);
	else
		work->fn(work);
}

static unsigned int run_batch(struct cpu *cpu)
{
	struct work_queue *q = &cpu->work;
	unsigned int n = 0;

	while (q->batch) {
		struct work *work = q->batch;

		q->batch = work->next;
		run_one(cpu, work);
		n++;
	}
	cpu->stats.work_items += n;
	return n;
}

unsigned int work_run_queued(struct cpu *cpu)
{
	struct work_queue *q = &cpu->work;

	debug_check(!q->batch);
	queue_take(q);
	q->batch = q->kept;
	q->kept = NULL;
	return run_batch(cpu);
}

unsigned int work_run_later(struct cpu *cpu)
{
	struct work_queue *q = &cpu->work;

	debug_check(!q->batch);
	q->batch = q->later;
	q->later = NULL;
	return run_batch(cpu);
}

unsigned int work_run(struct cpu *cpu)
{
	unsigned int n = work_run_queued(cpu);

	return n + work_run_later(cpu);
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
	while (!unlink_work(&q->batch, work) && !unlink_work(&q->kept, work) &&
	       !unlink_work(&q->later, work)) {
		/* Another CPU may be between setting `queued` and pushing. */
		cpu_relax();
		queue_take(q);
	}
	__atomic_store_n(&work->queued, 0, __ATOMIC_RELEASE);
}
