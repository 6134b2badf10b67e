/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU a thread is: one by default, another if a test or daemon sets host_this_cpu. */
#include "kernel/cpu.h"

static struct cpu default_cpu = { .online = true };

__thread struct arch_cpu *host_this_cpu = &default_cpu.arch;
