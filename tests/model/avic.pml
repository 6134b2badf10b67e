/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AVIC: no interrupt is lost, or stays in IRR while its vCPU is halted or in guest mode for good,
 * whoever sets the bit at whatever time: software that posts it, or the processor of another vCPU.
 *
 * Mirrors, by their names: arch/x86/svm/avic.c svm_avic_prepare(), run_begin(), run_end(),
 * svm_avic_finish(), svm_avic_without(), svm_avic_post(), ring_or_kick(), wake(); what the processor
 * does at VMRUN, for a doorbell and for an IPI: APM volume 2, 15.29.6.1, 15.29.8.
 *
 * Left out: how a kick ends guest mode and sleep (cpu.pml): here it does, once, and does not get
 * lost. Priorities, as what is masked is taken when it no longer is, without anybody's help.
 *
 * config: IPIS		processors that send IPIs see who runs
 * config: IPIS_EXIT	nobody is said to run: svm_caps.avic_ipis_exit
 *
 * mutant: NO_RUN_END_BARRIER	run_end(): a plain store ends it
 * mutant: LOOK_BEFORE_RUN_END	svm_avic_finish(): IRR is looked at before run_end()
 * mutant: NO_LOOK		svm_avic_finish(): IRR is not looked at
 * mutant: NO_SECOND_LOAD	svm_avic_post(): rings, as it ran before the bit was set
 * mutant: NO_KICK		ring_or_kick(): no kick of one that does not run
 * mutant: NO_CLAIM		svm_avic_without(): what is shown stays in IRR, and is cleared after the exit
 * mutant: NO_UNCLAIM		svm_avic_finish(): what was not taken is not put back
 */
#define OWNER 0			/* the vCPU's processor */
#define POSTER 1		/* svm_avic_post() */
#define SENDER 2		/* of another vCPU: an IPI by its processor */
#define PROCESSORS 3

#define RUNNING 0		/* avic_vcpu.running */
#define IS_RUNNING 1		/* AVIC_PHYSICAL_RUNNING of its entry */
#define WORDS 2
#include "tso.pml"

#define ENTRIES 3
#define SENDS 2

/* Touched by locked instructions only. */
bit irr, pir, kick;
bit owed;			/* sent, and since not taken */
bit doorbell;			/* rung, and not yet seen by its processor; in host mode for nothing */

/* ---- Those who send ---- */

inline ring_or_kick(p)
{
	if
	:: load(RUNNING) -> doorbell = 1
	:: else ->
#ifndef NO_KICK
		locked(p, kick = 1)
#else
		skip
#endif
	fi
}

proctype poster()
{
	byte n;
	bit was;

	do
	:: n < SENDS ->
		n++;
		if
		:: load(RUNNING) ->
			locked(POSTER, was = irr; irr = 1; owed = 1);
			if
			:: was
			:: else ->
#ifdef NO_SECOND_LOAD
				doorbell = 1
#else
				ring_or_kick(POSTER)
#endif
			fi
		:: else ->
			locked(POSTER, pir = 1; owed = 1);
			locked(POSTER, kick = 1)
		fi
	:: else -> break
	od
}

proctype sender()
{
	byte n;

	do
	:: n < SENDS ->
		n++;
		locked(SENDER, irr = 1; owed = 1);
		if
		:: load(IS_RUNNING) -> doorbell = 1
		:: else ->		/* AVIC_IPI_NOT_RUNNING: wake() */
			mb(SENDER);
			if
			:: irr -> ring_or_kick(SENDER)
			:: else
			fi
		fi
	:: else -> break
	od
}

/* ---- The vCPU ---- */

inline take_kick()
{
	locked(OWNER, kick = 0);
	locked(OWNER, requested = irr || pir; irr = irr || pir; pir = 0)
}

inline take()
{
	atomic {
		if
		:: irr -> irr = 0; owed = pir
		:: else
		fi
	}
}

/* In guest mode the processor looks at VMRUN and when the doorbell rings. */
inline with_avic()
{
	store(OWNER, RUNNING, 1);
#ifdef IPIS
	store(OWNER, IS_RUNNING, 1);
#endif
	doorbell = 0;
	take();
end_guest:
	do
	:: doorbell -> doorbell = 0; take()
	:: kick -> break
	:: entries < ENTRIES -> break		/* any other exit */
	od;
	store(OWNER, IS_RUNNING, 0);
#ifdef LOOK_BEFORE_RUN_END
	requested = irr;
#endif
#ifdef NO_RUN_END_BARRIER
	store(OWNER, RUNNING, 0);
#else
	locked(OWNER, mem[RUNNING] = 0);
#endif
#ifdef NO_LOOK
	requested = 0
#endif
#if !defined(NO_LOOK) && !defined(LOOK_BEFORE_RUN_END)
	requested = irr
#endif
}

/* What is requested is shown; the guest takes it or is interrupted before. */
inline without_avic()
{
	shown = requested;
	requested = 0;
	claimed = 0;
#ifndef NO_CLAIM
	if
	:: shown -> locked(OWNER, irr = 0); claimed = 1
	:: else
	fi;
#endif
	taken = 0;
end_without:
	if
	:: shown -> atomic { taken = 1; owed = pir || (irr && claimed) }
	:: kick
	:: entries < ENTRIES
	fi;
	if
	:: taken ->
#ifdef NO_CLAIM
		if
		:: kick
		:: entries < ENTRIES
		:: entries == ENTRIES
		fi;
		locked(OWNER, irr = 0)
#else
		skip
#endif
	:: shown && !taken ->
		requested = 1;
#ifndef NO_UNCLAIM
		locked(OWNER, irr = 1)
#else
		requested = 0
#endif
	:: else
	fi
}

/* The last entry, if there is something for it, is with AVIC, and then the guest computes for ever. */
proctype owner()
{
	byte entries;
	bit requested, shown, claimed, taken;

	do
	:: entries < ENTRIES ->
		entries++;
		if
		:: kick -> take_kick()
		:: else
		fi;
		if
		:: with_avic()
		:: without_avic()
		fi;
		if			/* HLT */
		:: requested
		:: !requested ->
end_halted:		if
			:: kick -> take_kick()
			:: entries == ENTRIES
			fi
		:: true
		fi
	:: else -> break
	od;
	if
	:: requested -> take()
	:: else
	fi;
end:	do
	:: kick -> take_kick(); take(); requested = 0
	od
}

/* Nothing moves any more. */
proctype judge()
{
	timeout -> assert(!owed && !irr && !pir)
}

init {
	atomic {
		run drain(OWNER);
		run drain(POSTER);
		run drain(SENDER);
		run poster();
		run sender();
		run owner();
		run judge()
	}
}
