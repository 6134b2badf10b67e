/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlock. The hypervisor takes interrupts only as a VM exit or in idle, so a
 * lock never has to mask them. With CONFIG_DEBUG_CHECKS order and owner are checked.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "asm/barrier.h"
#include "asm/lock.h"		/* LOCK_CHECKS */
#include "kernel/types.h"

/* The order, outermost first: docs/architecture.md says what each guards. */
enum lock_rank {
	LOCK_UNRANKED,		/* the owner is checked alone */
	LOCK_CONSOLE_INPUT,
	LOCK_GUEST,
	LOCK_LOADER,
	LOCK_VQ_TX,
	LOCK_SWITCHES,
	LOCK_SWITCH,
	LOCK_CAPTURE,
	LOCK_VQ_RX,
	LOCK_VPCI_INTX,
	LOCK_VPIC,
	LOCK_VIOAPIC,
	LOCK_NIC,
	LOCK_PARTS,
	LOCK_PCI_CONFIG,
	LOCK_IOAPIC,
	LOCK_HEAP,
	LOCK_PAGING,
	LOCK_MEM,
	LOCK_CONSOLE,
	LOCK_LOG,
	LOCK_RANKS
};

struct spinlock {
	u32 locked;
#ifdef LOCK_CHECKS
	u16 rank;
	u16 owner;		/* CPU's number + 1 while taken */
#endif
};

#ifdef LOCK_CHECKS
#define SPINLOCK_INIT(lock_rank)	{ .rank = (lock_rank) }

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank);
}

/* What breaks the rules is a panic that names the locks. From lock_checks_start() on. */
void lock_check_take(const struct spinlock *l);
void lock_taken(struct spinlock *l);
void lock_released(struct spinlock *l);
/* When this_cpu() can be used; and when it no longer matters, at a panic. */
void lock_checks_start(void);
void lock_checks_stop(void);
#else
#define SPINLOCK_INIT(lock_rank)	{ 0 }

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	*l = (struct spinlock){ 0 };
}

static inline void lock_check_take(const struct spinlock *l) {}
static inline void lock_taken(struct spinlock *l) {}
static inline void lock_released(struct spinlock *l) {}
static inline void lock_checks_start(void) {}
static inline void lock_checks_stop(void) {}
#endif

static inline void spin_lock(struct spinlock *l)
{
	lock_check_take(l);
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->locked))
			cpu_relax();
	lock_taken(l);
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_released(l);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

#endif
