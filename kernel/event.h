/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct event is the in-hypervisor eventfd. Signalling runs the function bound to it on
 * the signalling CPU; that function queues work (a kick) or raises a guest interrupt (a
 * call) and must be short, lock-free or nearly so, and safe on any CPU.
 */
#ifndef KERNEL_EVENT_H
#define KERNEL_EVENT_H

#include "kernel/types.h"

struct event;
typedef void (*event_fn)(struct event *event);

struct event {
	event_fn fn;		/* NULL: counted, nothing happens */
	u64 signals;		/* statistics, not exact across CPUs */
};

static inline void event_init(struct event *event, event_fn fn)
{
	event->fn = fn;
	event->signals = 0;
}

/* Any CPU. */
static inline void event_signal(struct event *event)
{
	event->signals++;
	if (event->fn)
		event->fn(event);
}

#endif
