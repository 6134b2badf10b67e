/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pollers: what a CPU looks at by itself for a while, in place of being told each time. Whoever
 * finds that nothing is left asks poller_keep(); if the answer is yes, the other side stays told
 * not to notify (doorbell, NIC interrupt), and the loop looks:
 *
 * - A CPU that belongs to workers does nothing else.
 * - A CPU that runs guests looks each POLLER_LOOK_NS, which ends guest mode, and before it sleeps.
 *   That pays only while notifications would come more often, so it is kept only then. If what is
 *   found takes longer than that, its guests have as long before the next look.
 *
 * All of it on the poller's own CPU.
 */
#ifndef KERNEL_POLLER_H
#define KERNEL_POLLER_H

#include "kernel/list.h"
#include "kernel/time.h"
#include "kernel/types.h"

struct cpu;

#define POLLER_LOOK_NS	(50 * NSEC_PER_USEC)

struct poller {
	struct list node;		/* cpu->pollers; empty: at rest */
	/* Look. True: there was something, and it has been dealt with or its work is queued. */
	bool (*poll)(struct poller *poller);
	/* Ask to be told from now on. True: something came up meanwhile; looking goes on. */
	bool (*rest)(struct poller *poller);
	u64 linger_ns;			/* at rest after so long without anything */
	u64 last_ns;			/* when there was something last */
	u64 emptied_ns;			/* when poller_keep() was asked last */
	u64 looks, found, rests;
};

/* At rest, not on a CPU. Both functions are called on the one that it will be kept by. */
void poller_init(struct poller *poller, bool (*poll)(struct poller *poller),
		 bool (*rest)(struct poller *poller));

/*
 * poller_keep() - something has been dealt with, and nothing is left: will it be looked at again?
 * @linger_ns is for how long without anything; 0: never. If not, the caller asks to be told.
 */
bool poller_keep(struct poller *poller, u64 linger_ns);
static inline bool poller_active(const struct poller *poller) { return !list_empty(&poller->node); }
void poller_stop(struct poller *poller);	/* harmless when at rest */

/*
 * For those that nobody has set a time for (NICs): the longest that anybody has. Any CPU;
 * pollers_set_linger() only ever raises it.
 */
u64 pollers_linger(void);
void pollers_set_linger(u64 ns);

/* The loop: look at all of @cpu's. True: there was something. False, too, if guests come first. */
bool pollers_look(struct cpu *cpu);
/* When it has to look again: TIME_NEVER if there are none, or it does nothing else anyway. */
u64 pollers_next(const struct cpu *cpu);

#endif
