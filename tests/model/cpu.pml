/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU loop's sleep and kick: no work is left in the queue and no interrupt stays with a halted
 * or running vCPU while its CPU sleeps or is in guest mode for good.
 *
 * Mirrors, by their names: kernel/cpu.c cpu_loop(), run_guests(), sched_pick(), cpu_enter(), cpu_sleep(),
 * cpu_pause(), cpu_kick(); kernel/work.c work_queue(), work_run_queued(), work_pending(); kernel/vcpu.c
 * vcpu_kick(), vcpu_runnable(); kernel/event.h event_signal(), which is a call of work_queue() or
 * of vlapic_post(); arch/x86/guest/vcpu.c arch_vcpu_run(), vcpu_ready(), take_kick(),
 * announce_guest_mode(); arch/x86/guest/lapic.c vlapic_post().
 *
 * Left out: timers, time slices and pollers, which would end a sleep that should have ended before
 * (how a poller goes to rest: notify.pml), and work that is requeued, which is the CPU's own: it
 * keeps the CPU from sleeping.
 * Each mutant has one barrier or one look less and must be seen to fail.
 *
 * mutant: NO_KICK_BARRIER	cpu_kick()
 * mutant: NO_PAUSE_BARRIER	cpu_pause()
 * mutant: NO_WORK_LOOK		cpu_pause(): work_pending()
 * mutant: NO_SECOND_PICK	cpu_sleep(): sched_pick() once more
 * mutant: NO_GUEST_BARRIER	announce_guest_mode()
 * mutant: NO_GUEST_WORK_LOOK	announce_guest_mode(): work_pending()
 * mutant: NO_KICKED_LOOK	announce_guest_mode(): vcpu->arch.kicked
 * mutant: KICKED_AFTER_LOOK	take_kick(): kicked is cleared after init_pending was looked at
 * mutant: NO_QUEUED_BARRIER	work_queue(): a plain look at work->queued
 */
#define WAKERS 2
#define ROUNDS 2
#define CPU WAKERS		/* processors 0 and 1 are the wakers' */
#define PROCESSORS 3

#define STATE 0			/* cpu->state */
#define KICKED 1		/* vcpu->arch.kicked */
#define POSTED 2		/* vlapic->posted */
#define INIT 3			/* vlapic->init_pending: what only take_kick() looks at */
#define DATA 4			/* of each waker: what the work's function shall see */
#define WORDS 6
#include "tso.pml"

#define RUNNING 0		/* enum cpu_state */
#define IN_GUEST 1
#define IDLE 2

/* Touched by locked instructions only. */
bit head;			/* work_queue.head: there is one work */
bit queued;			/* work->queued */
bit pir;			/* vlapic->pir: there is one vector */
bit ipi;			/* arch_cpu_kick(), taken where interrupts are: idle and guest mode */

/* The CPU's own. */
bit irr;			/* vlapic: pending */
bit halted;			/* vcpu->state == VCPU_HALTED */
bit picked;
byte seen[WAKERS], published[WAKERS];

/* ---- Those who wake: other CPUs ---- */

inline cpu_kick(p)
{
#ifndef NO_KICK_BARRIER
	mb(p);
#endif
	if
	:: load(STATE) != RUNNING -> ipi = 1
	:: else
	fi
}

inline work_queue(p)
{
#ifdef NO_QUEUED_BARRIER
	atomic { was = queued; if :: !was -> empty(buffer[p]); queued = 1 :: else fi };
#else
	locked(p, was = queued; queued = 1);
#endif
	if
	:: was
	:: else ->
		locked(p, head = 1);
		cpu_kick(p)
	fi
}

inline vlapic_post(p)
{
	locked(p, was = pir; pir = 1);
	if
	:: was
	:: else ->
		store(p, POSTED, 1);
		store(p, KICKED, 1);	/* vcpu_kick() */
		cpu_kick(p)
	fi
}

/* deliver() of an INIT, arch/x86/guest/lapic_msg.c */
inline send_init(p)
{
	store(p, INIT, 1);
	store(p, KICKED, 1);
	cpu_kick(p)
}

