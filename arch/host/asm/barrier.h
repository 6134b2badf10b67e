/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers and the spin hint for the portable code built as a Linux process;
 * the compiler knows these fences, so ThreadSanitizer does too.
 */
#ifndef ASM_BARRIER_H
#define ASM_BARRIER_H

#define barrier()	__asm__ volatile("" ::: "memory")
#define rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define cpu_relax()	__asm__ volatile("pause" ::: "memory")

#endif
