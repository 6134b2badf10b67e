/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A timer that any CPU may start and stop: a device model's, which the guest's vCPUs program from
 * wherever they run. Its function is called on its home CPU, where the timer itself is.
 *
 * The caller's lock keeps start, stop and take apart. The function takes the same lock, and may be
 * called once for nothing when it was stopped at that moment: shared_timer_take() tells.
 */
#ifndef KERNEL_SHARED_TIMER_H
#define KERNEL_SHARED_TIMER_H

#include "kernel/time.h"
#include "kernel/work.h"

struct shared_timer;
typedef void (*shared_timer_fn)(struct shared_timer *timer);

struct shared_timer {
	struct timer timer;	/* the home CPU's */
	struct work work;	/* there: arms it as wanted */
	u64 wanted_ns;		/* TIME_NEVER: stopped */
	shared_timer_fn fn;
};

/* Stopped. @fn is called on @home, at or after the deadline. */
void shared_timer_init(struct shared_timer *timer, struct cpu *home, shared_timer_fn fn);

/* Any CPU, under the caller's lock. */
void shared_timer_start(struct shared_timer *timer, u64 deadline_ns);
void shared_timer_stop(struct shared_timer *timer);
static inline bool shared_timer_started(const struct shared_timer *timer)
{
	return READ_ONCE(timer->wanted_ns) != TIME_NEVER;
}

/* In the function, under the caller's lock: is it due? It is stopped then. */
bool shared_timer_take(struct shared_timer *timer);

/* On the home CPU, when nobody starts it any more: afterwards nothing of it is left anywhere. */
void shared_timer_cancel(struct shared_timer *timer);

#endif
