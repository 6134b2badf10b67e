/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers and the spin hint. x86 keeps loads ordered with loads and
 * stores with stores (SDM 3A §9.2.2), so only a store followed by a load of
 * another location needs an instruction.
 */
#ifndef ASM_BARRIER_H
#define ASM_BARRIER_H

#define barrier()	__asm__ volatile("" ::: "memory")
#define rmb()		barrier()
#define wmb()		barrier()
#define mb()		__asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
#define cpu_relax()	__asm__ volatile("pause" ::: "memory")

#endif
