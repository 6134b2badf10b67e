/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work: a function to be run once by a given CPU's loop. Queueing is lock-free, from any
 * CPU, and coalesces: work queued twice before it starts runs once. A function that has
 * more to do than its budget is requeued: it goes on when others had their turn, vCPUs
 * among them.
 *
 * Work done for a guest has a payer. What other CPUs queue of it interrupts the vCPUs of other
 * guests only so often: beyond that it is *held*. It stays queued, so that queueing it again
 * changes nothing and interrupts nobody, until its time comes or no other guest wants the CPU.
 */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

#include "kernel/types.h"

struct cpu;
struct guest;
struct work;

typedef void (*work_fn)(struct work *work);

/* A guest, on one CPU, for all its work there. That CPU's, once work can be queued. */
struct work_payer {
	const struct guest *guest;
	u64 *ran_ns;	/* of a vCPU of its there, which has had that time; NULL: it has none */
	u64 due_ns;	/* until then it has had its share of what other CPUs have it do */
	u64 pass;	/* of the CPU's loop: the last one that was counted */
};

struct work {
	struct work *next;
	work_fn fn;
	struct cpu *cpu;	/* where it runs; set by work_init(), changed only while idle */
	u32 queued;		/* enum work_queued */
	bool from_elsewhere;	/* another CPU has queued it; who has set `queued` sets this */
	struct work_payer *payer;	/* NULL: nobody */
};

enum work_queued {
	WORK_IDLE,
	WORK_QUEUED,
	WORK_WATCHED,	/* held, though not queued since it ran: who does that interrupts nobody */
};

struct work_queue {
	struct work *head;	/* pushed by any CPU, newest first */
	struct work *batch;	/* taken by the owner for the run under way, oldest first */
	struct work *kept;	/* taken by work_cancel(), for the next run, oldest first */
	struct work *later;	/* requeued: the owner's, oldest first; not work_pending() */
	struct work *held;	/* until work_release(): the owner's, oldest first; as little */
	u64 held_ns;		/* when to release them, if there are any */
};

/* Not queued. @fn will be called on @cpu, by its loop. */
void work_init(struct work *work, struct cpu *cpu, work_fn fn);

/* Any CPU. True if it was not queued before. Wakes the CPU if it sleeps or runs a guest. */
bool work_queue(struct work *work);

/*
 * From the function itself, on its CPU: there is more to do than its budget allows. Until it runs
 * again, queueing it changes nothing: who keeps it busy does not come before others by that.
 */
void work_requeue(struct work *work);
/* From the function itself: does other work wait for its CPU? Then it should not be long. */
bool work_others_wait(const struct work *work);

/* The loop: run what is queued now (not what it queues again). Number run. */
unsigned int work_run_queued(struct cpu *cpu);
/* A turn for each that is requeued now. Number run. */
unsigned int work_run_later(struct cpu *cpu);
/* Both, for who has no vCPUs. */
unsigned int work_run(struct cpu *cpu);
/* What is held is pending again. It is run unless it has to be held once more. */
void work_release(struct cpu *cpu);

/*
 * Take @work off its queue if it is queued; it may have started but not be running when
 * this returns, as it must be called on the work's own CPU. For tear-down.
 */
void work_cancel(struct work *work);

#endif
