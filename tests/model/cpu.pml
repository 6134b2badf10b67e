/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU loop's sleep and kick, and the vCPU's: no work is left in the queue and no interrupt stays
 * with a halted or running vCPU while its CPU sleeps or is in guest mode for good. Another vCPU of the CPU may compute for ever.
 *
 * Mirrors, by their names: kernel/cpu.c cpu_loop(), run_guests(), sched_pick(), cpu_enter(), cpu_sleep(),
 * cpu_pause(), cpu_kick(), release(); kernel/work.c work_queue(), work_run_queued(), work_pending(),
 * run_from_elsewhere(), unwatch(), watch(), hold(), work_release(); kernel/vcpu.c
 * vcpu_kick(), wake(), vcpu_runnable(), falls_asleep(); kernel/event.h
 * event_signal(), which is a call of work_queue() or of vlapic_post();
 * arch/x86/guest/vcpu.c arch_vcpu_run(), vcpu_ready(), take_kick(), announce_guest_mode();
 * arch/x86/guest/lapic_irq.c vlapic_post().
 *
 * Whether work has to be held, and when it is released, is left to chance. vcpu->wake is held in the
 * same way, which is left out.
 *
 * Left out: other timers, time slices and pollers, which would end a sleep that should have ended before
 * (how a poller goes to rest: notify.pml), and work that is requeued, which is the CPU's own: it
 * keeps the CPU from sleeping.
 * Each mutant has one barrier or one look less and must be seen to fail.
 *
 * mutant: NO_KICK_BARRIER	vcpu_kick()
 * mutant: NO_PAUSE_BARRIER	cpu_pause()
 * mutant: NO_WORK_LOOK		cpu_pause(): work_pending()
 * mutant: NO_AWAKE_LOOK	cpu_pause(): cpu->awake
 * mutant: NO_WAKE_WORK	vcpu_kick(): the CPU is interrupted, but the vCPU stays asleep
 * mutant: NO_ASLEEP_BARRIER	falls_asleep()
 * mutant: NO_SECOND_LOOK	falls_asleep(): what there is for the vCPU is looked at before vcpu->asleep is set
 * mutant: NO_GUEST_BARRIER	announce_guest_mode()
 * mutant: NO_GUEST_WORK_LOOK	announce_guest_mode(): work_pending()
 * mutant: NO_KICKED_LOOK	announce_guest_mode(): vcpu->arch.kicked
 * mutant: KICKED_AFTER_LOOK	take_kick(): kicked is cleared after init_pending was looked at
 * mutant: NO_QUEUED_BARRIER	work_queue(): a plain look at work->queued
 * mutant: BLIND_WATCH	watch(): a plain store of work->queued, though it may have been queued since
 * mutant: BLIND_UNWATCH	unwatch(): a look at work->queued, then a store
 * mutant: NO_RELEASE	release(): nothing ends guest mode or the sleep while work is held
 * mutant: NO_HEAD_BARRIER	work_queue(): queue->head is stored after cpu->state has been read
 */
#define WAKERS 2
#define ROUNDS(waker) (2 - (waker))
#define CPU WAKERS		/* processors 0 and 1 are the wakers' */
#define PROCESSORS 3

#define STATE 0			/* cpu->state */
#define KICKED 1		/* vcpu->arch.kicked */
#define POSTED 2		/* vlapic->posted */
#define INIT 3			/* vlapic->init_pending: what only take_kick() looks at */
#define ASLEEP 4		/* vcpu->asleep */
#define DATA 5			/* of each waker: what the work's function shall see */
#define WORDS 7
#include "tso.pml"

#define QUEUED 1		/* enum work_queued */
#define WATCHED 2

#define RUNNING 0		/* enum cpu_state */
#define IN_GUEST 1
#define IDLE 2

/* Touched by locked instructions only. */
bit head;			/* work_queue.head or kept: there is one work */
byte queued;			/* work->queued */
bit wake_head, wake_queued;	/* the same of vcpu->wake */
bit pir;			/* vlapic->pir: there is one vector */
bit ipi;			/* arch_cpu_kick(), taken where interrupts are: idle and guest mode */

