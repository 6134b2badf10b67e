/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work queues: any CPU pushes onto a list with compare-and-exchange, the owner takes the whole
 * list at once and turns it around.
 */
#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/poller.h"
#include "kernel/work.h"

void work_init(struct work *work, struct cpu *cpu, work_fn fn)
{
	work->next = NULL;
	work->fn = fn;
	work->cpu = cpu;
	work->queued = WORK_IDLE;
	work->from_elsewhere = false;
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
	if (__atomic_exchange_n(&work->queued, WORK_QUEUED, __ATOMIC_SEQ_CST))
		return false;
	work->from_elsewhere = work->cpu != this_cpu();
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
	if (__atomic_exchange_n(&work->queued, WORK_QUEUED, __ATOMIC_SEQ_CST))
		return;
	work->from_elsewhere = false;
	append(&q->later, work);
}

bool work_others_wait(const struct work *work)
{
	return work_pending(work->cpu);
}

/* ---- Work of guests: whose time it takes ---- */

/*
 * What other CPUs have a guest's work do here ends guest mode as often as a poller's looks do, not
 * more often, and has half of the time at most. A few times in a row are let pass before that.
 */
#define CREDIT_NS	(4 * POLLER_LOOK_NS)

/* May vCPUs of other guests want to run? */
static bool others_awake(const struct cpu *cpu, const struct work_payer *payer)
{
	const struct vcpu *vcpu;

	list_for_each(vcpu, &cpu->awake, awake_node)
		if (vcpu->guest != payer->guest)
			return true;
	return false;
}

/* Its function, which began at @begin and ended when this says. */
static u64 call(struct work *work, u64 begin)
{
	struct work_payer *payer = work->payer;
	u64 end;

	__atomic_exchange_n(&work->queued, WORK_IDLE, __ATOMIC_SEQ_CST);
	work->fn(work);
	end = time_ns();
	if (payer->ran_ns)
		*payer->ran_ns += end - begin;
	return end;
}

static bool over_share(const struct cpu *cpu, const struct work_payer *payer, u64 now)
{
	return now + CREDIT_NS < payer->due_ns && others_awake(cpu, payer);
}

/* All that is there for a payer in one pass is one interruption of the others. */
static bool admitted(const struct cpu *cpu, struct work_payer *payer, u64 now)
{
	if (payer->pass == cpu->stats.loops)
		return true;
	if (over_share(cpu, payer, now))
		return false;
	payer->pass = cpu->stats.loops;
	payer->due_ns = MIN(MAX(payer->due_ns, now), now + CREDIT_NS) + POLLER_LOOK_NS;
	return true;
}

static void hold(struct work_queue *q, struct work *work)
{
	u64 until = work->payer->due_ns - CREDIT_NS;

	q->held_ns = q->held ? MIN(q->held_ns, until) : until;
	append(&q->held, work);
}

/* From idle to held: from now on queueing it interrupts nobody. */
static void watch(struct work_queue *q, struct work *work)
{
	u32 idle = WORK_IDLE;

	if (__atomic_compare_exchange_n(&work->queued, &idle, WORK_WATCHED, false,
					__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		hold(q, work);
}

/* Nobody has queued it while it was held: it is idle. Who does from now on pushes it. */
static bool unwatch(struct work *work)
{
	u32 watched = WORK_WATCHED;

	return __atomic_compare_exchange_n(&work->queued, &watched, WORK_IDLE, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void run_from_elsewhere(struct cpu *cpu, struct work *work)
{
	struct work_payer *payer = work->payer;
	u64 begin = time_ns(), end;

	if (unwatch(work))
		return;
	if (!admitted(cpu, payer, begin)) {
		hold(&cpu->work, work);
		return;
	}
	end = call(work, begin);
	payer->due_ns += 2 * (end - begin);
	if (over_share(cpu, payer, end))
		watch(&cpu->work, work);
}

/* Apart, so that nothing is kept for it where nobody pays. */
static __noinline void run_paid(struct cpu *cpu, struct work *work)
{
	if (work->from_elsewhere)
		run_from_elsewhere(cpu, work);
	else
		call(work, time_ns());
}

static void run_one(struct cpu *cpu, struct work *work)
{
	/* Of several vCPUs it matters who has had how much. */
	if (unlikely(work->payer && (work->from_elsewhere || cpu_is_shared(cpu)))) {
		run_paid(cpu, work);
		return;
	}
	__atomic_exchange_n(&work->queued, WORK_IDLE, __ATOMIC_SEQ_CST);
	work->fn(work);
}

void work_release(struct cpu *cpu)
{
	struct work_queue *q = &cpu->work;
	struct work **end = &q->kept;

	while (*end)
		end = &(*end)->next;
	*end = q->held;
	q->held = NULL;
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
	       !unlink_work(&q->later, work) && !unlink_work(&q->held, work)) {
		/* Another CPU may be between setting `queued` and pushing. */
		cpu_relax();
		queue_take(q);
	}
	__atomic_store_n(&work->queued, WORK_IDLE, __ATOMIC_RELEASE);
}
