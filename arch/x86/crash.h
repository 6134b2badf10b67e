/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breaking the hypervisor on purpose (`crash=WAY` on its command line), so that what a panic and an
 * exception say can be tested. Only with CONFIG_DEBUG_CHECKS.
 */
#ifndef ARCH_X86_CRASH_H
#define ARCH_X86_CRASH_H

#include <errno.h>

#include "kernel/types.h"

struct cpu;

#ifdef CONFIG_DEBUG_CHECKS

/* Remember the way. -EINVAL: there is none of that name. */
int crash_choose(const char *way);
/* Have it done a second from now in @cpu's loop; nothing if none was chosen. BSP. */
void crash_start(struct cpu *cpu);

#else

static inline int crash_choose(const char *way) { return -EINVAL; }
static inline void crash_start(struct cpu *cpu) { }

#endif

#endif
