/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock's beginning; the rest is in arch/x86/smp.h and kernel/time.h. */
#ifndef ARCH_X86_TSC_H
#define ARCH_X86_TSC_H

/* time_ns() is 0 now. First of all; until tsc_init() it stays 0. */
void tsc_start(void);

#endif