/* The CPU's own. */
bit irr;			/* vlapic: pending */
bit held;			/* work_queue.held: the work is there */
byte seen[WAKERS], published[WAKERS];

/* ---- Those who wake: other CPUs ---- */

inline cpu_kick(p)
{
	if
	:: load(STATE) != RUNNING -> ipi = 1
	:: else
	fi
}

inline work_queue(p, work_queued, work_head)
{
#ifdef NO_QUEUED_BARRIER
	atomic { was = work_queued; if :: !was -> empty(buffer[p]); work_queued = 1 :: else fi };
#else
	locked(p, was = work_queued; work_queued = 1);
#endif
	if
	:: was
	:: else ->
#ifdef NO_HEAD_BARRIER
		cpu_kick(p);
		locked(p, work_head = 1)
#else
		locked(p, work_head = 1);
		cpu_kick(p)
#endif
	fi
}

inline vcpu_kick(p)
{
	store(p, KICKED, 1);
#ifndef NO_KICK_BARRIER
	mb(p);
#endif
	if
#ifndef NO_WAKE_WORK
	:: load(ASLEEP) -> work_queue(p, wake_queued, wake_head)
#endif
	:: else -> cpu_kick(p)
	fi
}

inline vlapic_post(p)
{
	locked(p, was = pir; pir = 1);
	if
	:: was
	:: else ->
		store(p, POSTED, 1);
		vcpu_kick(p)
	fi
}

/* deliver() of an INIT, arch/x86/guest/lapic_msg.c */
inline send_init(p)
{
	store(p, INIT, 1);
	vcpu_kick(p)
}

proctype waker(byte self)
{
	byte round, was;

	do
	:: round < ROUNDS(self) ->
		round++;
		if
		:: store(self, DATA + self, round);
		   published[self] = round;
		   work_queue(self, queued, head)
		:: vlapic_post(self)
		:: send_init(self)
		fi
	:: else -> break
	od
}

/* ---- The CPU ---- */

inline wake()
{
	if
	:: !awake -> store(CPU, ASLEEP, 0); awake = 1
	:: else
	fi
}

/* unwatch(), and the decision to hold it, which is the CPU's own */
inline may_run()
{
#ifdef BLIND_UNWATCH
	may = queued != WATCHED;
	if
	:: !may -> queued = 0
	:: may
	fi
#else
	locked(CPU, may = queued != WATCHED; if :: !may -> queued = 0 :: may fi);
#endif
	if
	:: may -> held = 1; may = 0		/* hold() */
	:: true
	fi
}

inline watch()
{
#ifdef BLIND_WATCH
	locked(CPU, queued = WATCHED; held = 1)
#else
	locked(CPU, if :: !queued -> queued = WATCHED; held = 1 :: true fi)
#endif
}

inline run_from_elsewhere()
{
#ifdef BLIND_UNWATCH
	may_run();
#else
	atomic { may_run() };
#endif
	if
	:: may ->
		locked(CPU, queued = 0);
		seen[0] = load(DATA + 0);	/* work->fn() */
		seen[1] = load(DATA + 1);
		if
		:: watch()
		:: true
		fi
	:: else
	fi
}

inline work_release()
{
	atomic { held = 0; head = 1 }
}

inline work_run()
{
	bit batch, wake_batch;

	locked(CPU, batch = head; head = 0; wake_batch = wake_head; wake_head = 0);
	if
	:: wake_batch ->
		locked(CPU, wake_queued = 0);
		wake()
	:: else
	fi;
	if
	:: batch -> run_from_elsewhere()
	:: else
	fi
}