proctype waker(byte self)
{
	byte round;
	bit was;

	do
	:: round < ROUNDS ->
		round++;
		if
		:: store(self, DATA + self, round);
		   published[self] = round;
		   work_queue(self)
		:: vlapic_post(self)
		:: send_init(self)
		fi
	:: else -> break
	od
}

/* ---- The CPU ---- */

inline work_run()
{
	bit batch;

	locked(CPU, batch = head; head = 0);
	if
	:: batch ->
		locked(CPU, queued = 0);
		seen[0] = load(DATA + 0);	/* work->fn() */
		seen[1] = load(DATA + 1)
	:: else
	fi
}

inline vlapic_sync()
{
	if
	:: load(POSTED) ->
		locked(CPU, mem[POSTED] = 0);
		locked(CPU, irr = irr || pir; pir = 0)
	:: else
	fi
}

/* vcpu_runnable() of the one vCPU */
inline sched_pick()
{
	if
	:: halted -> vlapic_sync(); halted = !irr && !load(INIT)
	:: else
	fi;
	picked = !halted
}

inline cpu_pause(may)
{
	store(CPU, STATE, IDLE);
#ifndef NO_PAUSE_BARRIER
	mb(CPU);
#endif
#ifdef NO_WORK_LOOK
	may = 1
#else
	may = !head
#endif
}

inline announce_guest_mode(may)
{
	store(CPU, STATE, IN_GUEST);
#ifndef NO_GUEST_BARRIER
	mb(CPU);
#endif
	may = 1;
#ifndef NO_GUEST_WORK_LOOK
	if
	:: head -> may = 0
	:: else
	fi;
#endif
#ifndef NO_KICKED_LOOK
	if
	:: load(KICKED) -> may = 0
	:: else
	fi
#endif
}

inline take_init()
{
	if
	:: load(INIT) -> locked(CPU, mem[INIT] = 0)
	:: else
	fi
}

inline take_kick()
{
#ifdef KICKED_AFTER_LOOK
	take_init();
	locked(CPU, mem[KICKED] = 0)
#else
	locked(CPU, mem[KICKED] = 0);
	take_init()
#endif
}

inline vcpu_ready()
{
	if
	:: load(KICKED) -> take_kick()
	:: else
	fi
}

/* hvm->run(): what is posted is injected; the guest halts, or computes until it is interrupted. */
inline hvm_run()
{
	vlapic_sync();
	irr = 0;
	if
	:: halted = 1
	:: true ->
end_guest:	ipi -> ipi = 0
	fi
}

inline arch_vcpu_run()
{
	vcpu_ready();
	do
	:: halted -> break
	:: else ->
		announce_guest_mode(may);
		if
		:: may -> hvm_run(); store(CPU, STATE, RUNNING)
		:: else ->
			store(CPU, STATE, RUNNING);
			if
			:: head -> break
			:: else -> vcpu_ready()
			fi
		fi
	od
}

inline cpu_sleep()
{
	cpu_pause(may);
#ifndef NO_SECOND_PICK
	sched_pick();
	may = may && !picked;
#endif
	if
	:: may ->
end_idle:	ipi -> ipi = 0		/* arch_cpu_idle() */
	:: else
	fi;
	store(CPU, STATE, RUNNING)
}

proctype cpu_loop()
{
	bit may;

	do
	:: work_run();
	   sched_pick();
	   if
	   :: picked -> arch_vcpu_run()	/* cpu_enter() */
	   :: else -> cpu_sleep()
	   fi
	od
}

/* Nobody can go on: whatever was published has been seen. */
active proctype check()
{
	timeout;
	assert(!head && !queued && !pir && !irr && !load(INIT));
	assert(seen[0] == published[0] && seen[1] == published[1])
}

init {
	atomic {
		run drain(0); run drain(1); run drain(CPU);
		run waker(0); run waker(1);
		run cpu_loop()
	}
}
