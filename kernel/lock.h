/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlock. The hypervisor takes interrupts only as a VM exit or in idle, so a
 * lock never has to mask them. Lock order: docs/architecture.md.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "asm/barrier.h"
#include "kernel/types.h"

struct spinlock {
	u32 locked;
};

#define SPINLOCK_INIT	{ 0 }

static inline void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->locked))
			cpu_relax();
}

static inline bool spin_trylock(struct spinlock *l)
{
	return !__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE);
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

#endif