/* What ends guest mode or the sleep: an interrupt, or the timer of what is held. */
inline interrupted()
{
	if
	:: ipi -> ipi = 0
#ifndef NO_RELEASE
	:: held -> work_release()
#endif
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

inline has_interrupt()
{
	if
	:: halted -> vlapic_sync(); halted = !irr && !load(INIT)
	:: else
	fi
}

inline falls_asleep()
{
#ifdef NO_SECOND_LOOK
	has_interrupt();
	picked = !halted;
#endif
	store(CPU, ASLEEP, 1);
#ifndef NO_ASLEEP_BARRIER
	mb(CPU);
#endif
#ifndef NO_SECOND_LOOK
	has_interrupt();
	picked = !halted;
#endif
	if
	:: picked -> store(CPU, ASLEEP, 0)
	:: else -> awake = 0
	fi
}

/* vcpu_runnable() of the one that is kicked */
inline sched_pick()
{
	picked = awake && !halted;
	if
	:: awake && !picked -> falls_asleep()
	:: else
	fi
}

inline cpu_pause(may)
{
	store(CPU, STATE, IDLE);
#ifndef NO_PAUSE_BARRIER
	mb(CPU);
#endif
#ifdef NO_WORK_LOOK
	may = 1;
#else
	may = !head && !wake_head;
#endif
#ifndef NO_AWAKE_LOOK
	may = may && !awake
#endif
}

inline announce_guest_mode(may, of_spinner)
{
	store(CPU, STATE, IN_GUEST);
#ifndef NO_GUEST_BARRIER
	mb(CPU);
#endif
	may = 1;
#ifndef NO_GUEST_WORK_LOOK
	if
	:: head || wake_head -> may = 0
	:: else
	fi;
#endif
#ifndef NO_KICKED_LOOK
	if
	:: !of_spinner && load(KICKED) -> may = 0
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
end_guest:	interrupted()
	fi
}

inline arch_vcpu_run()
{
	vcpu_ready();
	do
	:: halted -> break
	:: else ->
		announce_guest_mode(may, false);
		if
		:: may -> hvm_run(); store(CPU, STATE, RUNNING)
		:: else ->
			store(CPU, STATE, RUNNING);
			if
			:: head || wake_head -> break
			:: else -> vcpu_ready()
			fi
		fi
	od
}

/* arch_vcpu_run() of the other one: for good, or a slice if somebody waits. */
inline spin()
{
	announce_guest_mode(may, true);
	if
	:: may ->
end_spin:	if
		:: ipi -> ipi = 0
		:: awake
#ifndef NO_RELEASE
		:: held -> work_release()
#endif
		fi
	:: else
	fi;
	store(CPU, STATE, RUNNING)
}

/* What a poller finds is an interrupt for the vCPU, from its own CPU. */
inline pollers_look()
{
	if
	:: poller -> poller = 0; irr = 1; wake()
	:: else
	fi
}

inline cpu_sleep()
{
	if
	:: held -> work_release()
	:: else
	fi;
	cpu_pause(may);
	if
	:: may ->
end_idle:	interrupted()		/* arch_cpu_idle() */
	:: else
	fi;
	store(CPU, STATE, RUNNING)
}

proctype cpu_loop(bit spinner, poller)
{
	bit halted;		/* vcpu->state == VCPU_HALTED */
	bit awake = 1;		/* it is in cpu->awake */
	bit picked, may;

	do
	:: work_run();
	   sched_pick();
	   if
	   :: picked -> arch_vcpu_run()	/* cpu_enter() */
	   :: spinner -> spin()
	   :: !picked && !spinner -> pollers_look(); cpu_sleep()
	   fi
	od
}

/* Nobody can go on: whatever was published has been seen. */
active proctype check()
{
	timeout;
	assert(!head && !queued && !wake_head && !wake_queued && !held && !pir && !irr && !load(INIT));
	assert(seen[0] == published[0] && seen[1] == published[1])
}

init {
	atomic {
		run drain(0); run drain(1); run drain(CPU);
		run waker(0); run waker(1);
		if
		:: run cpu_loop(0, 1)	/* a poller will find something before it sleeps */
		:: run cpu_loop(1, 0)	/* another vCPU computes and is not kicked */
		fi
	}
}
