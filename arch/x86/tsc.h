/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock's beginning; the rest is in arch/x86/smp.h and kernel/time.h. */
#ifndef ARCH_X86_TSC_H
#define ARCH_X86_TSC_H

/* time_ns() is 0 now. First of all; until tsc_init() it stays 0. */
void tsc_start(void);

/*
 * The AP that has come up has its counter compared with, and set to, the BSP's: it calls
 * tsc_sync_answer() while the BSP calls tsc_sync_ask(). One AP at a time. -ETIMEDOUT: no answer
 * (within a second, then it is left where it is).
 */
struct cpu;
void tsc_sync_answer(void);
int tsc_sync_ask(const struct cpu *cpu);

#endif
