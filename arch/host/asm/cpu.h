/* SPDX-License-Identifier: BSD-2-Clause */
/* The native build has one CPU per thread, set by the test or daemon. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include "kernel/types.h"

struct arch_cpu {
	struct arch_cpu *self;
};

extern __thread struct arch_cpu *host_this_cpu;

static inline struct arch_cpu *arch_this_cpu(void)
{
	return host_this_cpu;
}

#endif
