/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers that any CPU may start: the wish is a word, and work on the home CPU follows it. */
#include "kernel/cpu.h"
#include "kernel/shared_timer.h"

/* On the home CPU. Whoever changes the wish after this has read it queues the work after that. */
static void follow(struct shared_timer *timer)
{
	u64 wanted = READ_ONCE(timer->wanted_ns);

	if (wanted == TIME_NEVER)
		timer_stop(&timer->timer);
	else
		timer_start(&timer->timer, wanted);
}

static void follow_work(struct work *work)
{
	follow(container_of(work, struct shared_timer, work));
}

static void expired(struct timer *t)
{
	struct shared_timer *timer = container_of(t, struct shared_timer, timer);

	if (READ_ONCE(timer->wanted_ns) > time_ns())
		follow(timer);
	else
		timer->fn(timer);
}

void shared_timer_init(struct shared_timer *timer, struct cpu *home, shared_timer_fn fn)
{
	timer_init(&timer->timer, expired);
	work_init(&timer->work, home, follow_work);
	timer->wanted_ns = TIME_NEVER;
	timer->fn = fn;
}

static void want(struct shared_timer *timer, u64 deadline_ns)
{
	WRITE_ONCE(timer->wanted_ns, deadline_ns);
	if (timer->work.cpu == this_cpu())
		follow(timer);
	else
		work_queue(&timer->work);
}

void shared_timer_start(struct shared_timer *timer, u64 deadline_ns)
{
	want(timer, deadline_ns);
}

/* On another CPU it is left to expire for nothing. */
void shared_timer_stop(struct shared_timer *timer)
{
	if (timer->work.cpu == this_cpu())
		want(timer, TIME_NEVER);
	else
		WRITE_ONCE(timer->wanted_ns, TIME_NEVER);
}

bool shared_timer_take(struct shared_timer *timer)
{
	if (timer->wanted_ns > time_ns())
		return false;
	WRITE_ONCE(timer->wanted_ns, TIME_NEVER);
	return true;
}

void shared_timer_cancel(struct shared_timer *timer)
{
	shared_timer_stop(timer);
	work_cancel(&timer->work);
}
